/**
 * Holds one transcript against another and tells the first difference in words: which connection, which command, what
 * the real server said and what ours said. Bytes are compared; the text is only for reading.
 */
import { frameEnd } from '../servers/resp.ts';
import { type Case, type CommandLine, type Transcript, turnOf } from './case.ts';

/** The frames inside an aggregate, and its header; null for a frame that is not one. */
function opened(frame: Buffer): { header: Buffer; parts: Buffer[] } | null {
  if (!'*~%>'.includes(String.fromCharCode(frame[0] ?? 0))) return null;
  const headerEnd = frame.indexOf('\r\n') + 2;
  const parts: Buffer[] = [];
  for (let at = headerEnd; at < frame.length; ) {
    const end = frameEnd(frame, at);
    parts.push(frame.subarray(at, end));
    at = end;
  }
  return { header: frame.subarray(0, headerEnd), parts };
}

/** A frame with the elements of every aggregate sorted by their bytes. Maps are flattened, as RESP2 shows them. */
export function sorted(frame: Buffer): Buffer {
  const inside = opened(frame);
  if (inside === null) return frame;
  return Buffer.concat([inside.header, ...inside.parts.map(sorted).sort(Buffer.compare)]);
}

/** EXEC's answer keeps the order of its commands; only their own answers are sorted. */
function sortedInside(frame: Buffer): Buffer {
  const inside = opened(frame);
  return inside === null ? frame : Buffer.concat([inside.header, ...inside.parts.map(sorted)]);
}

/** Bytes as JSON shows text, so that every one of them can be seen. Long ones are cut. */
export function shown(bytes: Buffer | undefined): string {
  if (bytes === undefined) return 'nothing';
  const text = JSON.stringify(bytes.subarray(0, 600).toString('latin1'));
  return bytes.length > 600 ? `${text} and ${bytes.length - 600} bytes more` : text;
}

/** A command as one line of text. */
export function spelled(line: CommandLine): string {
  if (typeof line === 'string') return line;
  return line
    .map((word) => {
      const text = word instanceof Uint8Array ? Buffer.from(word).toString('latin1') : String(word);
      return /^[\x21-\x7e]+$/.test(text) && text.length < 100 ? text : JSON.stringify(text.slice(0, 100));
    })
    .join(' ');
}

/** Null when the transcripts agree, otherwise the first difference. */
export function difference(script: Case, right: Transcript, ours: Transcript): string | null {
  for (const { on, frames } of right.heard) {
    const got = ours.heard.find((other) => other.on === on)?.frames ?? [];
    const turns = script.commands
      .map((command, index) => ({ ...turnOf(command), index }))
      .filter((turn) => turn.on === on);
    for (let at = 0; at < Math.max(frames.length, got.length); at++) {
      // Pushes shift the count; then the command named is only near the truth, which is good enough for reading.
      const turn = turns[at];
      const [want, have] = [frames[at], got[at]];
      if (want !== undefined && have !== undefined) {
        if (want.equals(have)) continue;
        if (turn !== undefined && script.kindOnly?.includes(turn.index) && want[0] === have[0]) continue;
        const { unordered } = script;
        const anyOrder = Array.isArray(unordered) ? turn && unordered.includes(turn.index) : unordered;
        const order = turn && /^exec$/i.test(spelled(turn.run)) ? sortedInside : sorted;
        if (anyOrder && order(want).equals(order(have))) continue;
      }
      const where = on === '' ? '' : ` on '${on}'`;
      return `reply ${at}${where}, to ${turn ? spelled(turn.run) : '?'}\n  redis: ${shown(want)}\n  ours:  ${shown(have)}`;
    }
  }
  const extra = ours.heard.find((other) => !right.heard.some(({ on }) => on === other.on));
  if (extra !== undefined) return `a connection '${extra.on}' that redis does not have`;
  if (right.counts.join('\n') !== ours.counts.join('\n')) {
    const only = (these: readonly string[], others: readonly string[]): string =>
      these.filter((line) => !others.includes(line)).join(', ');
    return `counts\n  redis: ${only(right.counts, ours.counts)}\n  ours:  ${only(ours.counts, right.counts)}`;
  }
  if (right.digest !== ours.digest) return `digest\n  redis: ${right.digest}\n  ours:  ${ours.digest}`;
  return null;
}

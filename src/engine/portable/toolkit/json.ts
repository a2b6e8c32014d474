/**
 * Keys as JSON, in two layouts: a line each, or one document as redis-rdb-tools writes it.
 *
 * The twin of crates/toolkit/src/json.rs, which draws both: the bytes are the same.
 */
import type { RdbValue } from '../rdb/value.ts';
import { formatStreamId, streamIdMax } from '../stream-id.ts';
import type { Entry, Job } from './job.ts';
import { json } from './text.ts';

export class JsonJob implements Job {
  readonly #layout: 'lines' | 'rdb-tools';
  #out: string[] = [];
  #db: number | null = null;
  #first = true;

  constructor(layout: 'lines' | 'rdb-tools') {
    this.#layout = layout;
    if (layout === 'rdb-tools') this.#out.push('[');
  }

  entry({ db, key, value, attributes }: Entry): void {
    if (this.#layout === 'lines') {
      const expiry = attributes.expireAtMs === null ? '' : `,"expireAtMs":${attributes.expireAtMs}`;
      this.#out.push(
        `{"db":${db},"key":${json(key)},"type":"${value.type}"${expiry},"value":${valueJson(value)}}\n`,
      );
      return;
    }
    if (this.#db !== db) {
      this.#out.push(this.#db === null ? '{' : '},{');
      this.#db = db;
      this.#first = true;
    }
    this.#out.push(`${this.#first ? '\n' : ',\n'}${json(key)}:${valueJson(value)}`);
    this.#first = false;
  }

  take(): Buffer {
    return Buffer.from(this.#out.splice(0).join(''));
  }

  finish(): Buffer {
    if (this.#layout === 'rdb-tools') this.#out.push(this.#db === null ? ']\n' : '}]\n');
    return this.take();
  }
}

const list = (items: readonly string[]): string => `[${items.join(',')}]`;

function score(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '"inf"' : '"-inf"';
}

function valueJson(value: RdbValue): string {
  switch (value.type) {
    case 'string':
      return json(value.bytes.toString('latin1'));
    case 'list':
      return list(value.elements.map(json));
    case 'set':
      return list(value.members.map(json));
    case 'zset':
      return list(value.members.map((member, at) => `[${json(member)},${score(value.scores[at]!)}]`));
    case 'hash': {
      const fields = value.fields.map((field, at) => {
        const expiry = value.expiresAtMs?.[at] ?? 0;
        const text = json(value.values[at]!);
        return `${json(field)}:${expiry > 0 ? `{"value":${text},"expireAtMs":${expiry}}` : text}`;
      });
      return `{${fields.join(',')}}`;
    }
    case 'module':
      return `{"module":${json(value.name)},"raw":"${rawWithoutId(value.raw).toString('hex')}"}`;
    case 'stream':
      return streamJson(value.stream);
  }
}

/** A module's value keeps its id in front, which JSON shows as the name. Length-coded: 1, 2, 5 or 9 bytes. */
export function rawWithoutId(raw: Buffer): Buffer {
  const head = raw[0]!;
  return raw.subarray(head === 0x81 ? 9 : head === 0x80 ? 5 : head >= 0x40 ? 2 : 1);
}

function streamJson(stream: (RdbValue & { type: 'stream' })['stream']): string {
  const id = (number: bigint) => `"${formatStreamId(number)}"`;
  const entries = [...stream.range(0n, streamIdMax)].map(
    (entry) => `[${id(entry.id)},${list(entry.fields.map(json))}]`,
  );
  const groups = [...stream.groups.values()].map((group) => {
    const pending = [...group.pending.from(0n)].map(
      (one) => `[${id(one.id)},${one.deliveredMs},${one.count}]`,
    );
    const consumers = [...group.consumers.values()].map((consumer) => {
      const owned = [...consumer.pending.from(0n)].map((one) => id(one.id));
      return `{"name":${json(consumer.name)},"seenMs":${consumer.seenMs},"activeMs":${consumer.activeMs},"pending":${list(owned)}}`;
    });
    const read = group.entriesRead < 0n ? 'null' : String(group.entriesRead);
    return `{"name":${json(group.name)},"lastId":${id(group.lastId)},"entriesRead":${read},"pending":${list(pending)},"consumers":${list(consumers)}}`;
  });
  return `{"entries":${list(entries)},"length":${stream.length},"lastId":${id(stream.lastId)},"maxDeletedId":${id(stream.maxDeletedId)},"entriesAdded":${stream.entriesAdded},"groups":${list(groups)}}`;
}

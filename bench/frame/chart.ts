/**
 * The chart in the README: redtwin beside Redis 7.0.15, how many times as fast (or as small), drawn from the newest record. One
 * self-contained SVG; its colours follow the reader's light or dark setting.
 *
 *     SET -P 16    |##########|##########        2.1
 *                  0          1 (Redis)
 */
import type { Results } from './results.ts';
import { rounded } from './rows.ts';

interface Line {
  label: string;
  /** How many times better than the real server. */
  times: number;
  /** Their figure and ours, with the unit, for the tooltip. */
  title: string;
}

interface Group {
  title: string;
  bench: string;
  /** Rows of the bench, and how they are called here. */
  rows: readonly (readonly [what: string, label: string])[];
  /** Seconds and megabytes: the smaller the better. */
  lessIsBetter: boolean;
}

const groups: readonly Group[] = [
  {
    ...{ title: 'Requests per second', bench: 'throughput', lessIsBetter: false },
    rows: [
      ...['SET', 'GET', 'INCR'].flatMap((name) =>
        [1, 16, 128].map(
          (depth) => [`${name} -P ${depth}, requests/s`, `${name}, pipeline ${depth}`] as const,
        ),
      ),
      ...['LPUSH', 'HSET', 'ZADD', 'XADD', 'LRANGE_100'].map(
        (name) => [`${name} -P 16, requests/s`, `${name}, pipeline 16`] as const,
      ),
    ],
  },
  {
    ...{ title: 'A replica catching up', bench: 'catch-up', lessIsBetter: false },
    rows: ['SET 64 B', 'SET 3 B', 'INCR', 'mixed'].map(
      (name) => [`${name}, commands/s`, `${name} feed`] as const,
    ),
  },
  {
    ...{ title: 'Full resync from a real primary', bench: 'resync', lessIsBetter: true },
    rows: ['A diskless', 'A disk-based', 'B diskless', 'B disk-based'].map(
      (name) => [`${name}, s`, name] as const,
    ),
  },
  {
    ...{ title: 'Loading an RDB', bench: 'load', lessIsBetter: true },
    rows: [
      ['load A, s', 'A: 5 million strings'],
      ['load B, s', 'B: mixed types'],
    ],
  },
  {
    ...{ title: 'Memory, whole process (times smaller)', bench: 'memory', lessIsBetter: true },
    rows: [
      ['hold A, MB', 'A: 5 million strings'],
      ['hold B, MB', 'B: mixed types'],
    ],
  },
];

function linesOf({ bench, rows, lessIsBetter }: Group, record: Results): Line[] {
  return rows.flatMap(([what, label]) => {
    const same = record.benches[bench]?.figures.filter((figure) => figure.what === what) ?? [];
    const [theirs, ours] = [same[0], same.find(({ who }) => who === 'redtwin native')];
    if (theirs === undefined || ours === undefined || theirs === ours) return [];
    const times = lessIsBetter ? theirs.median / ours.median : ours.median / theirs.median;
    const title = `${what}: ${theirs.who} ${rounded(theirs.median)}, redtwin ${rounded(ours.median)}`;
    return [{ label, times, title }];
  });
}

const style = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .page { fill: #ffffff; } .title { font-size: 15px; font-weight: 600; } .group { font-weight: 600; }
  .faint { fill: #59636e; } .ahead { fill: #1f883d; } .behind { fill: #bc4c00; } .one { stroke: #1f2328; }
  .grid { stroke: #d1d9e0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .page { fill: #0d1117; } .faint { fill: #9198a1; } .ahead { fill: #3fb950; }
    .behind { fill: #db6d28; } .one { stroke: #f0f6fc; } .grid { stroke: #3d444d; }
  }`;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** The SVG of a record. */
export function chart(record: Results | null): string {
  const shown = record === null ? [] : groups.map((group) => ({ group, lines: linesOf(group, record) }));
  const filled = shown.filter(({ lines }) => lines.length > 0);
  const [width, left, right, rowHeight] = [760, 190, 60, 18];
  const most = Math.max(2, ...filled.flatMap(({ lines }) => lines.map(({ times }) => times)));
  const x = (times: number): number => Math.round(left + ((width - left - right) * times) / most);
  const parts: string[] = [];
  let y = 58;
  for (const { group, lines } of filled) {
    parts.push(`<text class="group" x="16" y="${y + 12}">${escaped(group.title)}</text>`);
    y += 20;
    for (const { label, times, title } of lines) {
      parts.push(
        `<g><title>${escaped(title)}</title><text class="faint" x="${left - 8}" y="${y + 12}" text-anchor="end">${escaped(label)}</text>` +
          `<rect class="${times >= 1 ? 'ahead' : 'behind'}" x="${left}" y="${y + 2}" width="${x(times) - left}" height="${rowHeight - 5}" rx="2"/>` +
          `<text x="${x(times) + 6}" y="${y + 12}">${times.toFixed(2)}</text></g>`,
      );
      y += rowHeight;
    }
    y += 8;
  }
  const newest = Object.values(record?.benches ?? {}).sort((one, other) =>
    one.date < other.date ? 1 : -1,
  )[0];
  const marks = Array.from({ length: Math.floor(most) }, (_, index) => index + 1);
  const grid = marks.map(
    (times) =>
      `<line class="${times === 1 ? 'one' : 'grid'}" x1="${x(times)}" x2="${x(times)}" y1="50" y2="${y - 4}"/>` +
      `<text class="faint" x="${x(times)}" y="44" text-anchor="middle">${times === 1 ? 'Redis' : `${times}x`}</text>`,
  );
  const what =
    newest === undefined
      ? 'Not measured yet: npm run bench -- --record'
      : `${newest.machine.cpu}, ${newest.machine.cores} cores, Node ${newest.machine.node.slice(1)}, ${newest.date.slice(0, 10)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + 26}" viewBox="0 0 ${width} ${y + 26}" role="img" aria-label="redtwin beside Redis 7.0.15">
<style>${style}
</style>
<rect class="page" width="${width}" height="${y + 26}" rx="8"/>
<text class="title" x="16" y="26">redtwin, native engine: times as good as Redis 7.0.15</text>
${[...grid, ...parts].join('\n')}
<text class="faint" x="16" y="${y + 14}">${escaped(what)}</text>
</svg>
`;
}

/**
 * The generated parts of docs/performance.md, out of the newest record in bench/results/: the bars, and every figure. The rest of
 * the page is written by hand and stays.
 *
 *     <!-- bars --> table of bars <!-- end of bars -->       <!-- figures --> a table per bench <!-- end of figures -->
 */
import { judge, verdictInWords } from './bars.ts';
import type { Bench } from './bench.ts';
import { noiseInWords } from './noise.ts';
import type { Results, Section } from './results.ts';
import { type Figure, rounded } from './rows.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');
const spread = ({ median, min, max }: Figure): string =>
  `${rounded(median)} (${rounded(min)} to ${rounded(max)})`;

function barsTable(record: Results, benches: readonly Bench[]): string {
  const lines = [
    '| bench | what | compared with | its figure | redtwin | ratio | wanted | |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
  ];
  let [held, all] = [0, 0];
  for (const { name, bars } of benches) {
    for (const bar of bars ?? []) {
      const verdict = judge(bar, record.benches[name]?.figures ?? []);
      const what = cell(bar.who === undefined ? bar.what : `${bar.what} (${bar.who})`);
      if (verdict === null) {
        lines.push(`| ${name} | ${what} | ${bar.than ?? ''} | | | | | not measured |`);
        continue;
      }
      const { theirs, ours, measured, wanted, holds } = verdict;
      const other = theirs === null ? ' | ' : `${theirs.who} | ${rounded(theirs.median)}`;
      const ratio = theirs === null ? '' : measured.toFixed(2);
      const words = holds ? 'holds' : `**${verdictInWords(verdict)}**`;
      lines.push(
        `| ${name} | ${what} | ${other} | ${rounded(ours.median)} | ${ratio} | ${wanted} | ${words} |`,
      );
      all++;
      if (holds) held++;
    }
  }
  return `${held} of ${all} bars hold.\n\n${lines.join('\n')}`;
}

function sectionTables(name: string, section: Section, bench: Bench | undefined): string {
  const { machine, figures, notes } = section;
  const lines = [
    `### ${name}`,
    '',
    `${bench?.question ?? ''} Measured ${section.date.slice(0, 16).replace('T', ' ')} UTC at commit ${section.commit}, ` +
      `Node ${machine.node.slice(1)}, ${section.rounds} rounds${section.full ? ', --full' : ''}${section.quick ? ', --quick' : ''}; ` +
      `${noiseInWords(section.noise)}.`,
    ...notes.map((text) => `${text}.`.replace(/\.\.$/, '.')),
    '',
    '| what | who | median (smallest to largest) | ratio |',
    '| --- | --- | --- | --- |',
    ...figures.map(
      (figure) =>
        `| ${cell(figure.what)} | ${figure.who} | ${spread(figure)} | ${figure.ratio === null ? '' : figure.ratio.toFixed(2)} |`,
    ),
  ];
  return lines.join('\n');
}

function between(page: string, name: string, text: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from < 0 || to < from)
    throw new Error(`docs/performance.md has no place for its ${name}: ${start} ... ${end}`);
  return `${page.slice(0, from + start.length)}\n${text}\n${page.slice(to)}`;
}

/** The page with its generated parts made anew; as it was when there is no record yet. */
export function performancePage(page: string, record: Results | null, benches: readonly Bench[]): string {
  if (record === null) return page;
  const newest = Object.values(record.benches).sort((one, other) => (one.date < other.date ? 1 : -1))[0];
  const machine = newest?.machine;
  const settings = [
    `Machine: ${machine?.cpu}, ${machine?.cores} cores, ${machine?.memoryGb} GB, kernel ${machine?.kernel}.`,
    ...record.sides.map((side) => `${side}.`),
  ].map((line) => `- ${line}`);
  const order = benches.filter(({ name }) => record.benches[name] !== undefined);
  const figures = order.map((bench) => sectionTables(bench.name, record.benches[bench.name]!, bench));
  return between(
    between(page, 'bars', `${settings.join('\n')}\n\n${barsTable(record, benches)}`),
    'figures',
    figures.join('\n\n'),
  );
}

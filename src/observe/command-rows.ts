/**
 * INFO commandstats, latencystats, errorstats and LATENCY HISTOGRAM: one table of rows out of two counts.
 *
 *     engine   get   calls 10 ...    \
 *              info  rejected 1       >-- rows by name --> cmdstat_info:calls=3,...,rejected_calls=1
 *     host     info  calls 3 ...     /
 *
 * The engine counts its own commands and everybody's refusals, the host counts the commands that it answers.
 */
import type { CommandStats } from '../engine/engine.ts';
import { LatencyHistogram } from '../protocol/latency-histogram.ts';
import type { Fields } from './info-sections.ts';

/** Rows of both sides, added up by name, in the order of names. */
export function mergedRows(...sides: readonly (readonly CommandStats[])[]): CommandStats[] {
  const rows = new Map<string, CommandStats>();
  for (const row of sides.flat()) {
    const known = rows.get(row.name);
    rows.set(row.name, known ? added(known, row) : row);
  }
  return [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const added = (a: CommandStats, b: CommandStats): CommandStats => ({
  name: a.name,
  calls: a.calls + b.calls,
  micros: a.micros + b.micros,
  rejected: a.rejected + b.rejected,
  failed: a.failed + b.failed,
  latency: LatencyHistogram.of([...a.latency, ...b.latency]).pairs(),
});

/** INFO writes a colon between name and value, so there may be none in the name. */
const safe = (name: string): string => name.replace(/[#:\r\n]/g, '_');

export const commandFields = (rows: readonly CommandStats[]): Fields =>
  rows.map(({ name, calls, micros, rejected, failed }) => {
    const perCall = (calls > 0 ? micros / calls : 0).toFixed(2);
    return [
      `cmdstat_${name}`,
      `calls=${calls},usec=${Math.floor(micros)},usec_per_call=${perCall},rejected_calls=${rejected},failed_calls=${failed}`,
    ];
  });

/** `percentiles` as configured: ['50', '99', '99.9']. */
export const latencyFields = (rows: readonly CommandStats[], percentiles: readonly string[]): Fields =>
  rows
    .filter(({ latency }) => latency.length > 0)
    .map(({ name, latency }) => {
      const histogram = LatencyHistogram.of(latency);
      const told = percentiles.map(
        (percent) => `p${percent}=${(histogram.percentile(Number(percent)) / 1000).toFixed(3)}`,
      );
      return [`latency_percentiles_usec_${name}`, told.join(',')];
    });

/** Errors by kind, added up over both sides, in the order of kinds. */
export function errorFields(...sides: readonly (readonly { kind: string; count: number }[])[]): Fields {
  const counts = new Map<string, number>();
  for (const { kind, count } of sides.flat()) counts.set(kind, (counts.get(kind) ?? 0) + count);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, count]) => [`errorstat_${safe(kind)}`, `count=${count}`]);
}

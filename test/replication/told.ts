/**
 * What a machine's table says of one event, in a line that a test can hold a row against: `waiting: tellBegun waitForReplicas`,
 * or `nothing` where there is no row.
 */
import { type Named, step, type Table } from '../../src/machine/machine.ts';

/** A function that tells where an event leads and which effects it has, in their order. */
export function tell<S extends Named, E extends Named, F extends { readonly do: string }>(
  table: Table<S, E, F>,
): (state: S, event: E) => string {
  return (state, event) => {
    const next = step(table, state, event);
    return next === null
      ? 'nothing'
      : `${next.state.name}: ${next.effects.map((effect) => effect.do).join(' ')}`;
  };
}

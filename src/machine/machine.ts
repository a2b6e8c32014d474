/**
 * State machines as tables: one row for each (state, event) pair that may happen.
 *
 * The one idea: a row lists the states it may lead to, `step` asserts that it did, and `edges` (from which
 * draw.ts makes a diagram) reads the same rows. So the diagram cannot lie. This file knows no domain: no
 * sockets, clocks or Redis.
 *
 *     table[state.name][event.name] = { to: [names], run(state, event) -> { state, effects } }
 *
 * A pair without a row is a bug or a protocol violation. `step` returns null for it and leaves the reporting
 * to the driver, which must never ignore it.
 */

/** States and events are discriminated by `name`. */
export interface Named {
  readonly name: string;
}

/** What a step gives: the next state, and effects for the driver to run in order. */
export interface Step<S extends Named, F> {
  state: S;
  effects: readonly F[];
}

/** One row. `to` lists every state that `run` may give; `run` is pure. */
export interface Row<S extends Named, From extends S, E extends Named, F> {
  readonly to: readonly S['name'][];
  readonly run: (state: From, event: E) => Step<S, F>;
}

/** All rows of a machine: for each state, the events that may happen in it. */
export type Table<S extends Named, E extends Named, F> = {
  readonly [N in S['name']]: {
    readonly [K in E['name']]?: Row<S, Extract<S, { name: N }>, Extract<E, { name: K }>, F>;
  };
};

/** A way from one state to another, as drawn. */
export interface Edge {
  from: string;
  event: string;
  to: string;
}

/**
 * Takes one event. Null when the table has no row for this pair: the caller reports it and the state stays.
 * Throws when a row gives a state that it does not list, because then the table (and its drawing) is wrong.
 */
export function step<S extends Named, E extends Named, F>(
  table: Table<S, E, F>,
  state: S,
  event: E,
): Step<S, F> | null {
  const rows = table[state.name as S['name']] as Record<string, Row<S, S, E, F> | undefined>;
  const row = Object.hasOwn(rows, event.name) ? rows[event.name] : undefined;
  if (row === undefined) return null;
  const next = row.run(state, event);
  if (!row.to.includes(next.state.name))
    throw new Error(`${state.name} on ${event.name} led to ${next.state.name}, which its row does not list`);
  return next;
}

/** Every edge of the table, in the table's order. */
export function edges<S extends Named, E extends Named, F>(table: Table<S, E, F>): Edge[] {
  const found: Edge[] = [];
  for (const [from, rows] of Object.entries(table) as [string, Record<string, Row<S, S, E, F> | undefined>][])
    for (const [event, row] of Object.entries(rows))
      for (const to of row?.to ?? []) found.push({ from, event, to });
  return found;
}

/**
 * One row of the option table, and the short words that make rows.
 *
 * The table (options.ts) is the only place where an option is described; the parser, CONFIG GET/SET/REWRITE and
 * docs/configuration.md are all read from it.
 */
import type { Kind } from './kinds.ts';

/** Who acts on an option: 'ignored' is accepted, remembered and shown, but changes nothing here (the row says why). */
export type Applier = 'server' | 'engine' | 'link' | 'ignored';

export interface Option<V> {
  readonly kind: Kind<V>;
  /** Default, as the words of a directive. Redis 7.0.15's, unless the doc says otherwise. */
  readonly initial: readonly string[];
  /** One sentence or two, for docs/configuration.md. */
  readonly doc: string;
  readonly by: Applier;
  /** Older name that is taken, and shown by CONFIG GET, as well. */
  readonly alias?: string;
  /** false: CONFIG SET refuses. */
  readonly mutable: boolean;
  /** true: CONFIG SET needs enable-protected-configs. */
  readonly guarded: boolean;
  /** true: the value is a secret and is never written to the log. */
  readonly secret: boolean;
  /** true: CONFIG GET shows it only when it is asked for by name. */
  readonly hidden: boolean;
}

interface Extra {
  by?: Applier;
  alias?: string;
  fixed?: true;
  guarded?: true;
  secret?: true;
  hidden?: true;
}

/** A row. An `initial` text is split at spaces ('' is one empty word); `fixed` options can only be set at start. */
export function option<V>(
  kind: Kind<V>,
  initial: string | string[],
  doc: string,
  extra: Extra = {},
): Option<V> {
  return {
    kind,
    initial: typeof initial === 'string' ? initial.split(' ') : initial,
    doc,
    by: extra.by ?? 'server',
    ...(extra.alias === undefined ? {} : { alias: extra.alias }),
    mutable: !extra.fixed,
    guarded: extra.guarded ?? false,
    secret: extra.secret ?? false,
    hidden: extra.hidden ?? false,
  };
}

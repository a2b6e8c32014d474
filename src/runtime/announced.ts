/**
 * What a client has said of itself with REPLCONF, before it asks to be a replica.
 *
 * Plain facts; what follows from them is decided where they are used. Words that nobody here knows are ignored or refused by
 * the command (commands/replica.ts), never kept.
 */
export interface Announced {
  /** `listening-port`; 0: it said none. */
  port: number;
  /** `ip-address`; '': the address it comes from. */
  ip: string;
  /** `capa eof`: it can take a snapshot whose end is a mark. */
  takesMark: boolean;
  /** `capa psync2`: it understands that a history goes on under another id. */
  psync2: boolean;
  /** `rdb-only`. */
  rdbOnly: boolean;
  /** `rdb-filter-only`. */
  filter: 'all' | 'functions' | 'none';
  /** `version` (Valkey 8 and newer); null: it said none. */
  version: string | null;
}

export const nothingAnnounced = (): Announced => ({
  port: 0,
  ip: '',
  takesMark: false,
  psync2: false,
  rdbOnly: false,
  filter: 'all',
  version: null,
});

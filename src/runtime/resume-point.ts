/**
 * Where a saved data set stands in its history, so that a restarted server can go on with a partial resync.
 *
 *     saved:  repl-stream-db, repl-id, repl-offset  (AUX fields of the RDB, as Redis 4.0 and later write them)
 *     loaded: the same, checked; null when the file says nothing, or nothing usable
 */
import { isHistoryId } from '../replication/history.ts';

export interface ResumePoint {
  readonly id: string;
  /** Offset of the feed that the data set contains. */
  readonly offset: number;
  /** Database selected in the feed there. */
  readonly db: number;
}

export const resumeAux = ({ id, offset, db }: ResumePoint): [string, string][] => [
  ['repl-stream-db', String(db)],
  ['repl-id', id],
  ['repl-offset', String(offset)],
];

export function resumePoint(aux: readonly [string, string][], databases: number): ResumePoint | null {
  const fields = new Map(aux);
  const id = fields.get('repl-id') ?? '';
  const [offset, db] = [fields.get('repl-offset'), fields.get('repl-stream-db')].map((text) =>
    /^\d{1,15}$/.test(text ?? '') ? Number(text) : -1,
  ) as [number, number];
  return isHistoryId(id) && offset >= 0 && db >= 0 && db < databases ? { id, offset, db } : null;
}

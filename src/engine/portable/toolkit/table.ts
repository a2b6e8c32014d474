/**
 * A line per key: its name, or the CSV of sizes with the columns of redis-rdb-tools.
 *
 * The twin of crates/toolkit/src/table.rs: the bytes are the same.
 */
import type { Entry, Job } from './job.ts';
import { csv, line } from './text.ts';

export class TableJob implements Job {
  readonly #columns: 'keys' | 'memory';
  #out: string[] = [];

  constructor(columns: 'keys' | 'memory') {
    this.#columns = columns;
    if (columns === 'memory')
      this.#out.push('database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n');
  }

  entry({ db, key, value, attributes, summary }: Entry): void {
    if (this.#columns === 'keys') return void this.#out.push(`${line(key)}\n`);
    const type = value.type === 'zset' ? 'sortedset' : value.type;
    const { memoryBytes, encoding, elements, longestBytes } = summary;
    const cells = [
      db,
      type,
      csv(key),
      memoryBytes,
      encoding,
      elements,
      longestBytes,
      date(attributes.expireAtMs),
    ];
    this.#out.push(`${cells.join(',')}\n`);
  }

  take(): Buffer {
    return Buffer.from(this.#out.splice(0).join(''));
  }
}

/** As Python's isoformat writes it: microseconds, and no zone. Empty for never. */
function date(ms: number | null): string {
  return ms === null ? '' : new Date(ms).toISOString().replace('Z', '000');
}

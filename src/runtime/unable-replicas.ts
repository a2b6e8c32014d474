/**
 * Replicas that come again and again and cannot follow, so that an operator sees which and why.
 *
 *     full resync --> gone before its first ACK --> full resync --> gone ...      twice in a row: told, and kept in INFO
 *                                                                                 an ACK: forgotten
 *
 * A server that does not understand our snapshot says nothing of it: it hangs up and asks again, every second, for ever. Here
 * that has a name. Addresses are those that replicas announce; who announces no port (redis-cli) is not kept.
 */
import { type InabilityReason, inabilityReasons } from '../replication/reasons.ts';

/** One that cannot follow. */
export interface Unable {
  readonly host: string;
  readonly port: number;
  readonly because: InabilityReason;
  /** Full resyncs in a row that came to nothing. */
  times: number;
}

/** What is looked at of a replica that has gone. */
interface Gone {
  readonly host: string;
  readonly port: number;
  readonly state: { readonly name: string; readonly because?: string };
  /** It was given a snapshot, or some of it. */
  readonly wasServed: boolean;
  readonly hasAcked: boolean;
}

/** So many times in a row are no accident. */
const timesMin = 2;
/** Addresses remembered; the oldest make room. */
const rememberedMax = 100;

export class UnableReplicas {
  readonly #seen = new Map<string, Unable>();
  readonly #log: (text: string) => void;

  constructor(log: (text: string) => void) {
    this.#log = log;
  }

  /** Those that cannot follow, the longest known first. */
  get all(): Unable[] {
    return [...this.#seen.values()].filter(({ times }) => times >= timesMin);
  }

  /** The link to a replica is over. */
  ended(replica: Gone): void {
    const { host, port } = replica;
    const because = inability(replica);
    if (because === null || port === 0) return;
    const address = `${host}:${port}`;
    const known = this.#seen.get(address);
    const times = known?.because === because ? known.times + 1 : 1;
    this.#seen.set(address, { host, port, because, times });
    if (times === timesMin)
      this.#log(`Replica ${address} cannot follow this server: ${inabilityReasons[because]} [${because}]`);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > rememberedMax && oldest !== undefined) this.#seen.delete(oldest);
  }

  /** It has acknowledged something: it can. */
  settled({ host, port }: { readonly host: string; readonly port: number }): void {
    if (this.#seen.size > 0) this.#seen.delete(`${host}:${port}`);
  }
}

/** What the end of a link tells; null when it tells nothing. */
function inability({ state, wasServed, hasAcked }: Gone): InabilityReason | null {
  if (state.because === 'snapshot-failed') return 'snapshot-impossible';
  return state.because === 'closed' && wasServed && !hasAcked ? 'snapshot-unread' : null;
}

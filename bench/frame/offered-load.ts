/**
 * Requests at a pace, half GET, half SET on random keys: sent when they are due whether or not those before were answered, and timed
 * from when they were due. So a pause is felt by all that would have been sent in it, not only by the one that met it.
 *
 *     due   |  |  |  |  |  |  |         every 50 us, say
 *     sent  |  |  |     ||| |           the generator may be late itself: that counts too, and is told
 *
 * It makes next to no garbage: a collector's pauses in here would be taken for the server's.
 */
import { keyBytes, renumber } from './fill.ts';
import { RawConnection } from './raw-connection.ts';

/** What is asked, and how often. */
export interface Offer {
  /** Names are those of `keyBytes`, so many of them. */
  keys: number;
  valueBytes: number;
  connections: number;
  perSecond: number;
  /** Looks at the clock all the time, which takes a core; otherwise every millisecond. */
  spins: boolean;
}

/** Milliseconds, one for each request. */
export interface Waits {
  /** From when it was due until its reply was whole, in the order of replies. */
  answered: Float64Array;
  /** From when it was due until it was sent, in the order of requests: the generator's own share. */
  sent: Float64Array;
}

/** Requests of a connection that may be under way. */
const ringSize = 1 << 13;
/** Requests whose bytes may still be on their way. */
const slots = 1 << 12;

/** One connection: when its requests were due, those not answered yet. */
class Lane {
  readonly #connection: RawConnection;
  readonly #due = new Float64Array(ringSize);
  readonly #replyBytes = new Uint32Array(ringSize);
  #sent = 0;
  #answered = 0;
  #bytes = 0;

  constructor(connection: RawConnection, answer: (ms: number) => void) {
    this.#connection = connection;
    connection.onBytes = (count) => {
      this.#bytes += count;
      const now = performance.now();
      while (this.#answered < this.#sent) {
        const at = this.#answered % ringSize;
        const replyBytes = this.#replyBytes[at]!;
        if (this.#bytes < replyBytes) return;
        this.#bytes -= replyBytes;
        answer(now - this.#due[at]!);
        this.#answered++;
      }
    };
  }

  get isIdle(): boolean {
    return this.#answered === this.#sent;
  }

  send(bytes: Buffer, replyBytes: number, due: number): void {
    if (this.#sent - this.#answered === ringSize) throw new Error('the server answers no more');
    const at = this.#sent++ % ringSize;
    this.#due[at] = due;
    this.#replyBytes[at] = replyBytes;
    this.#connection.write(bytes);
  }

  close(): void {
    this.#connection.close();
  }
}

/** The value of every SET: nothing that compresses. */
const valueFor = (bytes: number): string =>
  Array.from({ length: bytes }, (_, at) => String.fromCharCode(48 + (at % 70))).join('');

/** Connections over which requests are offered; every other request is a GET. */
export class OfferedLoad {
  readonly #offer: Offer;
  readonly #lanes: Lane[] = [];
  readonly #requests: Buffer[];
  readonly #replyBytes: number[];
  readonly #keyEnd: number;
  #answer: (ms: number) => void = () => {};

  private constructor(offer: Offer) {
    const { valueBytes } = offer;
    this.#offer = offer;
    const get = `*2\r\n$3\r\nGET\r\n$16\r\n${keyBytes(0)}\r\n`;
    const set = `*3\r\n$3\r\nSET\r\n$16\r\n${keyBytes(0)}\r\n$${valueBytes}\r\n${valueFor(valueBytes)}\r\n`;
    this.#requests = Array.from({ length: slots }, (_, at) => Buffer.from(at % 2 === 0 ? get : set));
    this.#replyBytes = [`$${valueBytes}\r\n\r\n`.length + valueBytes, '+OK\r\n'.length];
    // The key stands at the same place in both.
    this.#keyEnd = get.length - 2;
  }

  static async open(port: number, offer: Offer): Promise<OfferedLoad> {
    const load = new OfferedLoad(offer);
    while (load.#lanes.length < offer.connections)
      load.#lanes.push(new Lane(await RawConnection.open(port), (ms) => load.#answer(ms)));
    return load;
  }

  /** Offers requests for so many seconds, or until `isOver` says so before that, and waits for the last reply. */
  async run(seconds: number, isOver: () => boolean = () => false): Promise<Waits> {
    const { perSecond, spins } = this.#offer;
    const most = perSecond * seconds;
    const waits = { answered: new Float64Array(most), sent: new Float64Array(most) };
    let [sent, answered] = [0, 0];
    this.#answer = (ms) => {
      waits.answered[answered++] = ms;
    };
    const later = spins ? setImmediate : (turn: () => void) => setTimeout(turn, 1);
    const began = performance.now();
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        try {
          if (sent < most && !isOver()) {
            const due = Math.min(most, ((performance.now() - began) * perSecond) / 1000);
            for (; sent < due; sent++) {
              const dueMs = began + (sent * 1000) / perSecond;
              this.#send(sent, dueMs);
              waits.sent[sent] = performance.now() - dueMs;
            }
          } else if (this.#lanes.every((lane) => lane.isIdle)) {
            resolve();
            return;
          }
          later(turn);
        } catch (error) {
          reject(error);
        }
      };
      turn();
    });
    return { answered: waits.answered.subarray(0, answered), sent: waits.sent.subarray(0, sent) };
  }

  #send(index: number, dueMs: number): void {
    const bytes = this.#requests[index % slots]!;
    renumber(bytes, this.#keyEnd, Math.floor(Math.random() * this.#offer.keys));
    this.#lanes[index % this.#lanes.length]!.send(bytes, this.#replyBytes[index % 2]!, dueMs);
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
  }
}

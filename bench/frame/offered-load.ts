/**
 * Requests at a pace, half GET, half SET on random keys: sent when they are due whether or not those before were answered, and timed
 * from when they were due. So a pause is felt by all that would have been sent in it, not only by the one that met it.
 *
 *     due   |  |  |  |  |  |  |         every 50 us, say
 *     sent  |  |  |     ||| |           the generator may be late itself: that counts too, and is told
 *
 * It makes next to no garbage: a collector's pauses in here would be taken for the server's.
 */
import { keyBytes } from './fill.ts';
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
const setReplyBytes = '+OK\r\n'.length;

/** One connection: when its requests were due, those not answered yet. Every other one is a GET. */
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

/** Offers requests for so many seconds, or until `isOver` says so before that, and waits for the last reply. */
export async function offer(
  port: number,
  { keys, valueBytes, connections, perSecond, spins }: Offer,
  seconds: number,
  isOver: () => boolean = () => false,
): Promise<Waits> {
  const most = perSecond * seconds;
  const waits = { answered: new Float64Array(most), sent: new Float64Array(most) };
  let answered = 0;
  const lanes: Lane[] = [];
  while (lanes.length < connections)
    lanes.push(
      new Lane(await RawConnection.open(port), (ms) => {
        waits.answered[answered++] = ms;
      }),
    );
  const requests = Array.from({ length: slots }, (_, at) =>
    Buffer.from(
      at % 2 === 0
        ? `*2\r\n$3\r\nGET\r\n$16\r\n${keyBytes(0)}\r\n`
        : `*3\r\n$3\r\nSET\r\n$16\r\n${keyBytes(0)}\r\n$${valueBytes}\r\n${valueFor(valueBytes)}\r\n`,
    ),
  );
  const getReplyBytes = `$${valueBytes}\r\n\r\n`.length + valueBytes;
  const digitsEnd = requests[0]!.length - 2;
  const began = performance.now();
  let sent = 0;
  const sendDue = (): void => {
    const due = Math.min(most, ((performance.now() - began) * perSecond) / 1000);
    for (; sent < due; sent++) {
      const bytes = requests[sent % slots]!;
      let rest = Math.floor(Math.random() * keys);
      for (let at = digitsEnd; rest > 0; rest = Math.floor(rest / 10)) bytes[--at] = 48 + (rest % 10);
      const dueMs = began + (sent * 1000) / perSecond;
      lanes[sent % connections]!.send(bytes, sent % 2 === 0 ? getReplyBytes : setReplyBytes, dueMs);
      waits.sent[sent] = performance.now() - dueMs;
    }
  };
  const later = spins ? setImmediate : (turn: () => void) => setTimeout(turn, 1);
  await new Promise<void>((resolve, reject) => {
    const turn = (): void => {
      try {
        if (sent < most && !isOver()) sendDue();
        else if (lanes.every((lane) => lane.isIdle)) {
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
  for (const lane of lanes) lane.close();
  return { answered: waits.answered.subarray(0, answered), sent: waits.sent.subarray(0, sent) };
}

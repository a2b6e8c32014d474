/**
 * MIGRATE: moves (or copies) keys to another server.
 *
 *     WATCH keys --> DUMP, PTTL --> [AUTH] --> SELECT db --> RESTORE ... --> MULTI, DEL of those taken, EXEC
 *
 * Redis does nothing else meanwhile; here other clients go on. So the keys are watched: one that was changed while it
 * travelled stays here too, and the client reads an error. What the feed gets is the DEL, as with Redis. Unlike there,
 * nothing is sent to a database that the target did not select.
 */
import { error, ok, type Reply, simple } from '../../protocol/reply.ts';
import { dial } from '../dial.ts';
import { type Call, type Handlers, integerOf, notInteger, syntaxError, textOf, wordOf } from '../handler.ts';
import { InnerSession } from '../inner-session.ts';
import { LineCutter } from '../lines.ts';

const defaultTimeoutMs = 1000;

/** What a MIGRATE asks for. */
interface Wish {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  /** For connecting, and then for each reply. */
  readonly timeoutMs: number;
  readonly keys: readonly Buffer[];
  readonly isCopy: boolean;
  readonly replaces: boolean;
  /** Words behind AUTH; null for none. */
  readonly login: readonly Buffer[] | null;
}

const keyWithKeys = error(
  'ERR When using MIGRATE KEYS option, the key argument must be set to the empty string',
);

/** Reads the arguments in Redis's order of checks. */
function wishOf(args: readonly Buffer[]): Wish | Reply {
  let [isCopy, replaces] = [false, false];
  let login: readonly Buffer[] | null = null;
  let keys: readonly Buffer[] = [args[3]!];
  for (let i = 6; i < args.length; i++) {
    const word = wordOf(args[i]);
    const left = args.length - 1 - i;
    if (word === 'copy') isCopy = true;
    else if (word === 'replace') replaces = true;
    else if (word === 'auth' && left >= 1) login = [args[++i]!];
    else if (word === 'auth2' && left >= 2) login = [args[++i]!, args[++i]!];
    else if (word === 'keys') {
      if (args[3]!.length > 0) return keyWithKeys;
      keys = args.slice(i + 1);
      break;
    } else return syntaxError;
  }
  const [timeoutMs, db] = [integerOf(args[5]), integerOf(args[4])];
  if (timeoutMs === null || db === null) return notInteger;
  return {
    ...{ host: textOf(args[1]), port: Number(textOf(args[2])), db, keys, isCopy, replaces, login },
    timeoutMs: timeoutMs > 0 ? timeoutMs : defaultTimeoutMs,
  };
}

type Trouble = 'connecting' | 'writing' | 'reading';
const troubleTexts: Record<Trouble, string> = {
  connecting: 'IOERR error or timeout connecting to the client',
  writing: 'IOERR error or timeout writing to target instance',
  reading: 'IOERR error or timeout reading to target instance',
};

/** Thrown where the talk with the target cannot go on; becomes the reply. */
class Broken extends Error {
  readonly trouble: Trouble;
  constructor(trouble: Trouble) {
    super(troubleTexts[trouble]);
    this.trouble = trouble;
  }
}

/** Names that do not resolve are known before anything could be written; a refusal is noticed when writing (Redis 7.0). */
const troubleOf = (detail: string): Trouble =>
  /ENOTFOUND|EAI_AGAIN/.test(detail) ? 'connecting' : 'writing';

/** One conversation with the target: send commands, hear a line for each. */
class Target {
  readonly #connection;
  readonly #lines = new LineCutter();
  #heard: string[] = [];
  #trouble: Trouble | null = null;
  #isOpen = false;
  #wake: () => void = () => {};
  readonly #timeoutMs: number;

  constructor({ host, port, timeoutMs }: Wish) {
    this.#timeoutMs = timeoutMs;
    this.#connection = dial({ host, port }, null, {
      opened: () => {
        this.#isOpen = true;
        this.#wake();
      },
      data: (chunk) => this.#read(chunk),
      failed: (detail) => this.#broke(troubleOf(detail)),
      ended: () => this.#broke('reading'),
    });
  }

  #read(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; ) {
      const taken = this.#lines.take(rest);
      if (!taken) {
        this.#broke('reading');
        return;
      }
      rest = rest.subarray(taken.used);
      if (taken.line !== null) this.#heard.push(taken.line);
    }
    this.#wake();
  }

  #broke(trouble: Trouble): void {
    this.#trouble ??= trouble;
    this.#wake();
  }

  /** Waits until something is so; throws Broken when the connection breaks or it takes too long. */
  async #until(isSo: () => boolean, late: Trouble): Promise<void> {
    const timer = setTimeout(() => this.#broke(late), this.#timeoutMs);
    try {
      while (!isSo()) {
        if (this.#trouble) throw new Broken(this.#trouble);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  opened(): Promise<void> {
    return this.#until(() => this.#isOpen, 'connecting');
  }

  send(...words: (string | Buffer)[]): void {
    const bytes = words.map((word) => (typeof word === 'string' ? Buffer.from(word, 'latin1') : word));
    this.#connection.write(Buffer.from(`*${bytes.length}\r\n`));
    for (const word of bytes) {
      this.#connection.write(Buffer.from(`$${word.length}\r\n`));
      this.#connection.write(word);
      this.#connection.write(Buffer.from('\r\n'));
    }
  }

  /** The next reply: its error without the dash, or null. */
  async answer(): Promise<string | null> {
    await this.#until(() => this.#heard.length > 0, 'reading');
    const line = this.#heard.shift()!;
    return line.startsWith('-') ? line.slice(1) : null;
  }

  close(): void {
    this.#connection.close();
  }
}

interface Parcel {
  readonly key: Buffer;
  readonly payload: Buffer;
  /** 0 for a key that does not expire. */
  readonly ttlMs: number;
}

/** What is there of the keys, as RESTORE takes it. */
function parcelsOf(inner: InnerSession, keys: readonly Buffer[]): Parcel[] {
  return keys.flatMap((key) => {
    const { bulk: payload } = inner.run('DUMP', key);
    if (payload === null) return [];
    const ttlMs = Number(inner.run('PTTL', key).line.slice(1));
    return [{ key, payload, ttlMs: ttlMs < 0 ? 0 : Math.max(1, ttlMs) }];
  });
}

/** Sends everything. Pushes the keys that the target has taken; gives its first error, or null. */
async function send(
  wish: Wish,
  target: Target,
  parcels: readonly Parcel[],
  taken: Buffer[],
): Promise<string | null> {
  await target.opened();
  if (wish.login) target.send('AUTH', ...wish.login);
  target.send('SELECT', String(wish.db));
  let refused = wish.login ? await target.answer() : null;
  // The answer to SELECT is taken in any case, but the first error is the one to tell.
  const selected = await target.answer();
  refused ??= selected;
  if (refused !== null) return refused;
  for (const { key, ttlMs, payload } of parcels)
    target.send('RESTORE', key, String(ttlMs), payload, ...(wish.replaces ? ['REPLACE'] : []));
  for (const { key } of parcels) {
    const answer = await target.answer();
    if (answer === null) taken.push(key);
    else refused ??= answer;
  }
  return refused;
}

/** Deletes what the target has taken, unless it was changed meanwhile. */
function settle(inner: InnerSession, taken: readonly Buffer[]): Reply | null {
  inner.run('MULTI');
  inner.run('DEL', ...taken);
  return inner.run('EXEC').line === '*-1' ? changedMeanwhile : null;
}

const changedMeanwhile = error('ERR A key was changed while it was sent: all of them are at both ends now');
const notInTransactions = error('ERR MIGRATE is not allowed in transactions');

async function migrate({ server, client, args }: Call): Promise<Reply> {
  const wish = wishOf(args);
  if ('is' in wish) return wish;
  const inner = new InnerSession(server, server.store.sessionInfo(client.session).db);
  const taken: Buffer[] = [];
  let target: Target | null = null;
  try {
    if (wish.keys.length === 0) return simple('NOKEY');
    inner.run('WATCH', ...wish.keys);
    const parcels = parcelsOf(inner, wish.keys);
    if (parcels.length === 0) return simple('NOKEY');
    target = new Target(wish);
    let outcome: Reply = ok;
    try {
      const refused = await send(wish, target, parcels, taken);
      if (refused !== null) outcome = error(`ERR Target instance replied with error: ${refused}`);
    } catch (cause) {
      if (!(cause instanceof Broken)) throw cause;
      outcome = error(cause.message);
    }
    const late = !wish.isCopy && taken.length > 0 ? settle(inner, taken) : null;
    return late ?? outcome;
  } finally {
    target?.close();
    inner.close();
  }
}

export const migrateCommands: Handlers = {
  // Inside EXEC nothing may wait.
  migrate: (call) => (call.server.mayNotBlock(call.client) ? notInTransactions : migrate(call)),
};

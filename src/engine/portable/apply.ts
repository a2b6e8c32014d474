/**
 * The primary's feed, applied: commands run without gates and replies, and their bytes go into our own feed verbatim.
 *
 * Its one idea: bytes are counted when the unit they belong to is complete. A command by itself is a unit, so is
 * everything from MULTI to EXEC, so are blank lines. What came but is not yet counted waits in `#raw`; a link that is cut
 * in the middle of a unit asks for those bytes again. Complete units are counted together, when nothing more can be run.
 *
 *     *1 MULTI  *3 SET..  *2 INCR..  *1 EXEC  *3 SET (cut)
 *     '------------ one unit --------------'  '- not counted
 *
 * A command that is unknown, unsupported or fails ends in Stop.failed, and nothing after it runs unless the host goes on.
 */
import { wireErrors } from '../../protocol/generated/wire-errors.ts';
import { type Failure, Stop } from '../engine.ts';
import { type RestingScript, Rests, setAside, takeUp } from './busy.ts';
import { binary, lower } from './bytes.ts';
import { Call } from './call.ts';
import type { Keyspace } from './keyspace.ts';
import { HandBack, Refusal } from './refusal.ts';
import { Reply } from './reply.ts';
import { type ParserLimits, RequestParser } from './resp.ts';
import type { Session } from './session.ts';
import { type Command, findCommand } from './table.ts';

/** Arguments of a failed command that are told, and how much of each. */
const toldArguments = 8;
const toldBytes = 64;
const limits: ParserLimits = { bulkBytesMax: Number.MAX_SAFE_INTEGER, authenticated: true };

export class Applying {
  readonly #keyspace: Keyspace;
  readonly #session: Session;
  /** Serves clients that waited for what a unit brought. */
  readonly #serveWaiting: (nowMs: number) => void;
  readonly #parser = new RequestParser();
  readonly #reply = new Reply();
  /** Received and not yet counted. */
  #raw: Buffer[] = [];
  #rawBytes = 0;
  /** Of the parser's consumed bytes, how many are counted, and how many belong to complete units. */
  #countedBytes = 0;
  #completeBytes = 0;
  /** Commands since MULTI; null outside a transaction. */
  #queue: Buffer[][] | null = null;
  /** A command of the open transaction was refused: EXEC is, too. */
  #isSpoilt = false;
  /** Commands of the complete unit that still have to run. */
  #due: Buffer[][] = [];
  #failure: Failure | null = null;
  /** When the command before ended, by the clock of the statistics: asking it twice a command costs as much as many commands do. */
  #endedMs = 0;
  /** When the EXEC whose commands are due began, by the clock of the statistics. */
  #execFromMs: number | null = null;

  constructor(keyspace: Keyspace, session: Session, serveWaiting: (nowMs: number) => void) {
    this.#keyspace = keyspace;
    this.#session = session;
    this.#serveWaiting = serveWaiting;
  }

  get failure(): Failure | null {
    return this.#failure;
  }

  /** Bytes received that are not yet applied. */
  get pendingBytes(): number {
    return this.#rawBytes;
  }

  take(chunk: Uint8Array, nowMs: number): Stop {
    const copy = Buffer.from(chunk);
    this.#raw.push(copy);
    this.#rawBytes += copy.length;
    this.#parser.feed(copy);
    if (this.#session.hostCommand !== null) return Stop.host;
    return this.resume(nowMs);
  }

  /** Goes on behind a command that failed: it counts as applied. Not behind bytes that are no command. */
  passOver(): void {
    if (this.#failure?.isBroken === false) this.#failure = null;
  }

  resume(nowMs: number): Stop {
    const { busy } = this.#keyspace;
    if (busy !== null) {
      // The script of a client has not ended: the feed waits for it.
      if (busy.call.session !== this.#session) return Stop.busy;
      const { call, command, fromMs, script } = takeUp(this.#keyspace, busy);
      const stop = this.#attempt(call, command, fromMs, script);
      if (stop !== null) return stop;
    }
    this.#endedMs = this.#keyspace.commandCounters.nowMs();
    const stop = this.#run(nowMs);
    this.#count();
    return stop;
  }

  /** Runs what can be run. */
  #run(nowMs: number): Stop {
    for (;;) {
      if (this.#failure !== null) return Stop.failed;
      const stop = this.#runDue(nowMs);
      if (stop !== null) return stop;
      this.#completed();
      const parsed = this.#parser.next(limits);
      if (parsed.is === 'broken') return this.#fail([], parsed.error, true);
      if (parsed.is === 'partial') {
        this.#completed();
        return Stop.drained;
      }
      const refused = this.#schedule(parsed.args);
      if (refused !== null) return refused;
    }
  }

  /** All that was parsed has run, unless it waits for an EXEC. */
  #completed(): void {
    if (this.#queue === null) this.#completeBytes = this.#parser.consumedBytes;
  }

  /** Puts a request where it belongs: into the open transaction, or among what is due. A stop when it is refused. */
  #schedule(args: Buffer[]): Stop | null {
    const name = unitWord(args[0]!);
    if (this.#queue !== null || name === 'multi') {
      const command = findCommand(args);
      if (typeof command === 'string') return this.#refuse(args, command);
    }
    if (name === 'multi' && this.#queue === null) {
      this.#queue = [];
      this.#keyspace.commandCounters.ran('multi', this.#keyspace.commandCounters.nowMs());
    } else if (name === 'exec' && this.#queue !== null) {
      const queue = this.#queue;
      this.#queue = null;
      if (this.#isSpoilt) return this.#refuse(args, wireErrors.execAbort);
      this.#execFromMs = this.#keyspace.commandCounters.nowMs();
      this.#due = queue;
    } else if (this.#queue !== null) {
      this.#queue.push(args);
    } else {
      this.#due = [args];
    }
    return null;
  }

  /** A command that is not even tried. An open transaction is spoilt by it, as a client's would be; no other is, any more. */
  #refuse(args: readonly Buffer[], error: string): Stop {
    this.#isSpoilt = this.#queue !== null;
    this.#keyspace.commandCounters.countError(error);
    return this.#fail(args, error);
  }

  /** Runs what is due; null when all of it is done. */
  #runDue(nowMs: number): Stop | null {
    for (let args = this.#due.shift(); args !== undefined; args = this.#due.shift()) {
      const command = findCommand(args);
      if (typeof command === 'string') return this.#refuse(args, command);
      this.#session.lastCommand = command.name;
      const counters = this.#keyspace.commandCounters;
      if (command.isHost) {
        counters.commands++;
        this.#session.hostCommand = args;
        return Stop.host;
      }
      const call = new Call(this.#keyspace, this.#session, args, this.#reply, nowMs, true);
      call.name = command.name;
      call.mayBlock = false;
      this.#reply.truncate(0);
      const stop = this.#attempt(call, command, this.#endedMs, null);
      if (stop !== null) return stop;
    }
    if (this.#execFromMs !== null) this.#keyspace.commandCounters.ran('exec', this.#execFromMs);
    this.#execFromMs = null;
    // Whoever is served now may write to the feed, behind the units before this one.
    if (this.#keyspace.waitingRoom.size > 0) this.#count();
    this.#serveWaiting(nowMs);
    return null;
  }

  /** Runs a command, or gives its script another turn; null when it is done. */
  #attempt(call: Call, command: Command, fromMs: number, script: RestingScript | null): Stop | null {
    const counters = this.#keyspace.commandCounters;
    let error: string | null = null;
    try {
      if (script === null) command.run(call);
      else script.goOn(call);
    } catch (thrown) {
      if (thrown instanceof Rests) {
        setAside(call, command, fromMs, thrown.script);
        return Stop.busy;
      }
      if (thrown instanceof HandBack) {
        counters.commands++;
        this.#session.hostCommand = [...call.args];
        return Stop.host;
      }
      if (!(thrown instanceof Refusal)) throw thrown;
      error = thrown.text;
    }
    call.finish();
    this.#endedMs = counters.ran(command.name, fromMs);
    if (this.#reply.hasErrors) error ??= this.#reply.takeErrors()[0] ?? null;
    if (error === null) return null;
    counters.countError(error);
    counters.failed(command.name);
    return this.#fail(call.args, error);
  }

  /** Counts the bytes of the units that are complete: they become part of our own feed. */
  #count(): void {
    let wanted = this.#completeBytes - this.#countedBytes;
    this.#countedBytes += wanted;
    this.#rawBytes -= wanted;
    while (wanted > 0) {
      const first = this.#raw[0]!;
      const part = first.subarray(0, wanted);
      this.#keyspace.feed.relay(part);
      wanted -= part.length;
      if (part.length === first.length) this.#raw.shift();
      else this.#raw[0] = first.subarray(part.length);
    }
  }

  #fail(args: readonly Buffer[], error: string, isBroken = false): Stop {
    const told = args.slice(0, toldArguments).map((arg) => binary(arg.subarray(0, toldBytes)));
    const more = args.length > toldArguments ? ` ...(${args.length - toldArguments} more)` : '';
    this.#failure = { command: told.join(' ') + more, error, isBroken };
    return Stop.failed;
  }
}

/** MULTI or EXEC in lower case; of any other name only that it is none of them. */
function unitWord(name: Buffer): string {
  // Their first letters, m and e, in either case.
  const first = name[0]! | 0x20;
  const mayBe = (name.length === 5 && first === 0x6d) || (name.length === 4 && first === 0x65);
  return mayBe ? lower(binary(name)) : '';
}

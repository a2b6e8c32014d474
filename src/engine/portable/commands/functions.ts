/**
 * FUNCTION: libraries of functions. Their sources live in `Keyspace.functions`; a change here changes them and what was made of
 * them.
 *
 * A library lives in the store beside the databases: it is fed, saved into the RDB and emptied by FUNCTION FLUSH. What
 * our primary loads is taken as it is and not run until somebody asks: a library that fails here must not part a
 * replica from its primary.
 */
import { busyRefusal, kill } from '../busy.ts';
import { lower } from '../bytes.ts';
import type { Call } from '../call.ts';
import { globMatches } from '../glob.ts';
import type { HandlerTable } from '../handler.ts';
import { refuseWith } from '../refusal.ts';
import { Functions, loadLibrary, payloadOf, sourcesIn } from '../script/functions.ts';
import { flagNames, libraryHead } from '../script/shebang.ts';

/** The functions, made from the sources when they are not known yet. */
export function functionsOf({ keyspace }: Pick<Call, 'keyspace'>): Functions {
  return keyspace.scripts.functions(keyspace.functions);
}

/** The functions are these from now on. */
function adopt({ keyspace }: Call, functions: Functions): void {
  setSources(keyspace.functions, functions.sources());
  keyspace.scripts.adopt(functions);
}

function setSources(sources: Map<string, Buffer>, wanted: ReadonlyMap<string, Buffer>): void {
  sources.clear();
  for (const [name, code] of wanted) sources.set(name, code);
}

/** What a command has run and then refused must not stay in Lua. */
function forgettingUnused(call: Call, run: (call: Call) => void): void {
  try {
    run(call);
  } finally {
    call.keyspace.scripts.forgetUnused();
  }
}

function load(call: Call): void {
  for (let at = 2; at < call.args.length - 1; at++)
    if (call.word(at) !== 'REPLACE') refuseWith(`ERR Unknown option given: ${call.text(at)}`);
  const mayReplace = call.args.length > 3;
  const code = call.args.at(-1)!;
  if (call.isFromPrimary) {
    keepOfPrimary(call, code, mayReplace);
    return;
  }
  const known = functionsOf(call);
  const library = loadLibrary(known.machine, code, (name) =>
    known.libraries.has(name) && !mayReplace ? `Library '${name}' already exists` : null,
  );
  if ('error' in library) refuseWith(`ERR ${library.error}`);
  const functions = known.with(library, mayReplace);
  if ('error' in functions) refuseWith(`ERR ${functions.error}`);
  adopt(call, functions);
  call.dirty++;
  call.reply.bulk(library.name);
}

/** A library of our primary, which has run it already. One of that name that is there is a client's (of a writable replica). */
function keepOfPrimary({ keyspace, reply }: Call, code: Buffer, mayReplace: boolean): void {
  const head = libraryHead(code);
  if ('error' in head) refuseWith(`ERR ${head.error}`);
  if (keyspace.functions.has(head.name) && !mayReplace)
    refuseWith(`ERR Library '${head.name}' already exists`);
  keyspace.functions.set(head.name, code);
  keyspace.scripts.forgetFunctions();
  reply.bulk(head.name);
}

function list(call: Call): void {
  let withCode = false;
  let wanted: string | null = null;
  for (let at = 2; at < call.args.length; at++) {
    const word = call.word(at);
    if (!withCode && word === 'WITHCODE') withCode = true;
    else if (wanted === null && word === 'LIBRARYNAME') {
      if (++at === call.args.length) refuseWith('ERR library name argument was not given');
      wanted = lower(call.text(at));
    } else refuseWith(`ERR Unknown argument ${call.text(at)}`);
  }
  const pattern = wanted;
  const all = [...functionsOf(call).libraries.values()];
  const libraries = pattern === null ? all : all.filter(({ name }) => globMatches(pattern, lower(name)));
  const { reply } = call;
  reply.array(libraries.length);
  for (const { name, code, functions } of libraries) {
    reply.map(withCode ? 4 : 3);
    reply.bulk('library_name');
    reply.bulk(name);
    reply.bulk('engine');
    reply.bulk('LUA');
    reply.bulk('functions');
    reply.array(functions.length);
    for (const registered of functions) {
      reply.map(3);
      reply.bulk('name');
      reply.bulk(registered.name);
      reply.bulk('description');
      reply.bulkOrNull(registered.description);
      reply.bulk('flags');
      reply.set(registered.flags.size);
      for (const flag of flagNames) if (registered.flags.has(flag)) reply.simple(flag);
    }
    if (withCode) {
      reply.bulk('library_code');
      reply.bulk(code);
    }
  }
}

function restore(call: Call): void {
  const policy = call.args.length > 3 ? call.word(3) : 'APPEND';
  if (call.args.length > 4) {
    refuseWith(
      `ERR unknown subcommand or wrong number of arguments for '${call.text(1)}'. Try FUNCTION HELP.`,
    );
  }
  if (!['APPEND', 'REPLACE', 'FLUSH'].includes(policy))
    refuseWith('ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.');
  const sources = sourcesIn(call.args[2]!);
  if ('error' in sources) refuseWith(`ERR ${sources.error}`);
  if (call.isFromPrimary) {
    const { functions } = call.keyspace;
    if (policy === 'FLUSH') functions.clear();
    for (const code of policy === 'APPEND' ? sources : []) {
      const head = libraryHead(code);
      if ('name' in head && functions.has(head.name)) refuseWith(`ERR Library ${head.name} already exists`);
    }
    for (const code of sources) keepOfPrimary(call, code, true);
    call.reply.truncate(0);
    call.reply.ok();
    return;
  }
  // Nothing changes unless all of it can be loaded.
  const known = functionsOf(call);
  const { machine } = known;
  let fresh = new Functions(machine, new Map());
  for (const code of sources) {
    const library = loadLibrary(machine, code);
    if ('error' in library) refuseWith(`ERR ${library.error}`);
    const more = fresh.with(library, false);
    if ('error' in more) refuseWith(`ERR ${more.error}`);
    fresh = more;
  }
  let functions = policy === 'FLUSH' ? new Functions(machine, new Map()) : known;
  for (const library of fresh.libraries.values()) {
    const more = functions.with(library, policy === 'REPLACE');
    if ('error' in more) refuseWith(`ERR ${more.error}`);
    functions = more;
  }
  adopt(call, functions);
  call.dirty++;
  call.reply.ok();
}

function stats(call: Call): void {
  const { busy } = call.keyspace;
  if (busy?.script.isFunction === false) refuseWith(busyRefusal(call.keyspace, new Set())!);
  const functions = functionsOf(call);
  const { reply } = call;
  reply.map(2);
  reply.bulk('running_script');
  if (busy === null) reply.nullBulk();
  else {
    reply.map(3);
    reply.bulk('name');
    reply.bulk(busy.script.name);
    reply.bulk('command');
    reply.array(busy.call.args.length);
    for (const word of busy.call.args) reply.bulk(word);
    reply.bulk('duration_ms');
    reply.integer(Math.max(0, call.nowMs - busy.call.nowMs));
  }
  reply.bulk('engines');
  reply.map(1);
  reply.bulk('LUA');
  reply.map(2);
  reply.bulk('libraries_count');
  reply.integer(functions.libraries.size);
  reply.bulk('functions_count');
  reply.integer(functions.functionCount);
}

export const functions: HandlerTable = {
  'function|load': (call) => forgettingUnused(call, load),
  'function|list': list,
  'function|restore': (call) => forgettingUnused(call, restore),
  'function|stats': stats,
  'function|kill': (call) => kill(call, true),
  'function|dump': (call) => {
    const { functions: sources, settings } = call.keyspace;
    call.reply.bulk(payloadOf(sources.values(), settings.rdbcompression));
  },
  'function|delete': (call) => {
    if (call.isFromPrimary) {
      if (!call.keyspace.functions.delete(call.text(2))) refuseWith('ERR Library not found');
      call.keyspace.scripts.forgetFunctions();
    } else {
      adopt(call, functionsOf(call).without(call.text(2)) ?? refuseWith('ERR Library not found'));
    }
    call.dirty++;
    call.reply.ok();
  },
  'function|flush': (call) => {
    if (call.args.length > 3) {
      refuseWith(
        `ERR unknown subcommand or wrong number of arguments for '${call.text(1)}'. Try FUNCTION HELP.`,
      );
    }
    if (call.args.length === 3 && !/^A?SYNC$/.test(call.word(2)))
      refuseWith('ERR FUNCTION FLUSH only supports SYNC|ASYNC option');
    call.keyspace.functions.clear();
    call.keyspace.scripts.forgetFunctions();
    call.dirty++;
    call.reply.ok();
  },
  'function|help': ({ reply }) => reply.help('FUNCTION', help),
};

const help = [
  'LOAD [REPLACE] <FUNCTION CODE>',
  '    Create a new library with the given library name and code.',
  'DELETE <LIBRARY NAME>',
  '    Delete the given library.',
  'LIST [LIBRARYNAME PATTERN] [WITHCODE]',
  '    Return general information on all the libraries:',
  '    * Library name',
  '    * The engine used to run the Library',
  '    * Library description',
  '    * Functions list',
  '    * Library code (if WITHCODE is given)',
  '    It also possible to get only function that matches a pattern using LIBRARYNAME argument.',
  'STATS',
  '    Return information about the current function running:',
  '    * Function name',
  '    * Command used to run the function',
  '    * Duration in MS that the function is running',
  '    If no function is running, return nil',
  '    In addition, returns a list of available engines.',
  'KILL',
  '    Kill the current running function.',
  'FLUSH [ASYNC|SYNC]',
  '    Delete all the libraries.',
  '    When called without the optional mode argument, the behavior is determined by the',
  '    lazyfree-lazy-user-flush configuration directive. Valid modes are:',
  '    * ASYNC: Asynchronously flush the libraries.',
  '    * SYNC: Synchronously flush the libraries.',
  'DUMP',
  '    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command',
  'RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]',
  '    Restore the libraries represented by the given payload, it is possible to give a restore policy to',
  '    control how to handle existing libraries (default APPEND):',
  '    * FLUSH: delete all existing libraries.',
  '    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.',
  '    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old',
  '      libraries with the new libraries (notice that even on this option there is a chance of failure',
  '      in case of functions name collision with another library).',
];

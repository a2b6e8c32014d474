/**
 * Function libraries and scripts, as far as a replica needs them without a Lua of its own.
 *
 * A primary tells its replicas about libraries (FUNCTION LOAD, DELETE, FLUSH, RESTORE) and, before Redis 7.0, about
 * scripts (SCRIPT LOAD, FLUSH); what they do arrives as plain commands. So libraries are kept as source, to be passed on in
 * snapshots, and scripts are let go. Clients may empty all that; to load or run something they are told that there is no
 * scripting here.
 */
import type { Call } from '../call.ts';
import type { Handler, HandlerTable } from '../handler.ts';
import { Input } from '../rdb/input.ts';
import { isWellFramed } from '../rdb/payload.ts';
import { refuse, refuseWith } from '../refusal.ts';

/** The record of a library in an RDB and in FUNCTION DUMP's payload. */
const libraryOpcode = 245;
/** Version and checksum at the end of a payload. */
const footerBytes = 10;

/** Only the feed of our primary may load; clients learn that scripting is not supported. */
const fromPrimary =
  (run: Handler): Handler =>
  (call) => {
    if (!call.isFromPrimary) refuse('notSupportedYet');
    run(call);
  };

/** The name in a library's first line, `#!lua name=<name>`. */
function nameOf(source: Buffer): string {
  const name = /^#![^\n]*?\sname=([A-Za-z0-9_]+)/.exec(source.toString('latin1'))?.[1];
  return name ?? refuseWith('ERR Missing library metadata');
}

function load(call: Call): void {
  const mayReplace = call.args.length === 4 && call.word(2) === 'REPLACE';
  if (call.args.length > 3 && !mayReplace) refuseWith(`ERR Unknown option given: ${call.text(2)}`);
  const source = call.args.at(-1)!;
  const name = nameOf(source);
  const { functions } = call.keyspace;
  if (functions.has(name) && !mayReplace) refuseWith(`ERR Library '${name}' already exists`);
  functions.set(name, source);
  call.reply.bulk(name);
}

function restore(call: Call): void {
  const policy = call.args.length > 3 ? call.word(3) : 'APPEND';
  if (call.args.length > 4 || !['APPEND', 'REPLACE', 'FLUSH'].includes(policy)) {
    refuseWith('ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.');
  }
  const restored = librariesOf(call.args[2]!);
  const { functions } = call.keyspace;
  for (const name of restored.keys()) {
    if (policy === 'APPEND' && functions.has(name)) refuseWith(`ERR Library ${name} already exists`);
  }
  if (policy === 'FLUSH') functions.clear();
  for (const [name, source] of restored) functions.set(name, source);
  call.reply.ok();
}

/** The libraries in a payload of FUNCTION DUMP, by name. */
function librariesOf(payload: Buffer): Map<string, Buffer> {
  if (!isWellFramed(payload)) refuseWith('ERR DUMP payload version or checksum are wrong');
  const input = new Input(false);
  const libraries = new Map<string, Buffer>();
  const body = payload.subarray(0, payload.length - footerBytes);
  input.feed(body);
  for (let opcode = input.byte(); opcode !== null; opcode = input.byte()) {
    const source = opcode === libraryOpcode ? input.text() : null;
    if (source === null) refuseWith('ERR given type is not a function');
    const bytes = Buffer.from(source, 'latin1');
    libraries.set(nameOf(bytes), bytes);
  }
  return libraries;
}

export const functions: HandlerTable = {
  'function|load': fromPrimary(load),
  'function|restore': fromPrimary(restore),
  'function|delete': (call) => {
    if (!call.keyspace.functions.delete(call.text(2))) refuseWith('ERR Library not found');
    call.dirty++;
    call.reply.ok();
  },
  'function|flush': (call) => {
    expectFlushMode(call, 'FUNCTION');
    call.keyspace.functions.clear();
    call.dirty++;
    call.reply.ok();
  },
  'script|load': fromPrimary((call) => call.reply.ok()),
  'script|flush': (call) => {
    expectFlushMode(call, 'SCRIPT');
    call.reply.ok();
  },
  'script|exists': (call) => {
    call.reply.array(call.args.length - 2);
    for (let i = 2; i < call.args.length; i++) call.reply.flag(false);
  },
};

function expectFlushMode(call: Call, command: string): void {
  if (call.args.length > 3 && command === 'FUNCTION') {
    const given = call.text(1);
    refuseWith(`ERR unknown subcommand or wrong number of arguments for '${given}'. Try FUNCTION HELP.`);
  }
  if (call.args.length === 2 || (call.args.length === 3 && /^A?SYNC$/.test(call.word(2)))) return;
  const verb = command === 'FUNCTION' ? 'supports' : 'support';
  refuseWith(`ERR ${command} FLUSH only ${verb} SYNC|ASYNC option`);
}

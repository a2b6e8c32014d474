/**
 * SCRIPT: the cache that EVALSHA looks into, and KILL, the end of a script that rests (see busy.ts; FUNCTION KILL is the
 * same for functions). There is no debugger.
 */
import { kill } from '../busy.ts';
import { lower } from '../bytes.ts';
import type { HandlerTable } from '../handler.ts';
import { refuseWith } from '../refusal.ts';

const help = [
  'DEBUG (YES|SYNC|NO)',
  '    Set the debug mode for subsequent scripts executed.',
  'EXISTS <sha1> [<sha1> ...]',
  '    Return information about the existence of the scripts in the script cache.',
  'FLUSH [ASYNC|SYNC]',
  '    Flush the Lua scripts cache. Very dangerous on replicas.',
  '    When called without the optional mode argument, the behavior is determined by the',
  '    lazyfree-lazy-user-flush configuration directive. Valid modes are:',
  '    * ASYNC: Asynchronously flush the scripts cache.',
  '    * SYNC: Synchronously flush the scripts cache.',
  'KILL',
  '    Kill the currently executing Lua script.',
  'LOAD <script>',
  '    Load a script into the scripts cache without executing it.',
];

export const scripts: HandlerTable = {
  'script|help': ({ reply }) => reply.help('SCRIPT', help),
  'script|exists': ({ args, keyspace, reply }) => {
    reply.array(args.length - 2);
    for (const sha of args.slice(2)) reply.flag(keyspace.scripts.has(lower(sha.toString('latin1'))));
  },
  'script|flush': (call) => {
    const isFlush = call.args.length === 2 || (call.args.length === 3 && /^A?SYNC$/.test(call.word(2)));
    if (!isFlush) refuseWith('ERR SCRIPT FLUSH only support SYNC|ASYNC option');
    call.keyspace.scripts.flush();
    call.reply.ok();
  },
  'script|load': ({ args, keyspace, reply }) => {
    const sha = keyspace.scripts.load(args[2]!);
    if (typeof sha === 'object') refuseWith(`ERR ${sha.error}`);
    reply.bulk(sha);
  },
  'script|kill': (call) => kill(call, false),
  'script|debug': (call) => {
    const mode = call.word(2);
    if (mode === 'YES' || mode === 'SYNC')
      refuseWith('ERR SCRIPT DEBUG is not supported: there is no Lua debugger here');
    if (mode !== 'NO') refuseWith('ERR Use SCRIPT DEBUG YES/SYNC/NO');
    call.reply.ok();
  },
};

/**
 * The process as commands: INFO, SHUTDOWN, saving, LOLWUT, MODULE.
 *
 * Handlers are thin: INFO's text is made in observe/info.ts from the facts of ../facts.ts, files are written by
 * ../saver.ts, and the end of everything is ../shutdowns.ts's.
 */
import { infoText } from '../../observe/info.ts';
import { wireErrors } from '../../protocol/generated/wire-errors.ts';
import { array, error, integer, nothing, ok, type Reply, simple, verbatim } from '../../protocol/reply.ts';
import { infoFacts } from '../facts.ts';
import {
  type Call,
  container,
  type Handlers,
  integerOf,
  notInteger,
  syntaxError,
  wordOf,
} from '../handler.ts';
import { compatibleVersion } from '../version.ts';
import { help } from './help.ts';

function shutdown({ server, client, args }: Call): Reply | Promise<Reply> {
  const words = args.slice(1).map(wordOf);
  const has = (word: string): boolean => words.includes(word);
  const known = ['save', 'nosave', 'now', 'force', 'abort'];
  if (!words.every((word) => known.includes(word))) return syntaxError;
  if ((has('save') && has('nosave')) || (has('abort') && words.length > 1)) return syntaxError;
  if (has('abort')) return server.shutdowns.abort() ? ok : error('ERR No shutdown in progress.');
  const { running } = server.store.scriptStats();
  // Saving would write half of what the script does.
  if (running !== null && !has('nosave'))
    return error(running.isFunction ? wireErrors.busyFunction : wireErrors.busyScript);
  const saves = has('save') ? 'yes' : has('nosave') ? 'no' : 'configured';
  client.blocked = true;
  return server.shutdowns.request({ saves, now: has('now'), force: has('force') }).then((isOver): Reply => {
    client.blocked = false;
    return isOver ? nothing : error('ERR Errors trying to SHUTDOWN. Check logs.');
  });
}

async function save({ server }: Call): Promise<Reply> {
  if (server.saver.isSaving) return error('ERR Background save already in progress');
  return (await server.saver.save()) ? ok : error('ERR');
}

function backgroundSave({ server, client, args }: Call): Reply {
  if (args.length > 2 || (args.length === 2 && wordOf(args[1]) !== 'schedule')) return syntaxError;
  if (server.saver.isSaving) return error('ERR Background save already in progress');
  // The rest of the transaction belongs into the file too.
  if (server.mayNotBlock(client)) {
    server.saver.isScheduled = true;
    return simple('Background saving scheduled');
  }
  void server.saver.save();
  return simple('Background saving started');
}

/** A small picture, as the command wants it, of our own. */
function lolwut({ args }: Call): Reply {
  if (args.length > 1 && wordOf(args[1]) === 'version') {
    if (args.slice(2).some((arg) => integerOf(arg) === null)) return notInteger;
  }
  return verbatim(`  o--o\n  |  |   two of a kind\n  o--o\n\nRedis ver. ${compatibleVersion}\n`);
}

const modulesNotAllowed = error(
  'ERR MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
);

export const processCommands: Handlers = {
  info: ({ server, args }) => verbatim(infoText(args.slice(1).map(wordOf), infoFacts(server))),
  shutdown,
  save,
  bgsave: backgroundSave,
  bgrewriteaof: () => error('ERR redtwin has no append-only file yet'),
  lastsave: ({ server }) => integer(Math.floor(server.saver.lastSaveMs / 1000)),
  lolwut,
  module: container('module', {
    list: () => array([]),
    load: () => modulesNotAllowed,
    loadex: () => modulesNotAllowed,
    unload: () => modulesNotAllowed,
    help: help('module'),
  }),
};

/**
 * CONFIG: the option table at run time.
 *
 * What may be set, and how values are read and shown, is in src/config; here are the replies, and the one file that REWRITE
 * writes. It is written as a draft and renamed, so a crash never leaves half a configuration.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rewrittenConfig } from '../../config/rewrite.ts';
import { bulk, error, map, ok, type Reply } from '../../protocol/reply.ts';
import { type Call, container, syntaxError, textOf } from '../handler.ts';
import { help } from './help.ts';

const get = ({ server, args }: Call): Reply =>
  map(server.config.matching(args.slice(2).map(textOf)).map(([name, text]) => [bulk(name), bulk(text)]));

async function set({ server, client, args }: Call): Promise<Reply> {
  if (args.length % 2 !== 0) return syntaxError;
  const pairs: [string, string][] = [];
  for (let i = 2; i < args.length; i += 2) pairs.push([textOf(args[i]), textOf(args[i + 1])]);
  const guard = server.config.value('enable-protected-configs');
  const problem = await server.config.change(pairs, guard === 'yes' || (guard === 'local' && client.isLocal));
  return problem === null ? ok : error(problem);
}

function rewrite({ server }: Call): Reply {
  const { access, config, log } = server;
  if (config.file === null) return error('ERR The server is running without a config file');
  try {
    const users = access.filePath === null ? access.users.lines() : [];
    const text = rewrittenConfig(config, readOrEmpty(config.file), users);
    // A half-written configuration must never stand where the good one was.
    const draft = `${config.file}-${process.pid}.tmp`;
    writeFileSync(draft, text, 'latin1');
    renameSync(draft, config.file);
  } catch (cause) {
    log.warning(`CONFIG REWRITE failed: ${String(cause)}`);
    return error(`ERR Rewriting config file: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}`);
  }
  log.warning('CONFIG REWRITE executed with success.');
  return ok;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw cause;
  }
}

export const configCommand = container('config', {
  get,
  set,
  rewrite,
  resetstat: ({ server }) => {
    server.resetStats();
    return ok;
  },
  help: help('config'),
});

/**
 * How other programs find the process: its pid file and its title.
 *
 * Both are conveniences of whoever looks after the process; neither is a reason not to start when it cannot be had.
 */
import { rmSync, writeFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { utf8 } from '../config/special-kinds.ts';
import type { Log } from '../observe/log.ts';

/** Writes the pid file, if one is configured. It is no reason not to start when it cannot be written. */
export function writePidFile(config: Config, log: Log): void {
  const path = utf8(config.value('pidfile'));
  if (path === '') return;
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (cause) {
    log.warning(`The pid file ${path} cannot be written: ${String(cause)}`);
  }
}

export function removePidFile(config: Config): void {
  const path = utf8(config.value('pidfile'));
  if (path !== '') rmSync(path, { force: true });
}

/** Sets the title that ps shows, from proc-title-template. */
export function setProcessTitle(config: Config): void {
  if (!config.value('set-proc-title')) return;
  const address = `${config.value('bind')[0]?.replace(/^-/, '') ?? '*'}:${config.value('port')}`;
  const values: Record<string, string> = {
    '{title}': 'redtwin',
    '{listen-addr}': config.value('port') !== 0 ? address : utf8(config.value('unixsocket')),
    '{server-mode}': '',
    '{port}': config.text('port'),
    '{tls-port}': config.text('tls-port'),
    '{unixsocket}': utf8(config.value('unixsocket')),
    '{config-file}': config.file ?? '',
  };
  process.title = utf8(config.value('proc-title-template'))
    .replace(/\{[a-z-]+\}/g, (word) => values[word] ?? word)
    .trim();
}

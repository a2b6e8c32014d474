/**
 * What the link to the primary is told of the configuration, read anew each time so that CONFIG SET works at once.
 *
 * It only translates: empty texts are "not set" for the link, seconds become milliseconds, binary strings paths.
 */
import type { Config } from '../config/config.ts';
import { utf8 } from '../config/special-kinds.ts';
import { announcedVersion, primaryLogin } from '../protocol/wire.ts';
import type { FollowerSettings } from './follower-types.ts';

export function followerSettings(config: Config, listeningPort: number): FollowerSettings {
  const orNull = (text: string): string | null => (text === '' ? null : text);
  return {
    user: orNull(config.value(primaryLogin.user)),
    password: orNull(config.value(primaryLogin.password)),
    listeningPort: config.value('replica-announce-port') || listeningPort,
    announceIp: orNull(config.value('replica-announce-ip')),
    announceVersion: announcedVersion,
    timeoutMs: config.value('repl-timeout') * 1000,
    disklessLoad: config.value('repl-diskless-load'),
    databases: config.value('databases'),
    passesOverFailures:
      config.value('propagation-error-behavior') === 'ignore' || !config.value('replica-read-only'),
    dir: utf8(config.value('dir')),
    dbFilename: utf8(config.value('dbfilename')),
    checksum: config.value('rdbchecksum'),
    sourceAddress: orNull(config.value('bind-source-addr')),
  };
}

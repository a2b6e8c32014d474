/**
 * Options of sockets, clients and the process.
 *
 * A section of the option table, ../options.ts, which says what rows mean. The server's runtime acts on nearly all of them;
 * rows marked as ignored say why.
 */
import { integer, memory, memoryOrPercent, oneOf, permissions, someOf, text, yesOrNo } from '../kinds.ts';
import { option } from '../option.ts';
import { addresses, outputLimits, timesPerSecond } from '../special-kinds.ts';

export const network = {
  bind: option(addresses, '* -::*', 'Addresses to listen on.'),
  port: option(integer(0, 65535), '6379', 'TCP port; 0 for none.'),
  'tcp-backlog': option(integer(0, 2 ** 31 - 1), '511', 'Connections that may wait to be accepted.', {
    fixed: true,
  }),
  unixsocket: option(text('path'), '', 'Path of a unix socket to listen on as well.', { fixed: true }),
  unixsocketperm: option(permissions, '0', 'Permission bits of the unix socket; 0 leaves them alone.', {
    fixed: true,
  }),
  timeout: option(integer(0, 2 ** 31 - 1), '0', 'Seconds after which an idle client is closed; 0 for never.'),
  'tcp-keepalive': option(
    integer(0, 2 ** 31 - 1),
    '300',
    'Seconds between TCP keep-alive probes; 0 for none.',
  ),
  'protected-mode': option(
    yesOrNo,
    'yes',
    'Without a password, clients from other machines are turned away with an explanation.',
  ),
  requirepass: option(text(), '', 'Password of the default user; empty for none.', { secret: true }),
  maxclients: option(integer(1, 2 ** 32 - 1), '10000', 'Connections beyond this number are refused.'),
  'maxmemory-clients': option(memoryOrPercent, '0', 'Memory of all client buffers together.', {
    by: 'ignored',
  }),
  'client-output-buffer-limit': option(
    outputLimits,
    'normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60',
    'Clients that do not read what they are sent are closed beyond the hard limit, or beyond the soft limit for that many seconds.',
  ),
  'client-query-buffer-limit': option(
    memory(1024 * 1024),
    '1gb',
    'Longest input of a client that may be kept.',
    {
      by: 'engine',
    },
  ),
  'proto-max-bulk-len': option(memory(1024 * 1024), '512mb', 'Longest argument.', { by: 'engine' }),
  'bind-source-addr': option(text(), '', 'Local address for connections that this server makes.', {
    by: 'link',
  }),
  'socket-mark-id': option(integer(0, 2 ** 32 - 1), '0', 'Packet mark; Node cannot set it.', {
    fixed: true,
    by: 'ignored',
  }),
  'io-threads': option(integer(1, 128), '1', 'Redis threads for socket work; sockets here belong to Node.', {
    fixed: true,
    by: 'ignored',
  }),
  'use-exit-on-panic': option(yesOrNo, 'no', 'For the tests of Redis.', { by: 'ignored', hidden: true }),
  'io-threads-do-reads': option(yesOrNo, 'no', 'See io-threads.', { fixed: true, by: 'ignored' }),

  daemonize: option(yesOrNo, 'no', 'Run in the background; use a service manager instead.', {
    fixed: true,
    by: 'ignored',
  }),
  supervised: option(
    oneOf('upstart', 'systemd', 'auto', 'no'),
    'no',
    'How a supervisor is told of readiness.',
    {
      fixed: true,
      by: 'ignored',
    },
  ),
  pidfile: option(text('path'), '', 'File that holds the process id while the server runs.', { fixed: true }),
  databases: option(integer(1, 2 ** 31 - 1), '16', 'Number of databases.', { fixed: true }),
  hz: option(timesPerSecond, '10', 'How often a second background work is done; kept within 1 and 500.'),
  'dynamic-hz': option(yesOrNo, 'yes', 'More background work with many clients; a fixed hz does here.', {
    by: 'ignored',
  }),
  'always-show-logo': option(
    yesOrNo,
    'no',
    "A line of the log that tells version, port and PID, as Redis's logo does, once the server listens.",
    { fixed: true },
  ),
  'set-proc-title': option(yesOrNo, 'yes', 'Set the process title.', { fixed: true }),
  'proc-title-template': option(
    text('text with {title} {listen-addr} {server-mode} {port} {tls-port} {unixsocket} {config-file}'),
    ['{title} {listen-addr} {server-mode}'],
    'How the process title is made.',
  ),
  'shutdown-timeout': option(integer(0, 2 ** 31 - 1), '10', 'Seconds to wait for replicas at shutdown.'),
  'shutdown-on-sigint': option(
    someOf('default', 'save', 'nosave', 'now', 'force'),
    'default',
    'What SHUTDOWN options SIGINT stands for.',
  ),
  'shutdown-on-sigterm': option(
    someOf('default', 'save', 'nosave', 'now', 'force'),
    'default',
    'What SHUTDOWN options SIGTERM stands for.',
  ),
  'enable-protected-configs': option(
    oneOf('no', 'yes', 'local'),
    'no',
    'Who may set dir and dbfilename by CONFIG SET.',
    {
      fixed: true,
    },
  ),
  'enable-debug-command': option(oneOf('no', 'yes', 'local'), 'no', 'Who may use DEBUG.', {
    by: 'engine',
    fixed: true,
  }),
  'enable-module-command': option(oneOf('no', 'yes', 'local'), 'no', 'There are no loadable modules here.', {
    fixed: true,
    by: 'ignored',
  }),
  aclfile: option(text('path'), '', 'File of users, which ACL LOAD and SAVE read and write.', {
    fixed: true,
  }),
  'acl-pubsub-default': option(
    oneOf('allchannels', 'resetchannels'),
    'resetchannels',
    'Channels that a new user may use.',
  ),
  'acllog-max-len': option(integer(0, null), '128', 'Length of ACL LOG.'),
};

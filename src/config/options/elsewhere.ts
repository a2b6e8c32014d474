/**
 * Options of what redtwin does not have: cluster mode, and TLS until it comes.
 *
 * They are accepted, kept and shown, so that configuration files of Redis can be used as they are. Those that would change
 * what a client may rely on are refused at start instead.
 */
import { integer, memory, oneOf, text, yesOrNo } from '../kinds.ts';
import { option } from '../option.ts';

const intMax = 2 ** 31 - 1;
const cluster = 'There is no cluster mode here.';
const tls = 'TLS comes later.';
const ignored = { by: 'ignored' } as const;
const fixed = { by: 'ignored', fixed: true } as const;

export const elsewhere = {
  'cluster-enabled': option(yesOrNo, 'no', `${cluster} Anything but no is refused at start.`, {
    fixed: true,
  }),
  'cluster-config-file': option(text('file name'), 'nodes.conf', cluster, fixed),
  'cluster-port': option(integer(0, 65535), '0', cluster, fixed),
  'cluster-node-timeout': option(integer(0, null), '15000', cluster, ignored),
  'cluster-announce-ip': option(text(), '', cluster, ignored),
  'cluster-announce-hostname': option(text(), '', cluster, ignored),
  'cluster-announce-port': option(integer(0, 65535), '0', cluster, ignored),
  'cluster-announce-bus-port': option(integer(0, 65535), '0', cluster, ignored),
  'cluster-announce-tls-port': option(integer(0, 65535), '0', cluster, ignored),
  'cluster-replica-validity-factor': option(integer(0, intMax), '10', cluster, {
    by: 'ignored',
    alias: 'cluster-slave-validity-factor',
  }),
  'cluster-replica-no-failover': option(yesOrNo, 'no', cluster, {
    by: 'ignored',
    alias: 'cluster-slave-no-failover',
  }),
  'cluster-migration-barrier': option(integer(0, intMax), '1', cluster, ignored),
  'cluster-allow-replica-migration': option(yesOrNo, 'yes', cluster, ignored),
  'cluster-require-full-coverage': option(yesOrNo, 'yes', cluster, ignored),
  'cluster-allow-reads-when-down': option(yesOrNo, 'no', cluster, ignored),
  'cluster-allow-pubsubshard-when-down': option(yesOrNo, 'yes', cluster, ignored),
  'cluster-link-sendbuf-limit': option(memory(0, 'unsigned'), '0', cluster, ignored),
  'cluster-preferred-endpoint-type': option(
    oneOf('ip', 'hostname', 'unknown-endpoint'),
    'ip',
    cluster,
    ignored,
  ),

  'tls-port': option(integer(0, 65535), '0', `${tls} Anything but 0 is refused at start.`),
  'tls-cert-file': option(text('path'), '', tls, ignored),
  'tls-key-file': option(text('path'), '', tls, ignored),
  'tls-key-file-pass': option(text(), '', tls, { by: 'ignored', secret: true }),
  'tls-client-cert-file': option(text('path'), '', tls, ignored),
  'tls-client-key-file': option(text('path'), '', tls, ignored),
  'tls-client-key-file-pass': option(text(), '', tls, { by: 'ignored', secret: true }),
  'tls-dh-params-file': option(text('path'), '', tls, ignored),
  'tls-ca-cert-file': option(text('path'), '', tls, ignored),
  'tls-ca-cert-dir': option(text('path'), '', tls, ignored),
  'tls-auth-clients': option(oneOf('no', 'yes', 'optional'), 'yes', tls, ignored),
  'tls-replication': option(yesOrNo, 'no', `${tls} Anything but no is refused at start.`),
  'tls-cluster': option(yesOrNo, 'no', cluster, ignored),
  'tls-protocols': option(text(), '', tls, ignored),
  'tls-ciphers': option(text(), '', tls, ignored),
  'tls-ciphersuites': option(text(), '', tls, ignored),
  'tls-prefer-server-ciphers': option(yesOrNo, 'no', tls, ignored),
  'tls-session-caching': option(yesOrNo, 'yes', tls, ignored),
  'tls-session-cache-size': option(integer(0, intMax), '20480', tls, ignored),
  'tls-session-cache-timeout': option(integer(0, intMax), '300', tls, ignored),
};

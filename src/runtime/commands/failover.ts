/**
 * FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT ms]: words and refusals, in Redis 7.0.15's order.
 *
 * What it does is ../failovers.ts's.
 */
import { error, ok, type Reply } from '../../protocol/reply.ts';
import { type Call, type Handler, integerOf, notInteger, syntaxError, textOf, wordOf } from '../handler.ts';

interface Wish {
  target: { host: string; port: number } | null;
  isForced: boolean;
  timeoutMs: number | null;
}

function parse(args: Buffer[]): Wish | Reply {
  const wish: Wish = { target: null, isForced: false, timeoutMs: null };
  for (let i = 1; i < args.length; i++) {
    const word = wordOf(args[i]);
    if (word === 'timeout' && i + 1 < args.length && wish.timeoutMs === null) {
      const timeoutMs = integerOf(args[++i]);
      if (timeoutMs === null) return notInteger;
      if (timeoutMs <= 0) return error('ERR FAILOVER timeout must be greater than 0');
      wish.timeoutMs = timeoutMs;
    } else if (word === 'to' && i + 2 < args.length && wish.target === null) {
      const host = textOf(args[++i]);
      const port = integerOf(args[++i]);
      if (port === null) return notInteger;
      wish.target = { host, port };
    } else if (word === 'force' && !wish.isForced) {
      wish.isForced = true;
    } else {
      return syntaxError;
    }
  }
  return wish;
}

export const failoverCommand: Handler = ({ server, args }: Call): Reply => {
  const { failovers, replicas } = server.replication;
  if (args.length === 2 && wordOf(args[1]) === 'abort') {
    if (!failovers.isUnderWay) return error('ERR No failover in progress.');
    failovers.abort();
    return ok;
  }
  const wish = parse(args);
  if ('is' in wish) return wish;
  if (failovers.isUnderWay) return error('ERR FAILOVER already in progress.');
  if (server.isReplica) return error('ERR FAILOVER is not valid when server is a replica.');
  if (replicas.size === 0) return error('ERR FAILOVER requires connected replicas.');
  const { target, isForced, timeoutMs } = wish;
  if (isForced && (timeoutMs === null || target === null))
    return error('ERR FAILOVER with force option requires both a timeout and target HOST and IP.');
  if (target !== null) {
    const found = [...replicas.all].find(({ host, port }) => host === target.host && port === target.port);
    if (!found) return error('ERR FAILOVER target HOST and PORT is not a replica.');
    if (!found.isOnline) return error('ERR FAILOVER target replica is not online.');
  }
  failovers.request(target, isForced, timeoutMs);
  return ok;
};

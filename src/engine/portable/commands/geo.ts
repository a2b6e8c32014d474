/**
 * GEOADD, GEOPOS, GEODIST, GEOHASH: positions in a sorted set, whose scores are geohashes (geohash.ts).
 *
 * Searching is in a file of its own.
 */
import { bytes } from '../bytes.ts';
import { Call } from '../call.ts';
import { distance } from '../geo-area.ts';
import { geohashText, positionOf, scoreOf } from '../geohash.ts';
import type { HandlerTable } from '../handler.ts';
import { refuse } from '../refusal.ts';
import { positionAt, replyDistance, replyPosition, unitAt } from './geo-arguments.ts';
import { zsets } from './zsets.ts';

export const geo: HandlerTable = {
  geoadd,

  geopos(call) {
    const { reply } = call;
    const zset = call.read(call.text(1), 'zset');
    const members = call.texts(2);
    reply.array(members.length);
    for (const member of members) {
      const score = zset?.score(member);
      if (score === undefined) reply.nullArray();
      else replyPosition(reply, positionOf(score));
    }
  },

  geohash(call) {
    const { reply } = call;
    const zset = call.read(call.text(1), 'zset');
    const members = call.texts(2);
    reply.array(members.length);
    for (const member of members) {
      const score = zset?.score(member);
      reply.bulkOrNull(score === undefined ? null : geohashText(positionOf(score)));
    }
  },

  geodist(call) {
    if (call.args.length > 5) refuse('syntax');
    const metres = call.args.length === 5 ? unitAt(call, 4) : 1;
    const zset = call.read(call.text(1), 'zset');
    const [from, to] = [zset?.score(call.text(2)), zset?.score(call.text(3))];
    if (from === undefined || to === undefined) call.reply.nullBulk();
    else replyDistance(call.reply, distance(positionOf(from), positionOf(to)) / metres);
  },
};

/** A ZADD of the positions' scores, and told to replicas as such. */
function geoadd(call: Call): void {
  let first = 2;
  const given = new Set<string>();
  while (first < call.args.length && ['NX', 'XX', 'CH'].includes(call.word(first)))
    given.add(call.word(first++));
  if ((call.args.length - first) % 3 !== 0 || (given.has('NX') && given.has('XX'))) refuse('syntax');
  const args = [bytes('zadd'), ...call.args.slice(1, first)];
  for (let at = first; at < call.args.length; at += 3) {
    args.push(bytes(String(scoreOf(positionAt(call, at)))), call.args[at + 2]!);
  }
  const add = new Call(call.keyspace, call.session, args, call.reply, call.nowMs, call.isFromPrimary);
  zsets.zadd!(add);
  add.finish();
}

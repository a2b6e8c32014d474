/**
 * How fast a replica takes in the feed it missed: a stored feed is sent as fast as it is read, and the replica's ACK ends the
 * clock. Real Redis as a replica stands beside redtwin, each with a core of its own.
 */
import { type Bench, inTurns, Rows } from './frame/bench.ts';
import { feedNames, feedOf } from './frame/feeds.ts';
import { redtwinSide, sidesOf } from './frame/sides.ts';
import { applyFeed } from './frame/stored-feed.ts';

/** The bench. */
export const catchUp: Bench = {
  name: 'catch-up',
  question: 'how fast does a replica take in the feed it missed?',
  cores: 'apart',
  bars: [
    ...feedNames.map((name) => ({ what: `${name}, commands/s`, atLeastTimes: 3 })),
    ...feedNames.map((name) => ({ what: `${name}, MB/s`, who: 'redtwin portable', atLeast: 8 })),
  ],
  async run(context) {
    const rows = new Rows();
    const commands = context.quick ? 100_000 : 1_500_000;
    for (const name of feedNames) {
      const feed = feedOf(name, commands);
      await inTurns(context.rounds, sidesOf(context), async (side) => {
        const { seconds, cpuSeconds } = await applyFeed(side, feed);
        rows.add(`${name}, commands/s`, side.who, commands / seconds);
        if (!context.quick) rows.add(`${name}, CPU us`, side.who, (cpuSeconds * 1e6) / commands);
      });
    }
    for (const name of feedNames) {
      const feed = feedOf(name, commands / 10);
      await inTurns(Math.min(context.rounds, 3), [redtwinSide('portable')], async (side) => {
        const { seconds } = await applyFeed(side, feed);
        rows.add(`${name}, MB/s`, side.who, feed.length / 1e6 / seconds);
      });
    }
    return rows.all();
  },
};

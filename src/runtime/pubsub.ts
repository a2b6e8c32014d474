/**
 * Publish and subscribe: who listens to which channel, and the messages they get.
 *
 * Channels are binary strings. Shard channels are a world of their own: a PUBLISH never reaches them. A published message
 * goes to the channel's subscribers first, then to those of matching patterns, as in Redis.
 *
 *     channels       name -> clients        SUBSCRIBE / PUBLISH
 *     patterns       glob -> clients        PSUBSCRIBE / PUBLISH
 *     shardChannels  name -> clients        SSUBSCRIBE / SPUBLISH
 */
import { matchesGlob } from '../protocol/glob.ts';
import { bulk, encodeReply, integer, nil, type Protocol, push, type Reply } from '../protocol/reply.ts';
import type { Client } from './client.ts';

/** One of the three worlds: the words of its replies and where a client keeps its names. */
interface World {
  readonly prefix: '' | 'p' | 's';
  readonly names: Map<string, Set<Client>>;
  own(client: Client): Set<string>;
  /** What the number in SUBSCRIBE's reply counts. */
  count(client: Client): number;
}

export type WorldName = 'channels' | 'patterns' | 'shardChannels';

export class PubSub {
  readonly #worlds: Record<WorldName, World> = {
    channels: { prefix: '', names: new Map(), own: (c) => c.channels, count: (c) => c.subscriptions },
    patterns: { prefix: 'p', names: new Map(), own: (c) => c.patterns, count: (c) => c.subscriptions },
    shardChannels: {
      prefix: 's',
      names: new Map(),
      own: (c) => c.shardChannels,
      count: (c) => c.shardChannels.size,
    },
  };

  subscribe(client: Client, where: WorldName, name: string): Reply {
    const world = this.#worlds[where];
    world.own(client).add(name);
    const listeners = world.names.get(name);
    if (listeners) listeners.add(client);
    else world.names.set(name, new Set([client]));
    return push([bulk(`${world.prefix}subscribe`), bulk(name), integer(world.count(client))]);
  }

  unsubscribe(client: Client, where: WorldName, name: string): Reply {
    const world = this.#worlds[where];
    this.#leave(client, world, name);
    return push([bulk(`${world.prefix}unsubscribe`), bulk(name), integer(world.count(client))]);
  }

  /** Leaves every name of one world: a reply for each, or one with null when there was none. */
  unsubscribeAll(client: Client, where: WorldName): Reply[] {
    const world = this.#worlds[where];
    const names = [...world.own(client)];
    if (names.length === 0)
      return [push([bulk(`${world.prefix}unsubscribe`), nil, integer(world.count(client))])];
    return names.map((name) => this.unsubscribe(client, where, name));
  }

  /** Forgets a client that is gone, without a word to it. */
  forget(client: Client): void {
    for (const world of Object.values(this.#worlds))
      for (const name of [...world.own(client)]) this.#leave(client, world, name);
  }

  #leave(client: Client, world: World, name: string): void {
    world.own(client).delete(name);
    const listeners = world.names.get(name);
    listeners?.delete(client);
    if (listeners?.size === 0) world.names.delete(name);
  }

  /** Sends a message; the number of clients that got it (a client counts once for each way it matches). */
  publish(channel: Buffer, message: Buffer, where: 'channels' | 'shardChannels' = 'channels'): number {
    let receivers = 0;
    const direct = this.#worlds[where].names.get(channel.toString('latin1'));
    if (direct) {
      const kind = where === 'channels' ? 'message' : 'smessage';
      receivers += deliver(direct, push([bulk(kind), bulk(channel), bulk(message)]));
    }
    if (where === 'shardChannels') return receivers;
    for (const [pattern, listeners] of this.#worlds.patterns.names) {
      if (matchesGlob(Buffer.from(pattern, 'latin1'), channel))
        receivers += deliver(
          listeners,
          push([bulk('pmessage'), bulk(pattern), bulk(channel), bulk(message)]),
        );
    }
    return receivers;
  }

  /** Names with at least one subscriber that fit the pattern (all without one). */
  active(where: WorldName, pattern: Buffer | null): string[] {
    const names = [...this.#worlds[where].names.keys()];
    return pattern ? names.filter((name) => matchesGlob(pattern, Buffer.from(name, 'latin1'))) : names;
  }

  /** Number of clients listening to exactly this name. */
  listeners(where: WorldName, name: string): number {
    return this.#worlds[where].names.get(name)?.size ?? 0;
  }
}

/** The bytes are made once per protocol, however many listen. */
function deliver(listeners: Set<Client>, message: Reply): number {
  const encoded = new Map<Protocol, Buffer>();
  for (const client of listeners) {
    const bytes = encoded.get(client.protocol) ?? encodeReply(message, client.protocol);
    encoded.set(client.protocol, bytes);
    client.line.send(bytes);
  }
  return listeners.size;
}

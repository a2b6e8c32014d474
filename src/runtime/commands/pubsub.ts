/**
 * Publish and subscribe as commands, in three worlds: channels, patterns, shard channels.
 *
 * Who listens to what, and how a message is written in RESP2 and RESP3, is in ../pubsub.ts. A PUBLISH also enters the feed,
 * so that it reaches the subscribers of replicas.
 */
import { array, bulk, integer, type Reply, sequence } from '../../protocol/reply.ts';
import { type Call, container, type Handlers, textOf } from '../handler.ts';
import type { WorldName } from '../pubsub.ts';
import { help } from './help.ts';

const subscribe =
  (where: WorldName) =>
  ({ server, client, args }: Call): Reply =>
    server.changesSubscriptions(client, () =>
      sequence(args.slice(1).map((name) => server.pubsub.subscribe(client, where, textOf(name)))),
    );

const unsubscribe =
  (where: WorldName) =>
  ({ server, client, args }: Call): Reply =>
    server.changesSubscriptions(client, () =>
      sequence(
        args.length === 1
          ? server.pubsub.unsubscribeAll(client, where)
          : args.slice(1).map((name) => server.pubsub.unsubscribe(client, where, textOf(name))),
      ),
    );

const publish =
  (where: 'channels' | 'shardChannels') =>
  ({ server, client, args }: Call): Reply => {
    const receivers = server.pubsub.publish(args[1]!, args[2]!, where);
    // A replica's feed is its primary's: there the engine feeds nothing.
    server.store.propagate(client.session, args);
    return integer(receivers);
  };

const active =
  (where: WorldName) =>
  ({ server, args }: Call): Reply =>
    array(server.pubsub.active(where, args[2] ?? null).map(bulk));

const listeners =
  (where: WorldName) =>
  ({ server, args }: Call): Reply =>
    array(
      args.slice(2).flatMap((name) => [bulk(name), integer(server.pubsub.listeners(where, textOf(name)))]),
    );

export const pubsubCommands: Handlers = {
  subscribe: subscribe('channels'),
  psubscribe: subscribe('patterns'),
  ssubscribe: subscribe('shardChannels'),
  unsubscribe: unsubscribe('channels'),
  punsubscribe: unsubscribe('patterns'),
  sunsubscribe: unsubscribe('shardChannels'),
  publish: publish('channels'),
  spublish: publish('shardChannels'),
  pubsub: container('pubsub', {
    channels: active('channels'),
    shardchannels: active('shardChannels'),
    numsub: listeners('channels'),
    shardnumsub: listeners('shardChannels'),
    numpat: ({ server }) => integer(server.pubsub.active('patterns', null).length),
    help: help('pubsub'),
  }),
};

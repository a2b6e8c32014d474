/**
 * All host commands in one table: lower-case names to handlers.
 *
 * The engine runs everything else. Which command belongs to whom is data (`runs` in data/commands.json); a command that the
 * engine hands back and that is missing here is a bug, and a test looks for it.
 */
import type { Handlers } from '../handler.ts';
import { aclCommand } from './acl.ts';
import { clientCommand } from './client.ts';
import { commandCommand } from './command.ts';
import { configCommand } from './config.ts';
import { connectionCommands } from './connection.ts';
import { debugCommands } from './debug.ts';
import { failoverCommand } from './failover.ts';
import { migrateCommands } from './migrate.ts';
import { observingCommands } from './observing.ts';
import { processCommands } from './process.ts';
import { pubsubCommands } from './pubsub.ts';
import { replicaCommands } from './replica.ts';
import { replicationCommands } from './replication.ts';

export const handlers: Handlers = {
  acl: aclCommand,
  client: clientCommand,
  command: commandCommand,
  config: configCommand,
  failover: failoverCommand,
  ...connectionCommands,
  ...debugCommands,
  ...migrateCommands,
  ...observingCommands,
  ...processCommands,
  ...pubsubCommands,
  ...replicaCommands,
  ...replicationCommands,
};

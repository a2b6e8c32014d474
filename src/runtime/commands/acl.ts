/**
 * ACL: users and what they may do, as commands.
 *
 * Rules are src/acl's, clients and files ../access.ts's; here are the replies. Fields, order and errors are Redis 7.0.15's.
 */
import { randomBytes } from 'node:crypto';
import { categories, membersOf } from '../../acl/commands.ts';
import { channelRules, commandRules, keyRules, userFlags } from '../../acl/describe.ts';
import type { Selector } from '../../acl/selector.ts';
import { arityFits, commandOf } from '../../protocol/command-lookup.ts';
import {
  array,
  bulk,
  bulks,
  double,
  error,
  integer,
  map,
  nil,
  ok,
  type Reply,
  set,
} from '../../protocol/reply.ts';
import { type Call, container, integerOf, notInteger, textOf, wordOf } from '../handler.ts';
import { help } from './help.ts';

const noFile = error(
  'ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.',
);

const tooMany = ({ args }: Call): Reply =>
  error(
    `ERR unknown subcommand or wrong number of arguments for '${textOf(args[1]).slice(0, 128)}'. Try ACL HELP.`,
  );

function cat(call: Call): Reply {
  const { args } = call;
  if (args.length === 2) return bulks([...categories]);
  if (args.length > 3) return tooMany(call);
  const members = membersOf(textOf(args[2]));
  return members ? bulks([...members]) : error(`ERR Unknown category '${textOf(args[2])}'`);
}

const selectorFields = (selector: Selector): [Reply, Reply][] => [
  [bulk('commands'), bulk(commandRules(selector))],
  [bulk('keys'), bulk(keyRules(selector))],
  [bulk('channels'), bulk(channelRules(selector))],
];

function getUser({ server, args }: Call): Reply {
  const user = server.access.users.get(textOf(args[2]));
  if (user === null) return nil;
  return map([
    [bulk('flags'), set(userFlags(user).map(bulk))],
    [bulk('passwords'), bulks(user.passwords)],
    ...selectorFields(user.root),
    [bulk('selectors'), array(user.selectors.map((selector) => map(selectorFields(selector))))],
  ]);
}

function setUser({ server, client, args }: Call): Reply {
  const problem = server.access.set(textOf(args[2]), args.slice(3).map(textOf), client);
  return problem === null ? ok : error(`ERR ${problem}`);
}

function deleteUsers({ server, client, args }: Call): Reply {
  const names = args.slice(2).map(textOf);
  if (names.includes('default')) return error("ERR The 'default' user cannot be removed");
  return integer(server.access.delete(names, client));
}

/** Whether a user might run a command, without running it. */
function dryRun({ server, args }: Call): Reply {
  const user = server.access.users.get(textOf(args[2]));
  if (user === null) return error(`ERR User '${textOf(args[2])}' not found`);
  const words = args.slice(3);
  const command = commandOf(words);
  const isUnknown = command === null || (command.subcommands !== undefined && words.length > 1);
  if (isUnknown) return error(`ERR Command '${textOf(words[0])}' not found`);
  if (!arityFits(command, words.length))
    return error(`ERR wrong number of arguments for '${command.name}' command`);
  const verdict = server.access.judge(user, words);
  if (verdict === null) return ok;
  const { reason, at } = verdict;
  return bulk(
    reason === 'command'
      ? `This user has no permissions to run the '${command.name}' command`
      : `This user has no permissions to access the '${textOf(words[at])}' ${reason}`,
  );
}

function log(call: Call): Reply {
  const { server, args, nowMs } = call;
  if (args.length > 3) return tooMany(call);
  const { access } = server;
  if (args.length === 3 && wordOf(args[2]) === 'reset') {
    access.log.clear();
    return ok;
  }
  const count = args.length === 3 ? integerOf(args[2]) : 10;
  if (count === null) return notInteger;
  return array(
    access.log.entries.slice(0, Math.max(0, count)).map((entry) =>
      map([
        [bulk('count'), integer(entry.count)],
        [bulk('reason'), bulk(entry.reason)],
        [bulk('context'), bulk(entry.context)],
        [bulk('object'), bulk(entry.object)],
        [bulk('username'), bulk(entry.user)],
        [bulk('age-seconds'), double((nowMs - entry.atMs) / 1000)],
        [bulk('client-info'), bulk(entry.client)],
      ]),
    ),
  );
}

function load({ server, client }: Call): Reply {
  if (server.access.filePath === null) return noFile;
  const problem = server.access.load(client);
  return problem === null ? ok : error(`ERR ${problem}`);
}

function save({ server }: Call): Reply {
  if (server.access.filePath === null) return noFile;
  try {
    server.access.save();
    return ok;
  } catch (cause) {
    server.log.warning(`Saving the ACL file failed: ${String(cause)}`);
    return error(
      'ERR There was an error trying to save the ACLs. Please check the server logs for more information',
    );
  }
}

function generatePassword(call: Call): Reply {
  const { args } = call;
  if (args.length > 3) return tooMany(call);
  const bits = args.length === 3 ? integerOf(args[2]) : 256;
  if (bits === null) return notInteger;
  if (bits <= 0 || bits > 4096)
    return error(
      'ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096',
    );
  const digits = Math.ceil(bits / 4);
  return bulk(
    randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits),
  );
}

export const aclCommand = container('acl', {
  whoami: ({ client }) => bulk(client.user),
  users: ({ server }) => bulks(server.access.users.all().map(({ name }) => name)),
  list: ({ server }) => bulks(server.access.users.lines()),
  getuser: getUser,
  setuser: setUser,
  deluser: deleteUsers,
  dryrun: dryRun,
  cat,
  log,
  load,
  save,
  genpass: generatePassword,
  help: help('acl'),
});

/**
 * ACL, the part that a server with one user needs: who am I, who is there, which categories and commands there are, and the
 * log of refused logins. Users with rules of their own come with part 2; until then SETUSER says so.
 */
import { createHash, randomBytes } from 'node:crypto';
import { commandTable } from '../../protocol/generated/commands.ts';
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
import { type Call, container, integerOf, textOf, wordOf } from '../handler.ts';
import { help } from './help.ts';

/** Redis's order (ACL CAT). */
const categories =
  'keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking dangerous connection transaction scripting'.split(
    ' ',
  );

const notYet = error('ERR redtwin has no ACL users besides default yet');
const noFile = error(
  'ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.',
);

const passwordHashes = ({ server }: Call): string[] => {
  const password = server.config.value('requirepass');
  return password === '' ? [] : [createHash('sha256').update(Buffer.from(password, 'latin1')).digest('hex')];
};

/** The default user as ACL LIST and CONFIG REWRITE write it. */
function defaultUser(call: Call): string {
  const [hash] = passwordHashes(call);
  return `user default on ${hash === undefined ? 'nopass' : `#${hash}`} ~* &* +@all`;
}

function cat({ args }: Call): Reply {
  if (args.length === 2) return bulks(categories);
  const category = wordOf(args[2]);
  if (args.length > 3 || !categories.includes(category))
    return error(`ERR Unknown category '${textOf(args[2])}'`);
  const members = commandTable
    .flatMap((command) => command.subcommands ?? [command])
    .filter((command) => command.categories.includes(category));
  return bulks(members.map(({ name }) => name));
}

function getUser(call: Call): Reply {
  if (textOf(call.args[2]) !== 'default') return nil;
  const hashes = passwordHashes(call);
  return map([
    [bulk('flags'), set([bulk('on'), ...(hashes.length === 0 ? [bulk('nopass')] : [])])],
    [bulk('passwords'), bulks(hashes)],
    [bulk('commands'), bulk('+@all')],
    [bulk('keys'), bulk('~*')],
    [bulk('channels'), bulk('&*')],
    [bulk('selectors'), array([])],
  ]);
}

function log({ server, args, nowMs }: Call): Reply {
  if (args.length === 3 && wordOf(args[2]) === 'reset') {
    server.acl.refusals.length = 0;
    return ok;
  }
  const count = args.length === 3 ? integerOf(args[2]) : 10;
  if (count === null) return error('ERR value is not an integer or out of range');
  return array(
    server.acl.refusals.slice(0, count).map((refusal) =>
      map([
        [bulk('count'), integer(refusal.count)],
        [bulk('reason'), bulk('auth')],
        [bulk('context'), bulk('toplevel')],
        [bulk('object'), bulk(refusal.command)],
        [bulk('username'), bulk(refusal.user)],
        [bulk('age-seconds'), double((nowMs - refusal.atMs) / 1000)],
        [bulk('client-info'), bulk(refusal.client)],
      ]),
    ),
  );
}

function generatePassword({ args }: Call): Reply {
  const bits = args.length === 3 ? integerOf(args[2]) : 256;
  if (bits === null) return error('ERR value is not an integer or out of range');
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
  users: () => bulks(['default']),
  list: (call) => bulks([defaultUser(call)]),
  getuser: getUser,
  cat,
  log,
  genpass: generatePassword,
  setuser: () => notYet,
  deluser: () => notYet,
  dryrun: () => notYet,
  save: () => noFile,
  load: () => noFile,
  help: help('acl'),
});

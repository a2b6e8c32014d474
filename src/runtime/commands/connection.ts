/**
 * Who the client is and how it speaks: AUTH, HELLO, QUIT, RESET.
 *
 * The engine asks for authentication by itself (NOAUTH) before it hands a command back; these commands change what it asks.
 * Who may log in is access.ts's business.
 */
import { array, bulk, error, integer, map, ok, type Reply, simple } from '../../protocol/reply.ts';
import { roleWord } from '../../protocol/wire.ts';
import { type Call, type Handlers, syntaxError, textOf, wordOf } from '../handler.ts';
import { compatibleVersion } from '../version.ts';

const wrongPassword = error('WRONGPASS invalid username-password pair or user is disabled.');
const badName = error('ERR Client names cannot contain spaces, newlines or special characters.');

/** Names are printable ASCII without blanks. */
export const isClientName = (name: string): boolean => /^[\x21-\x7e]*$/.test(name);
export const badClientName = badName;

/** True when the user exists and the password is right; the client is that user then. */
const authenticate = ({ server, client, args }: Call, user: string, password: string): boolean =>
  server.access.authenticate(client, user, password, textOf(args[0]));

function auth(call: Call): Reply {
  const { args, server } = call;
  if (args.length > 3) return syntaxError;
  if (args.length === 2 && server.access.users.default.needsNoPassword)
    return error(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    );
  const [user, password] =
    args.length === 2 ? ['default', textOf(args[1])] : [textOf(args[1]), textOf(args[2])];
  return authenticate(call, user, password) ? ok : wrongPassword;
}

function hello(call: Call): Reply {
  const { args, client, server } = call;
  let protocol = client.protocol;
  let next = 1;
  if (args.length >= 2) {
    const version = textOf(args[1]);
    if (!/^-?[0-9]{1,18}$/.test(version))
      return error('ERR Protocol version is not an integer or out of range');
    if (version !== '2' && version !== '3') return error('NOPROTO unsupported protocol version');
    protocol = version === '3' ? 3 : 2;
    next = 2;
  }
  let credentials: [string, string] | null = null;
  let name: string | null = null;
  while (next < args.length) {
    const more = args.length - 1 - next;
    const word = wordOf(args[next]);
    if (word === 'auth' && more >= 2) {
      credentials = [textOf(args[next + 1]), textOf(args[next + 2])];
      next += 3;
    } else if (word === 'setname' && more >= 1) {
      name = textOf(args[next + 1]);
      if (!isClientName(name)) return badName;
      next += 2;
    } else {
      return error(`ERR Syntax error in HELLO option '${textOf(args[next])}'`);
    }
  }
  if (credentials && !authenticate(call, ...credentials)) return wrongPassword;
  if (!client.authenticated && !server.access.isOpen)
    return error(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    );
  if (name !== null) client.name = name;
  client.protocol = protocol;
  server.store.setSession(client.session, { protocol });
  return map([
    [bulk('server'), bulk('redis')],
    [bulk('version'), bulk(compatibleVersion)],
    [bulk('proto'), integer(protocol)],
    [bulk('id'), integer(client.id)],
    [bulk('mode'), bulk('standalone')],
    [bulk('role'), bulk(server.isReplica ? 'replica' : roleWord.primary)],
    [bulk('modules'), array([])],
  ]);
}

function quit({ client }: Call): Reply {
  client.line.close('after-writes');
  return ok;
}

function reset({ client, server }: Call): Reply {
  server.forgetModes(client);
  server.store.resetSession(client.session);
  client.protocol = 2;
  client.isOff = false;
  client.name = '';
  client.noEvict = false;
  server.access.enter(client);
  return simple('RESET');
}

const clusterOnly = (): Reply => error('ERR This instance has cluster support disabled');

export const connectionCommands: Handlers = {
  auth,
  hello,
  quit,
  reset,
  asking: clusterOnly,
  readonly: clusterOnly,
  readwrite: clusterOnly,
  cluster: clusterOnly,
};

/**
 * CLIENT KILL's filters: which clients are meant.
 *
 * Words become one predicate; all filters given must fit. Order of checks and error texts are Redis 7.0.15's. Killing is
 * client.ts's business.
 */
import { clientTypeWords } from '../../protocol/wire.ts';
import type { Client } from '../client.ts';
import { type Call, integerOf, textOf, wordOf } from '../handler.ts';

export interface ClientFilter {
  fits(client: Client): boolean;
}

const syntax = 'ERR syntax error';

/** A filter from the words behind CLIENT KILL, or the text of an error. */
export function killFilter({ server, client: asking, args }: Call): ClientFilter | string {
  if (args.length === 3) {
    const address = textOf(args[2]);
    return { fits: (client) => client.address === address };
  }
  const tests: ((client: Client) => boolean)[] = [];
  let skipsMe = true;
  for (let i = 2; i < args.length; i += 2) {
    if (i + 1 >= args.length) return syntax;
    const value = textOf(args[i + 1]);
    switch (wordOf(args[i])) {
      case 'id': {
        const id = integerOf(args[i + 1]);
        if (id === null || id < 1) return 'ERR client-id should be greater than 0';
        tests.push((client) => client.id === id);
        break;
      }
      case 'type': {
        const type = clientTypeWords[value.toLowerCase()];
        if (!type) return `ERR Unknown client type '${value}'`;
        tests.push((client) => client.type === type);
        break;
      }
      case 'addr':
        tests.push((client) => client.address === value);
        break;
      case 'laddr':
        tests.push((client) => client.localAddress === value);
        break;
      case 'user':
        if (server.access.users.get(value) === null) return `ERR No such user '${value}'`;
        tests.push((client) => client.user === value);
        break;
      case 'skipme':
        if (!/^(yes|no)$/i.test(value)) return syntax;
        skipsMe = value.toLowerCase() === 'yes';
        break;
      default:
        return syntax;
    }
  }
  return { fits: (client) => !(skipsMe && client === asking) && tests.every((test) => test(client)) };
}

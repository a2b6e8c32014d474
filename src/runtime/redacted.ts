/**
 * Commands as others may see them (MONITOR, the slow log): passwords are taken out, everything else stays.
 *
 * Which words are secret: all of AUTH's, users in ACL, the two behind AUTH in HELLO and MIGRATE, and values of options that are
 * secrets.
 */
import { findOption, rowOf } from '../config/options.ts';

const hidden = Buffer.from('(redacted)');
const wordAt = (args: readonly Buffer[], i: number): string =>
  args[i]?.toString('latin1').toLowerCase() ?? '';

/** The words with secrets replaced; the same array when there are none. */
export function redacted(args: readonly Buffer[]): readonly Buffer[] {
  const secret = secretPositions(args);
  return secret.size === 0 ? args : args.map((arg, i) => (secret.has(i) ? hidden : arg));
}

/** Subcommands of ACL whose words tell who there is. */
const aboutUsers = ['setuser', 'getuser', 'deluser'];

function secretPositions(args: readonly Buffer[]): Set<number> {
  const positions = new Set<number>();
  switch (wordAt(args, 0)) {
    case 'auth':
      for (let i = 1; i < args.length; i++) positions.add(i);
      break;
    case 'hello':
    case 'migrate':
      for (let i = 1; i < args.length; i++) {
        if (wordAt(args, i) === 'auth') positions.add(i + 1).add(i + 2);
        if (wordAt(args, i) === 'auth2') positions.add(i + 1).add(i + 2);
      }
      break;
    case 'acl':
      for (let i = 2; i < args.length && aboutUsers.includes(wordAt(args, 1)); i++) positions.add(i);
      break;
    case 'config':
      for (let i = 2; i + 1 < args.length && wordAt(args, 1) === 'set'; i += 2) {
        const name = findOption(wordAt(args, i));
        if (name && rowOf(name).secret) positions.add(i + 1);
      }
      break;
    default:
  }
  return positions;
}

/**
 * Command-line arguments in redis-server's own syntax, turned into configuration text.
 *
 *     redis.conf --port 6380 --replicaof 10.0.0.1 6379 --save "" -
 *     ^file        ^option      ^option with two words            ^standard input too
 *
 * The text of the arguments comes behind that of the file, so that arguments override it.
 */
import { quoteArgument, splitArguments } from '../protocol/split-arguments.ts';

export interface Arguments {
  /** Path of the configuration file; null for none. */
  file: string | null;
  /** Whether configuration text is to be read from standard input. */
  readsStandardInput: boolean;
  /** Lines for the options given, a binary string. */
  text: string;
}

const isOption = (word: string | undefined): boolean => word?.startsWith('--') ?? false;

/** Splits the arguments behind `serve`. Whether options exist and values are good is found out when the text is read. */
export function parseArguments(args: readonly string[]): Arguments {
  const words = args.map((arg) => Buffer.from(arg).toString('latin1'));
  const result: Arguments = { file: null, readsStandardInput: false, text: '' };
  // The first word is the file unless it is an option; a lone dash may stand first or last.
  if (words.length > 0 && !words[0]!.startsWith('-'))
    result.file = Buffer.from(words.shift()!, 'latin1').toString();
  if (words[0] === '-') {
    words.shift();
    result.readsStandardInput = true;
  }
  if (words.at(-1) === '-') {
    words.pop();
    result.readsStandardInput = true;
  }

  // True while the next word may open an option. Right behind an option's name it is a value, even with dashes before it.
  let mayOpen = true;
  words.forEach((word, i) => {
    if (!mayOpen || !isOption(word)) {
      result.text += `${quoteArgument(word)} `;
      mayOpen = true;
      return;
    }
    result.text += `${result.text === '' ? '' : '\n'}${word.slice(2)} `;
    // `--port 6380` may also come as one argument, value included.
    mayOpen = (splitArguments(word)?.length ?? 0) !== 1;
    const isLast = i === words.length - 1;
    // `--save` followed by nothing, or by another option, means `--save ""` (Redis 7.0.1 and later).
    if (word.toLowerCase() === '--save' && (isLast || isOption(words[i + 1]))) {
      result.text += '""';
      mayOpen = true;
    }
  });
  return result;
}

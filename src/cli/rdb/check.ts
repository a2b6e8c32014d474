/** `redtwin rdb check`: is the file sound; if not, the first bad byte, the key around it, and what can be saved. */
import type { Command } from 'commander';
import { RedtwinError } from '../../errors.ts';
import { type CommonOptions, ExitCode, filterOf, sourceHelp, withFilters } from './common.ts';
import { rdbTools } from './engine.ts';
import { bytes, grouped, printable } from './human.ts';
import { command, pump, said } from './run.ts';

export function addCheckCommand(rdb: Command): void {
  withFilters(rdb.command('check'))
    .description('look at every byte and every value: is the file sound?')
    .argument('<source>', sourceHelp)
    .option('--json', 'as one JSON document')
    .action((source: string, options: CommonOptions & { json?: boolean }) =>
      command(() => check(source, options)),
    );
}

async function check(source: string, options: CommonOptions & { json?: boolean }): Promise<number> {
  const scan = (await rdbTools()).scan({ job: 'check' }, filterOf(options), options.checksum);
  let error: RedtwinError | null = null;
  await pump(source, scan, options, { write: () => {} }).catch((caught: unknown) => {
    // A source that gives nothing is no damaged file.
    if (!(caught instanceof RedtwinError) || caught.code === 'rdb-source') throw caught;
    error = caught;
  });
  const damage = error as RedtwinError | null;
  const { wanted, broken, bytes: taken } = scan.progress();
  const last = scan.lastKey();
  const brokenKeys = scan
    .brokenKeys()
    .map(({ db, key, offset, why }) => ({ db, key: key.toString(), offset, why }));
  const sound = damage === null && broken === 0;
  if (options.json === true) {
    const frame = damage === null ? null : { code: damage.code, offset: damage.offset, why: damage.message };
    const around = damage === null ? null : { db: last.db, key: last.key.toString() };
    process.stdout.write(
      `${JSON.stringify({ sound, bytes: taken, keys: wanted, broken, frame, around, brokenKeys })}\n`,
    );
    return sound ? ExitCode.fine : ExitCode.no;
  }
  for (const { db, key, offset, why } of brokenKeys)
    process.stdout.write(
      `broken: key ${printable(key)} in database ${db}, which begins at byte ${offset}: ${why}\n`,
    );
  if (damage !== null) {
    const where =
      wanted + broken === 0 || isBehindKeys(damage)
        ? ''
        : `; the last key begun is ${printable(last.key.toString())} in database ${last.db}`;
    process.stdout.write(`damaged: ${said(damage)}${where}\n`);
  }
  if (sound) process.stdout.write(`sound: ${grouped(wanted)} keys in ${bytes(taken)}\n`);
  else if (wanted === 0) process.stdout.write('there is no key that could be saved\n');
  else
    process.stdout.write(
      `redtwin rdb repair can save ${grouped(wanted)} keys (${bytes(taken)} were looked at)\n`,
    );
  return sound ? ExitCode.fine : ExitCode.no;
}

/** What is wrong with the file's end is wrong with no key. */
function isBehindKeys({ code }: RedtwinError): boolean {
  return code === 'rdb-checksum' || code === 'rdb-trailing-bytes';
}

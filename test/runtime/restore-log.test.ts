/**
 * What the log says of a RESTORE that is refused, and DEBUG SET-SKIP-CHECKSUM-VALIDATION, on both engines.
 *
 * The client is told no more than Redis tells; who runs the server must be able to find out what was wrong with the value.
 */
import test from 'ava';
import { engineNames, Talk, withServer } from './helpers.ts';

/** An intset of one byte, of RDB version 9, whose checksum is wrong. */
const broken = '"\\x0b\\x01\\x02\\x09\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01"';

for (const engine of engineNames) {
  test(`a refused RESTORE says why in the log [${engine}]`, async (t) => {
    const lines: string[] = [];
    const onLog = (line: string): void => void lines.push(line);
    await withServer({ 'enable-debug-command': 'yes', engine, onLog }, async ({ port }) => {
      const talk = await Talk.open(port);
      t.is(await talk.ask(`RESTORE k 0 ${broken}`), '-ERR DUMP payload version or checksum are wrong\r\n');
      t.is(lines.join('').includes('integrity'), false);
      t.is(await talk.ask('DEBUG SET-SKIP-CHECKSUM-VALIDATION 1'), '+OK\r\n');
      t.is(await talk.ask(`RESTORE k 0 ${broken}`), '-ERR Bad data format\r\n');
      t.regex(lines.join(''), / # RESTORE refused a value, its integrity check failed: .+\n/);
      t.is(await talk.ask('DEBUG SET-SKIP-CHECKSUM-VALIDATION 0'), '+OK\r\n');
      t.is(await talk.ask(`RESTORE k 0 ${broken}`), '-ERR DUMP payload version or checksum are wrong\r\n');
      talk.close();
    });
  });
}

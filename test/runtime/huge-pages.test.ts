/**
 * disable-thp: a server on the native engine does without huge pages unless it is told otherwise. Linux alone shows it.
 */
import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { startRedtwin } from '../servers/server.ts';

const shown = (pid: number | 'self'): string | undefined =>
  /^THP_enabled:\s*(\d)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
const isShown = existsSync('/proc/self/status') && shown('self') !== undefined;

for (const [setting, expected] of [
  ['yes', '0'],
  ['no', '1'],
] as const) {
  test(`disable-thp ${setting}`, async (t) => {
    if (!isShown) {
      t.log('this system does not show it');
      t.pass();
      return;
    }
    const server = await startRedtwin({ engine: 'native', args: ['--disable-thp', setting] });
    t.teardown(() => server.stop());
    t.is(server.cli('CONFIG', 'GET', 'disable-thp').trim().split('\n')[1], setting);
    t.is(shown(server.pid), expected);
  });
}

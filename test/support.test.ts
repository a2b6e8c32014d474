/**
 * The list of unsupported commands is true, for each engine. REDTWIN_UPDATE=1 writes it anew.
 *
 * A command that an engine lost fails here, not in a corner.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { enginesUnderTest } from './engines.ts';
import { isOneOf, listedAsUnsupported, unsupportedBy } from './support.ts';

if (process.env.REDTWIN_UPDATE) {
  const path = new URL('unsupported.json', import.meta.url);
  const lists = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string[]>;
  for (const engine of enginesUnderTest) lists[engine.name] = unsupportedBy(engine);
  writeFileSync(path, `${JSON.stringify(lists, null, 2)}\n`);
}

for (const engine of enginesUnderTest) {
  test(`what ${engine.name} does not support yet is listed`, (t) => {
    const real = unsupportedBy(engine);
    const listed = listedAsUnsupported(engine.name);
    t.log(`${real.length} commands`);
    t.deepEqual(
      real.filter((name) => !listed.includes(name)),
      [],
      'no longer supported',
    );
    const done = listed.filter((name) => !real.includes(name));
    if (done.length > 0) t.log(`supported by now: ${done.join(' ')}`);
  });
}

test('command lines are recognised', (t) => {
  const names = new Set(['object|freq', 'get']);
  t.true(isOneOf(names, 'GET k'));
  t.true(isOneOf(names, ['OBJECT', 'Freq', 'k']));
  t.false(isOneOf(names, 'OBJECT ENCODING k'));
});

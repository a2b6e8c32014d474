/**
 * The drawing of the link in the docs is the one its table gives. When this fails: npm run diagrams.
 */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { draw } from '../../src/machine/draw.ts';
import { edges } from '../../src/machine/machine.ts';
import { groups, replicaLink } from '../../src/replication/replica-link.ts';

test('docs/replication.md shows the table that runs', (t) => {
  const text = readFileSync(new URL('../../docs/replication.md', import.meta.url), 'utf8');
  const shown = /<!-- replica-link: drawn by npm run diagrams -->\n```mermaid\n([\s\S]*?)```\n/.exec(
    text,
  )?.[1];
  t.is(shown, draw(edges(replicaLink), 'none', groups));
});

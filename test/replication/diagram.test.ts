/**
 * The drawings of the machines in the docs are the ones their tables give. When this fails: npm run diagrams.
 */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { draw } from '../../src/machine/draw.ts';
import { edges } from '../../src/machine/machine.ts';
import { failover } from '../../src/replication/failover.ts';
import { groups as primaryGroups, primaryLink } from '../../src/replication/primary-link.ts';
import { groups, replicaLink } from '../../src/replication/replica-link.ts';
import { shutdown } from '../../src/replication/shutdown.ts';
import { snapshotJob } from '../../src/replication/snapshot-job.ts';

const drawings = {
  'replica-link': draw(edges(replicaLink), 'none', groups),
  'primary-link': draw(edges(primaryLink), 'asking', primaryGroups),
  failover: draw(edges(failover), 'none'),
  shutdown: draw(edges(shutdown), 'serving'),
  'snapshot-job': draw(edges(snapshotJob), 'idle'),
};

for (const [name, drawing] of Object.entries(drawings)) {
  test(`docs/replication.md shows the table that runs: ${name}`, (t) => {
    const text = readFileSync(new URL('../../docs/replication.md', import.meta.url), 'utf8');
    const open = `<!-- ${name}: drawn by npm run diagrams -->\n\`\`\`mermaid\n`;
    const start = text.indexOf(open);
    t.true(start >= 0, 'there is a place for it');
    t.is(text.slice(start + open.length, text.indexOf('```\n', start + open.length)), drawing);
  });
}

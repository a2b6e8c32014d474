/**
 * Draws the state machines into the docs, from the tables that run them. `npm run diagrams` rewrites the drawings;
 * a test (test/replication/diagram.test.ts) fails when a drawing is not what its table gives.
 *
 * A drawing stands between `<!-- NAME: drawn by npm run diagrams -->` and `<!-- /NAME -->`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { draw } from '../src/machine/draw.ts';
import { edges } from '../src/machine/machine.ts';
import { failover } from '../src/replication/failover.ts';
import { groups as primaryGroups, primaryLink } from '../src/replication/primary-link.ts';
import { groups, replicaLink } from '../src/replication/replica-link.ts';
import { shutdown } from '../src/replication/shutdown.ts';
import { snapshotJob } from '../src/replication/snapshot-job.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const drawings: Record<string, string> = {
  'replica-link': draw(edges(replicaLink), 'none', groups),
  'primary-link': draw(edges(primaryLink), 'asking', primaryGroups),
  failover: draw(edges(failover), 'none'),
  shutdown: draw(edges(shutdown), 'serving'),
  'snapshot-job': draw(edges(snapshotJob), 'idle'),
};

const path = join(root, 'docs/replication.md');
let text = readFileSync(path, 'utf8');
for (const [name, drawing] of Object.entries(drawings)) {
  const open = `<!-- ${name}: drawn by npm run diagrams -->\n`;
  const start = text.indexOf(open) + open.length;
  const end = text.indexOf(`<!-- /${name} -->`);
  if (start < open.length || end < start)
    throw new Error(`docs/replication.md has no place for the drawing of ${name}`);
  text = `${text.slice(0, start)}\`\`\`mermaid\n${drawing}\`\`\`\n${text.slice(end)}`;
}
writeFileSync(path, text);

/**
 * RDB files of real servers: one that holds every type and encoding a server writes, and what a server makes of one.
 *
 *     dataset --> server --> SAVE --> file, DEBUG DIGEST          file --> server that starts on it --> DEBUG DIGEST
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerSource } from '../servers/catalog.ts';
import { type RunningServer, startServer } from '../servers/server.ts';
import { dataset } from './dataset.ts';
import { digestOf } from './info.ts';

/** What a server has saved, and what it says of it. */
export interface Saved {
  file: Buffer;
  digest: string;
}

/** Fills a server with every type and encoding it has, and has it save. */
export async function saved(source: ServerSource): Promise<Saved> {
  const server = await startServer({ version: source.name });
  try {
    const client = await server.client();
    const replies = await client.batch([
      ...dataset(source),
      // A value of a module, which neither engine understands and both must carry.
      ...(source.name === 'redis-8.0'
        ? ['VADD vectors VALUES 3 0.1 0.2 0.3 a', 'VADD vectors VALUES 3 1 0 0 b']
        : []),
      // These expire while we look.
      ...[1, 9, 15].flatMap((db) => [`SELECT ${db}`, 'DEL leaves']),
      'SAVE',
    ]);
    client.close();
    const refused = replies.find((reply) => reply[0] === 0x2d);
    if (refused !== undefined) throw new Error(`the server refused a part of the data set: ${refused}`);
    return { file: readFileSync(join(server.folder, 'dump.rdb')), digest: await digestOf(server) };
  } finally {
    await server.stop();
  }
}

/** A server that starts on this file; the digest of what it made of it. */
export async function digestAfterStartOn(file: Buffer, source: ServerSource): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'redtwin-test-file-'));
  let server: RunningServer | undefined;
  try {
    writeFileSync(join(folder, 'dump.rdb'), file);
    server = await startServer({ version: source.name, args: ['--dir', folder] });
    return await digestOf(server);
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

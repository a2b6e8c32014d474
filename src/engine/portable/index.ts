/**
 * The door of the portable engine: the same storage as the native engine's, in TypeScript only.
 *
 * It is written for clarity, to be read and to be compared with; it stands in where the native one cannot be built.
 */
import { type Engine, engineAbi } from '../engine.ts';
import { crc64 } from './crc64.ts';
import { PortableStore } from './store.ts';
import { portableRdbTools } from './toolkit/index.ts';

export const portableEngine: Engine = {
  name: 'portable',
  abi: engineAbi,
  open: (options) => new PortableStore(options),
  crc64,
  rdb: portableRdbTools,
};

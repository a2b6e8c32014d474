/**
 * Whether the native engine can be trusted, and which engine was asked for.
 *
 *     REDTWIN_ENGINE = native    the native engine, or no start at all
 *                      portable  the portable engine
 *                      auto      native; when it cannot be used, portable, and one loud warning with the reason
 *
 * Native is trusted only after a self-test: its ABI number fits this code, its checksum is right, and a small data set
 * survives a trip through an RDB. Stands apart from load.ts so that a command which is over in a moment need not load the
 * portable engine, most of this package's code, to find that it is not needed.
 */
import { RedtwinError } from '../errors.ts';
import { type Engine, engineAbi, outcomeBytes } from './engine.ts';
import { loadNative } from './native.ts';

export type EngineChoice = 'native' | 'portable' | 'auto';

/** The choice in an environment variable's text; throws 'engine-unavailable' for a word that is none of the three. */
export function engineChoice(text: string | undefined): EngineChoice {
  if (text === undefined || text === '' || text === 'auto') return 'auto';
  if (text === 'native' || text === 'portable') return text;
  throw new RedtwinError(
    'engine-unavailable',
    `REDTWIN_ENGINE is '${text}', but must be native, portable or auto`,
  );
}

/** The native engine, tested. Throws why it cannot be used. */
export function trustedNative(seed: bigint): Engine {
  const engine = loadNative();
  selfTest(engine, seed);
  return engine;
}

/** Throws when the engine does not do what this code expects of one. */
export function selfTest(engine: Engine, seed: bigint): void {
  if (engine.abi !== engineAbi) {
    throw new Error(
      `it has ABI ${engine.abi} where ${engineAbi} is needed (rebuild it: npm run build:native)`,
    );
  }
  const crc = engine.crc64(Buffer.from('123456789'));
  if (crc !== 0xe9c6d914c4b8d9can) throw new Error(`its CRC64 check value is ${crc.toString(16)}`);
  const store = engine.open({ databases: 2, seed, backlogBytes: 16384 });
  try {
    const session = store.openSession();
    const output = Buffer.alloc(256);
    const input = Buffer.from('SET k v\r\nSELECT 1\r\nRPUSH list a 1 b\r\n');
    const replies = outcomeBytes(store.execute(session, input, input.length, output, 1));
    if (output.toString('latin1', 0, replies) !== '+OK\r\n+OK\r\n:3\r\n')
      throw new Error('it answers wrongly');
    const before = store.digest();
    const snapshot = store.snapshot({ version: 10, compress: true, checksum: true, nowMs: 1, aux: [] });
    const loader = store.loader({ nowMs: 1, dropExpired: false, checksum: true });
    for (let chunk = snapshot.readNow(4096); chunk !== null; chunk = snapshot.readNow(4096))
      loader.write(chunk);
    store.flush();
    loader.commit();
    if (store.digest() !== before) throw new Error('an RDB round trip changes its data');
  } finally {
    store.close();
  }
}

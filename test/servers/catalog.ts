/**
 * The real servers that are our oracle: what each is called here, which Debian suite has it, and which packages
 * are unpacked for it. A server runs from its own folder with its suite's own C library, so that the machine's
 * system stays as it is.
 *
 * Facts checked on Debian 12: each list is complete, which `obtain.ts` proves again after unpacking (every shared
 * library must come from the folder itself).
 */

/** What a test asks for. */
export type ServerName = 'redis-6.0' | 'redis-7.0' | 'redis-8.0' | 'valkey-8.1' | 'valkey-9.1';

/** Where a server comes from. */
export interface ServerSource {
  name: ServerName;
  vendor: 'redis' | 'valkey';
  /** What `--version` must start with, for an installed one to be taken as it is. */
  version: string;
  /** Debian suite. */
  suite: string;
  /** Packages of that suite, the server's first. */
  packages: readonly string[];
  /** The RDB version it writes by itself. */
  rdbVersion: number;
  /** DEBUG DIGEST of the same data is that of Redis 7.0 (later servers spell scores differently in it). */
  digestsLike7: boolean;
}

const common = ['libc6', 'libjemalloc2', 'liblzf1', 'libsystemd0', 'libatomic1', 'libstdc++6', 'libgcc-s1'];
const lua = ['liblua5.1-0', 'lua-bitop', 'lua-cjson'];
/** What libsystemd0 itself wants; newer suites load these only on demand. */
const systemd = ['libcap2', 'libgcrypt20', 'libgpg-error0', 'liblz4-1', 'liblzma5', 'libzstd1'];

/** Oldest first. */
export const catalog: readonly ServerSource[] = [
  {
    name: 'redis-6.0',
    vendor: 'redis',
    version: '6.0.',
    suite: 'bullseye',
    packages: ['redis-server', 'redis-tools', 'libssl1.1', 'libhiredis0.14', ...common, ...lua, ...systemd],
    rdbVersion: 9,
    digestsLike7: true,
  },
  {
    name: 'redis-7.0',
    vendor: 'redis',
    version: '7.0.15',
    suite: 'bookworm',
    packages: ['redis-server', 'redis-tools', 'libssl3', 'libhiredis0.14', ...common, ...lua, ...systemd],
    rdbVersion: 10,
    digestsLike7: true,
  },
  {
    name: 'redis-8.0',
    vendor: 'redis',
    version: '8.0.',
    suite: 'trixie',
    packages: ['redis-server', 'redis-tools', 'libssl3t64', 'libcap2', 'zlib1g', 'libzstd1', ...common],
    rdbVersion: 12,
    digestsLike7: false,
  },
  {
    name: 'valkey-8.1',
    vendor: 'valkey',
    version: '8.1.',
    suite: 'trixie',
    packages: ['valkey-server', 'valkey-tools', 'libssl3t64', 'libcap2', 'zlib1g', 'libzstd1', ...common],
    rdbVersion: 11,
    digestsLike7: false,
  },
  {
    name: 'valkey-9.1',
    vendor: 'valkey',
    version: '9.1.',
    suite: 'forky',
    packages: ['valkey-server', 'valkey-tools', 'libssl3t64', 'libcap2', 'zlib1g', 'libzstd1', ...common],
    rdbVersion: 80,
    digestsLike7: false,
  },
];

/** The row of a server. */
export function sourceOf(name: ServerName): ServerSource {
  const source = catalog.find((row) => row.name === name);
  if (source === undefined) {
    throw new Error(`no server '${name}' in the catalog: ${catalog.map((row) => row.name).join(', ')}`);
  }
  return source;
}

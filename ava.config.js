/**
 * How ava runs the suites: TypeScript through tsx, each file in a process of its own (a crash of the native
 * engine must not take other suites with it), two files at a time because the suites start real servers.
 * Interop's whole matrix is left to `npm run test:interop`, which sets REDTWIN_INTEROP=all.
 */
export default {
  files: ['test/**/*.test.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=tsx', '--enable-source-maps'],
  workerThreads: false,
  concurrency: 2,
  timeout: '10m',
};

/**
 * Addresses of sockets as clients are shown them: `127.0.0.1:4711`, `[::1]:4711`.
 *
 * Nothing is looked up; these are texts made of what Node says of a socket.
 */

export const endpoint = (address: string | undefined, port: number | undefined): string =>
  `${address?.includes(':') ? `[${address}]` : (address ?? '?')}:${port ?? 0}`;

/** True for this machine itself; a socket without an address is already gone, or a unix socket. */
export const isLoopback = (address: string | undefined): boolean =>
  address === undefined ||
  address === '::1' ||
  address.startsWith('127.') ||
  address.startsWith('::ffff:127.');

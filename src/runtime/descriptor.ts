/**
 * The system's number of a socket, for those who send past Node's stream (`Engine.sendNow`). It is an inner part of Node's
 * handle: where it is missing, or the socket is no plain one, the answer is -1 and the documented way is gone.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

interface InnerSocket extends Socket {
  _handle?: { fd?: number } | null;
}

/** The descriptor of an open plain socket; -1 when it has none or is something else. REDTWIN_SEND_NOW=no says -1 always. */
export function descriptorOf(socket: Duplex): number {
  if (!(socket instanceof Socket) || socket instanceof TLSSocket) return -1;
  if (process.env.REDTWIN_SEND_NOW === 'no') return -1;
  return (socket as InnerSocket)._handle?.fd ?? -1;
}

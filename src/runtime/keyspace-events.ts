/**
 * Keyspace notifications: which messages an event of the engine becomes.
 *
 *     SET k  -->  __keyspace@0__:k  set      (flag K)
 *                 __keyevent@0__:set  k      (flag E)
 */

interface KeyspaceEvent {
  db: number;
  event: string;
  key: Buffer;
  flags: string;
}

/** Channel and message, in the order in which Redis publishes them. `configured` is notify-keyspace-events. */
export function keyspaceMessages({ db, event, key }: KeyspaceEvent, configured: string): [Buffer, Buffer][] {
  const messages: [Buffer, Buffer][] = [];
  const name = Buffer.from(event, 'latin1');
  if (configured.includes('K'))
    messages.push([Buffer.concat([Buffer.from(`__keyspace@${db}__:`), key]), name]);
  if (configured.includes('E')) messages.push([Buffer.from(`__keyevent@${db}__:${event}`, 'latin1'), key]);
  return messages;
}

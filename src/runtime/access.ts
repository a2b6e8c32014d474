/**
 * Who is who and may do what: the users of src/acl, joined with the clients that are connected and with the engine.
 *
 *     AUTH, HELLO --> user of a client --> session in the engine, held against the user's permissions
 *     SETUSER, DELUSER, LOAD --> permissions anew, clients that lost their user or a channel are closed
 *     denials of the engine --> ACL LOG
 *
 * A user whose permissions leave nothing out has the number 0 in the engine: such sessions are not checked at all.
 */
import { timingSafeEqual } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { lostChannels } from '../acl/channels.ts';
import { AclLog } from '../acl/log.ts';
import { permissionsOf } from '../acl/permissions.ts';
import { digestOfPassword, type User } from '../acl/user.ts';
import { type Change, Users } from '../acl/users.ts';
import { utf8 } from '../config/special-kinds.ts';
import type { Verdict } from '../engine/engine.ts';
import { RedtwinError } from '../errors.ts';
import type { Client } from './client.ts';
import type { Server } from './server.ts';

/** A user's number in the engine, and whether sessions need it. */
interface Known {
  readonly number: number;
  isRestricted: boolean;
}

export class Access {
  readonly log = new AclLog();
  readonly users: Users;
  readonly #server: Server;
  readonly #known = new Map<string, Known>();
  #nextNumber = 1;
  #isOpen = true;

  constructor(server: Server) {
    this.#server = server;
    this.users = new Users(() => ({
      allChannels: server.config.value('acl-pubsub-default') === 'allchannels',
    }));
  }

  /** Users as the configuration has them: requirepass, `user` lines, or an ACL file. Throws RedtwinError. */
  start(): void {
    const { config, log } = this.#server;
    this.users.setDefaultPassword(config.value('requirepass'));
    for (const words of config.userLines) this.users.declare(words);
    if (this.filePath !== null) {
      if (config.userLines.length > 0)
        throw new RedtwinError(
          'config-bad-value',
          'Users in redis.conf and an ACL file at the same time would contradict each other: use either `user` lines or aclfile',
        );
      const error = this.#loadUsers();
      if (error !== null)
        throw new RedtwinError('config-bad-value', `Aborting Redis startup because of ACL errors: ${error}`);
    }
    for (const user of this.users.all()) {
      this.#permit(user);
      if (!user.isEnabled)
        log.notice(`The user '${utf8(user.name)}' is disabled (there is no 'on' among its rules)`);
    }
    this.#refreshOpen();
    config.onChange('requirepass', () => {
      this.users.setDefaultPassword(config.value('requirepass'));
      this.#refreshOpen();
    });
  }

  /** The ACL file, seen from `dir`; null when none is configured. */
  get filePath(): string | null {
    const { config } = this.#server;
    const path = utf8(config.value('aclfile'));
    return path === '' ? null : resolve(utf8(config.value('dir')), path);
  }

  /** True when clients need not log in: `default` is enabled and has no password. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  // --- Clients ---

  /** A client that has just come, or said RESET, is `default`; logged in if that needs no password. */
  enter(client: Client): void {
    client.user = 'default';
    client.authenticated = this.#isOpen;
    this.#settle(client);
  }

  /** AUTH and HELLO AUTH. False, and an entry in the log, when the user may not log in so. */
  authenticate(client: Client, name: string, password: string, command: string): boolean {
    const user = this.users.get(name);
    if (user === null || !user.isEnabled || !(user.needsNoPassword || hasPassword(user, password))) {
      this.collectDenials();
      this.#logRefusal({
        reason: 'auth',
        context: this.#server.mayNotBlock(client) ? 'multi' : 'toplevel',
        object: command,
        user: name,
        client: this.#server.describe(client),
      });
      return false;
    }
    client.user = name;
    client.authenticated = true;
    this.#settle(client);
    return true;
  }

  /** Tells the engine whether a client may run commands, and as whom. */
  #settle(client: Client): void {
    const known = this.#known.get(client.user);
    this.#server.store.setSession(client.session, {
      authenticated: client.authenticated || this.#isOpen,
      user: known?.isRestricted ? known.number : 0,
    });
  }

  #close(client: Client, by: Client | null): void {
    this.enter(client);
    client.authenticated = false;
    this.#settle(client);
    client.line.close(client === by ? 'after-writes' : 'now');
  }

  // --- Users ---

  /** ACL SETUSER. Null, or the text of an error. `by` is the client that asks. */
  set(name: string, rules: readonly string[], by: Client): string | null {
    const change = this.users.set(name, rules);
    if (typeof change === 'string') return change;
    this.#closeSubscribers(change, by);
    this.#permit(change.after);
    for (const client of this.#clientsOf(name)) this.#settle(client);
    if (name === 'default') this.#refreshOpen();
    return null;
  }

  /** ACL DELUSER: the number of users that are gone now. Their clients go too. */
  delete(names: readonly string[], by: Client): number {
    const deleted = names.filter((name) => this.users.delete(name));
    for (const name of deleted) {
      for (const client of this.#clientsOf(name)) this.#close(client, by);
      this.#forget(name);
    }
    return deleted.length;
  }

  /** ACL LOAD. Null, or what is wrong with the file; then nothing has changed. All clients but those of `default` go. */
  load(by: Client): string | null {
    const before = this.users.all();
    const error = this.#loadUsers();
    if (error !== null) return error;
    for (const { name } of before) {
      if (name === 'default') continue;
      for (const client of this.#clientsOf(name)) this.#close(client, by);
      this.#forget(name);
    }
    for (const user of this.users.all()) this.#permit(user);
    for (const client of this.#clientsOf('default')) this.#settle(client);
    this.#refreshOpen();
    return null;
  }

  /** ACL SAVE: a draft that is renamed, so that a crash never leaves half a file. Throws what the system throws. */
  save(): void {
    const path = this.filePath!;
    const draft = `${path}.tmp-${process.pid}-${this.#server.nowMs()}`;
    writeFileSync(
      draft,
      this.users
        .lines()
        .map((line) => `${line}\n`)
        .join(''),
      'latin1',
    );
    renameSync(draft, path);
  }

  #loadUsers(): string | null {
    const path = this.filePath!;
    let text: string;
    try {
      text = readFileSync(path, 'latin1');
    } catch (cause) {
      const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      return `Error loading ACLs, opening file '${this.#server.config.text('aclfile')}': ${isMissing ? 'No such file or directory' : String(cause)}`;
    }
    return this.users.replace(text, this.#server.config.text('aclfile'));
  }

  #permit(user: User): void {
    const permissions = permissionsOf(user);
    const known = this.#known.get(user.name) ?? { number: this.#nextNumber++, isRestricted: false };
    known.isRestricted = permissions !== null;
    this.#known.set(user.name, known);
    this.#server.store.permit(known.number, permissions);
  }

  #forget(name: string): void {
    const known = this.#known.get(name);
    if (known) this.#server.store.permit(known.number, null);
    this.#known.delete(name);
  }

  #clientsOf(name: string): Client[] {
    return [...this.#server.clients.values()].filter((client) => client.user === name);
  }

  #closeSubscribers({ before, after }: Change, by: Client): void {
    const hasLost = before && lostChannels(before, after);
    if (!hasLost) return;
    for (const client of this.#clientsOf(after.name))
      if (client.isSubscriber && hasLost(client)) client.line.close(client === by ? 'after-writes' : 'now');
  }

  /** Whether clients must log in may have changed: the engine asks those who have not. */
  #refreshOpen(): void {
    const { isEnabled, needsNoPassword } = this.users.default;
    this.#isOpen = isEnabled && needsNoPassword;
    for (const client of this.#server.clients.values()) if (!client.authenticated) this.#settle(client);
  }

  /** May a user run a command? See `Store.judge`. */
  judge(user: User, args: Buffer[]): Verdict | null {
    const known = this.#known.get(user.name);
    return known?.isRestricted ? this.#server.store.judge(known.number, args) : null;
  }

  // --- The log ---

  /** Takes what the engine refused into the log. */
  collectDenials(): void {
    const { store } = this.#server;
    for (const { session, reason, context, object, command, multi } of store.takeDenials()) {
      const client = this.#server.clientOf(session);
      if (client === null) continue;
      this.#logRefusal({
        reason,
        context,
        object: object.toString('latin1'),
        user: client.user,
        client: client.describe(
          { ...store.sessionInfo(session), lastCommand: command, multi },
          this.#server.nowMs(),
        ),
      });
    }
  }

  #logRefusal(refusal: Omit<Parameters<AclLog['add']>[0], 'atMs'>): void {
    const { config } = this.#server;
    this.log.add({ ...refusal, atMs: this.#server.nowMs() }, config.value('acllog-max-len'));
  }
}

/** Compares digests in a time that tells nothing about them. */
function hasPassword(user: User, password: string): boolean {
  const given = Buffer.from(digestOfPassword(password));
  let isRight = false;
  for (const digest of user.passwords) isRight = timingSafeEqual(given, Buffer.from(digest)) || isRight;
  return isRight;
}

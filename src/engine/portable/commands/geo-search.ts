/**
 * GEOSEARCH, GEOSEARCHSTORE and their elders GEORADIUS and GEORADIUSBYMEMBER: what lies around a point.
 *
 * One search serves them all; they differ in where the point and the shape stand among the arguments, and in which
 * options they take.
 *
 *     GEORADIUS key LON LAT RADIUS UNIT options         GEORADIUSBYMEMBER key MEMBER RADIUS UNIT options
 *     GEOSEARCH key options                             GEOSEARCHSTORE target key options
 */
import type { Call } from '../call.ts';
import { cellsFor, distanceWithin, type Shape } from '../geo-area.ts';
import { type Position, positionOf, scoresOf } from '../geohash.ts';
import type { HandlerTable } from '../handler.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { ZsetValue } from '../zset.ts';
import { positionAt, replyDistance, replyPosition, sizeAt, unitAt } from './geo-arguments.ts';

type Variant = 'radius' | 'radiusByMember' | 'search' | 'searchStore';

export const geoSearches: HandlerTable = {
  georadius: (call) => search(call, 'radius', true),
  georadius_ro: (call) => search(call, 'radius', false),
  georadiusbymember: (call) => search(call, 'radiusByMember', true),
  georadiusbymember_ro: (call) => search(call, 'radiusByMember', false),
  geosearch: (call) => search(call, 'search', false),
  geosearchstore: (call) => search(call, 'searchStore', false),
};

interface SearchOptions {
  /** Known unless the key that has the member is missing; then nothing is searched. */
  centre: Position | null;
  isFromMember: boolean;
  isFromPosition: boolean;
  /** The shape without its centre. */
  size: Size | null;
  withDistance: boolean;
  withHash: boolean;
  withPosition: boolean;
  sort: 'none' | 'asc' | 'desc';
  /** 0 for all. */
  count: number;
  /** Any `count` will do: stop as soon as there are enough. */
  any: boolean;
  store: string | null;
  /** Store distances as scores. */
  storeDistance: boolean;
}

type Size = { metres: number } & (
  | { kind: 'circle'; radius: number }
  | { kind: 'box'; width: number; height: number }
);

interface Found {
  member: string;
  score: number;
  position: Position;
  /** In metres. */
  distance: number;
}

function search(call: Call, variant: Variant, mayStore: boolean): void {
  const zset = call.read(call.text(variant === 'searchStore' ? 2 : 1), 'zset');
  const options = parseSearch(call, variant, mayStore, zset);
  if (zset === null || options.centre === null) {
    if (options.store === null) call.reply.array(0);
    else storeFound(call, variant, options.store, []);
    return;
  }
  const shape: Shape = { ...options.size!, centre: options.centre };
  let found = findWithin(zset, shape, options.any ? options.count : 0);
  // The nearest ones are wanted when only some are, unless any will do.
  const sort = options.count > 0 && options.sort === 'none' && !options.any ? 'asc' : options.sort;
  if (sort === 'asc') found.sort((a, b) => a.distance - b.distance);
  if (sort === 'desc') found.sort((a, b) => b.distance - a.distance);
  if (options.count > 0) found = found.slice(0, options.count);
  if (options.store === null) {
    replyFound(call, found, options, shape.metres);
    return;
  }
  const scored = found.map(({ member, score, distance }) => ({
    member,
    score: options.storeDistance ? distance / shape.metres : score,
  }));
  storeFound(call, variant, options.store, scored);
}

/** Everything inside the shape, cell by cell; at most `limit` when that is not 0. */
function findWithin(zset: ZsetValue, shape: Shape, limit: number): Found[] {
  const found: Found[] = [];
  for (const cell of cellsFor(shape)) {
    const { min, max } = scoresOf(cell);
    const start = zset.countBefore(({ score }) => score < min);
    const end = zset.countBefore(({ score }) => score < max);
    for (const { member, score } of zset.slice(start, end)) {
      const position = positionOf(score);
      const distance = distanceWithin(shape, position);
      if (distance !== null) found.push({ member, score, position, distance });
      if (limit > 0 && found.length >= limit) return found;
    }
  }
  return found;
}

function replyFound({ reply }: Call, found: Found[], options: SearchOptions, metres: number): void {
  const extras = [options.withDistance, options.withHash, options.withPosition].filter(Boolean).length;
  reply.array(found.length);
  for (const { member, score, position, distance } of found) {
    if (extras > 0) reply.array(extras + 1);
    reply.bulk(member);
    if (options.withDistance) replyDistance(reply, distance / metres);
    if (options.withHash) reply.integer(BigInt(Math.trunc(score)));
    if (options.withPosition) replyPosition(reply, position);
  }
}

function storeFound(
  call: Call,
  variant: Variant,
  target: string,
  scored: { member: string; score: number }[],
): void {
  if (scored.length > 0) {
    call.put(target, ZsetValue.of(scored, call.settings));
    const event = variant === 'searchStore' ? 'geosearchstore' : 'georadiusstore';
    call.changed('z', event, target, scored.length);
  } else if (call.remove(target)) {
    call.changed('g', 'del', target);
  }
  call.reply.integer(scored.length);
}

function memberPosition(zset: ZsetValue, member: string): Position {
  return positionOf(zset.score(member) ?? refuseWith('ERR could not decode requested zset member'));
}

function circleAt(call: Call, index: number): Size {
  const radius = sizeAt(call, index, 'radius');
  if (radius < 0) refuseWith('ERR radius cannot be negative');
  return { kind: 'circle', radius, metres: unitAt(call, index + 1) };
}

function boxAt(call: Call, index: number): Size {
  const width = sizeAt(call, index, 'width');
  const height = sizeAt(call, index + 1, 'height');
  if (height < 0 || width < 0) refuseWith('ERR height or width cannot be negative');
  return { kind: 'box', width, height, metres: unitAt(call, index + 2) };
}

const noOptions: SearchOptions = {
  centre: null,
  isFromMember: false,
  isFromPosition: false,
  size: null,
  withDistance: false,
  withHash: false,
  withPosition: false,
  sort: 'none',
  count: 0,
  any: false,
  store: null,
  storeDistance: false,
};

/** Point and shape of the elder commands, and where the options begin. */
function parseFixed(call: Call, variant: Variant, zset: ZsetValue | null): [SearchOptions, number] {
  switch (variant) {
    case 'radius':
      return [{ ...noOptions, centre: positionAt(call, 2), size: circleAt(call, 4) }, 6];
    case 'radiusByMember':
      if (zset === null) return [{ ...noOptions }, 5];
      return [{ ...noOptions, centre: memberPosition(zset, call.text(2)), size: circleAt(call, 3) }, 5];
    case 'search':
      return [{ ...noOptions }, 2];
    case 'searchStore':
      return [{ ...noOptions, store: call.text(1) }, 3];
  }
}

function parseSearch(call: Call, variant: Variant, mayStore: boolean, zset: ZsetValue | null): SearchOptions {
  const [options, first] = parseFixed(call, variant, zset);
  const isSearch = variant === 'search' || variant === 'searchStore';
  for (let at = first; at < call.args.length; at++) {
    const more = call.args.length - at - 1;
    const word = call.word(at);
    if (word === 'WITHDIST') options.withDistance = true;
    else if (word === 'WITHHASH') options.withHash = true;
    else if (word === 'WITHCOORD') options.withPosition = true;
    else if (word === 'ANY') options.any = true;
    else if (word === 'ASC') options.sort = 'asc';
    else if (word === 'DESC') options.sort = 'desc';
    else if (word === 'COUNT' && more > 0) {
      options.count = call.integer(++at);
      if (options.count <= 0) refuseWith('ERR COUNT must be > 0');
    } else if ((word === 'STORE' || word === 'STOREDIST') && more > 0 && mayStore) {
      options.store = call.text(++at);
      options.storeDistance = word === 'STOREDIST';
    } else if (word === 'STOREDIST' && variant === 'searchStore') {
      options.storeDistance = true;
    } else if (isSearch) {
      at += parseShape(call, at, options, zset);
    } else {
      refuse('syntax');
    }
  }
  checkTogether(call, variant, options);
  return options;
}

/** The options of GEOSEARCH that say where and how far. Returns how many arguments belong to the one at `at`. */
function parseShape(call: Call, at: number, options: SearchOptions, zset: ZsetValue | null): number {
  const more = call.args.length - at - 1;
  switch (call.word(at)) {
    case 'FROMMEMBER':
      if (more < 1 || options.isFromPosition) break;
      options.isFromMember = true;
      if (zset !== null) options.centre = memberPosition(zset, call.text(at + 1));
      return 1;
    case 'FROMLONLAT':
      if (more < 2 || options.isFromMember) break;
      options.isFromPosition = true;
      options.centre = positionAt(call, at + 1);
      return 2;
    case 'BYRADIUS':
      if (more < 2 || options.size?.kind === 'box') break;
      options.size = circleAt(call, at + 1);
      return 2;
    case 'BYBOX':
      if (more < 3 || options.size?.kind === 'circle') break;
      options.size = boxAt(call, at + 1);
      return 3;
  }
  refuse('syntax');
}

function checkTogether(call: Call, variant: Variant, options: SearchOptions): void {
  const { withDistance, withHash, withPosition } = options;
  if (options.store !== null && (withDistance || withHash || withPosition)) {
    const what = variant === 'searchStore' ? 'GEOSEARCHSTORE' : 'STORE option in GEORADIUS';
    refuseWith(`ERR ${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`);
  }
  if (variant === 'search' || variant === 'searchStore') {
    const name = call.text(0);
    if (!options.isFromMember && !options.isFromPosition) {
      refuseWith(`ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${name}`);
    }
    if (options.size === null) {
      refuseWith(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${name}`);
    }
  }
  if (options.any && options.count === 0) refuseWith('ERR the ANY argument requires COUNT argument');
}

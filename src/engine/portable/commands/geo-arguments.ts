/**
 * What the geo commands share: positions, units and distances as arguments, and numbers as they are answered.
 *
 * Coordinates are checked here once, against the limits of Web Mercator that Redis uses.
 */
import type { Call } from '../call.ts';
import { latitudeRange, longitudeRange, type Position } from '../geohash.ts';
import { parseDouble } from '../numbers.ts';
import { refuseWith } from '../refusal.ts';
import type { Reply } from '../reply.ts';

/** Longitude and latitude in two arguments. */
export function positionAt(call: Call, index: number): Position {
  const longitude = call.double(index);
  const latitude = call.double(index + 1);
  const isWithin = (value: number, range: { min: number; max: number }): boolean =>
    value >= range.min && value <= range.max;
  if (!isWithin(longitude, longitudeRange) || !isWithin(latitude, latitudeRange)) {
    refuseWith(`ERR invalid longitude,latitude pair ${fixed(longitude, 6)},${fixed(latitude, 6)}`);
  }
  return { longitude, latitude };
}

/** printf's "%.<digits>f". */
function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Math.abs(value) < 1e21 ? value.toFixed(digits) : `${BigInt(value)}.${'0'.repeat(digits)}`;
}

const metresPer = new Map([
  ['M', 1],
  ['KM', 1000],
  ['FT', 0.3048],
  ['MI', 1609.34],
]);

/** Metres per unit. */
export function unitAt(call: Call, index: number): number {
  return (
    metresPer.get(call.word(index)) ?? refuseWith('ERR unsupported unit provided. please use M, KM, FT, MI')
  );
}

/** A size in some unit; `what` is the noun of the error. */
export function sizeAt(call: Call, index: number, what: string): number {
  return parseDouble(call.text(index)) ?? refuseWith(`ERR need numeric ${what}`);
}

/** A distance, with four digits behind the point, half to even. */
export function replyDistance(reply: Reply, value: number): void {
  const scaled = value * 10_000;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  const digits = String(rounded).padStart(5, '0');
  reply.bulk(`${digits.slice(0, -4)}.${digits.slice(-4)}`);
}

/** A coordinate with up to 17 digits behind the point, which is more than a double has. */
export function replyCoordinate(reply: Reply, value: number): void {
  const text = value.toFixed(17).replace(/\.?0+$/, '');
  if (reply.protocol === 3) reply.raw(Buffer.from(`,${text}\r\n`));
  else reply.bulk(text);
}

export function replyPosition(reply: Reply, { longitude, latitude }: Position): void {
  reply.array(2);
  replyCoordinate(reply, longitude);
  replyCoordinate(reply, latitude);
}

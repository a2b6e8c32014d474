/**
 * Geohashes: a position on earth as one number that keeps near things near.
 *
 * Longitude and latitude are halved again and again; each halving gives a bit, and the bits of both are
 * interleaved, longitude first. 26 halvings of each make the 52 bits that a sorted set's score can hold exactly. A
 * hash of fewer steps is a cell of a grid, and all positions in it have scores that begin with its bits.
 *
 *     steps 1:   01 | 11        bits of a cell: longitude half, latitude half
 *                ---+---
 *                00 | 10
 *
 * Positions are in degrees (WGS 84). Near the poles there are none: latitudes end at 85.05112878.
 */

export interface Position {
  longitude: number;
  latitude: number;
}

/** Degrees from `min` to `max`. */
export interface Range {
  min: number;
  max: number;
}

/** A cell of the grid. */
export interface Cell {
  bits: bigint;
  /** Halvings of each coordinate, 1 to 26. */
  steps: number;
}

export interface Area {
  longitude: Range;
  latitude: Range;
}

export const longitudeRange: Range = { min: -180, max: 180 };
export const latitudeRange: Range = { min: -85.05112878, max: 85.05112878 };
/** What everybody but Redis takes: GEOHASH answers in it. */
const latitudeRangeStandard: Range = { min: -90, max: 90 };
/** Halvings of a score. */
export const stepsMax = 26;

/** Bits of latitudes and of longitudes in an interleaved number. */
const latitudeBits = 0x5555555555555555n;
const longitudeBits = 0xaaaaaaaaaaaaaaaan;

/** The cell a position is in; it lies within the ranges. */
export function cellOf(position: Position, steps: number, latitudes = latitudeRange): Cell {
  const { longitude, latitude } = position;
  const latitudeShare = (latitude - latitudes.min) / (latitudes.max - latitudes.min);
  const longitudeShare = (longitude - longitudeRange.min) / (longitudeRange.max - longitudeRange.min);
  const scale = 2 ** steps;
  return { bits: spread(latitudeShare * scale) | (spread(longitudeShare * scale) << 1n), steps };
}

/** A whole number with a zero in front of each of its bits. */
function spread(value: number): bigint {
  let bits = 0n;
  for (let rest = BigInt(Math.floor(value)), shift = 0n; rest > 0n; rest >>= 1n, shift += 2n) {
    bits |= (rest & 1n) << shift;
  }
  return bits;
}

/** Every second bit, from the lowest on. */
function gather(bits: bigint): number {
  let value = 0;
  for (let rest = bits, weight = 1; rest > 0n; rest >>= 2n, weight *= 2) {
    if ((rest & 1n) === 1n) value += weight;
  }
  return value;
}

/** The degrees that a cell covers. */
export function areaOf({ bits, steps }: Cell): Area {
  const of = (range: Range, index: number): Range => {
    const scale = range.max - range.min;
    return {
      min: range.min + (index / 2 ** steps) * scale,
      max: range.min + ((index + 1) / 2 ** steps) * scale,
    };
  };
  return {
    latitude: of(latitudeRange, gather(bits & latitudeBits)),
    longitude: of(longitudeRange, gather((bits & longitudeBits) >> 1n)),
  };
}

/** The score of a position: its 52 bits. */
export const scoreOf = (position: Position): bigint => cellOf(position, stepsMax).bits;

/** The middle of a score's cell. Any number is taken as C would convert it to 64 bits. */
export function positionOf(score: number): Position {
  const { longitude, latitude } = areaOf({ bits: toUnsigned(score), steps: stepsMax });
  const middle = (range: Range, limits: Range): number =>
    Math.min(limits.max, Math.max(limits.min, (range.min + range.max) / 2));
  return { longitude: middle(longitude, longitudeRange), latitude: middle(latitude, latitudeRange) };
}

function toUnsigned(score: number): bigint {
  if (score >= 2 ** 64 || Number.isNaN(score)) return 0n;
  if (score < -(2 ** 63)) return 2n ** 63n;
  return BigInt.asUintN(64, BigInt(Math.trunc(score)));
}

const alphabet = '0123456789bcdefghjkmnpqrstuvwxyz';

/** The usual text of eleven letters. Its last letter is always 0: 52 bits give no more than ten. */
export function geohashText(position: Position): string {
  const { bits } = cellOf(position, stepsMax, latitudeRangeStandard);
  let text = '';
  for (let letter = 1; letter <= 10; letter++)
    text += alphabet[Number((bits >> BigInt(52 - letter * 5)) & 31n)]!;
  return `${text}0`;
}

/** The cell `east` cells to the east and `north` to the north (each -1, 0 or 1); the grid has no edge. */
export function neighbour({ bits, steps }: Cell, east: number, north: number): Cell {
  const used = (1n << BigInt(steps * 2)) - 1n;
  const moved = (own: bigint, other: bigint, by: number): bigint => {
    if (by === 0) return bits & own;
    // With the bits between set, a carry runs through them from one own bit to the next.
    const between = other & used;
    const value = by > 0 ? (bits & own) + (between + 1n) : ((bits & own) | between) - (between + 1n);
    return value & own & used;
  };
  const longitude = moved(longitudeBits, latitudeBits, east);
  const latitude = moved(latitudeBits, longitudeBits, north);
  return { bits: longitude | latitude, steps };
}

/** Scores of the positions in a cell: from `min` to below `max`. */
export function scoresOf({ bits, steps }: Cell): { min: number; max: number } {
  const shift = BigInt(52 - steps * 2);
  return { min: Number(bits << shift), max: Number((bits + 1n) << shift) };
}

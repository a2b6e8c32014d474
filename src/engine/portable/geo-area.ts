/**
 * Searching around a point: distances on the globe, and which cells of the grid have to be looked at.
 *
 *     +----+----+----+      The cell of the point and its eight neighbours cover the shape, when a cell is about as
 *     | nw | n  | ne |      large as the shape. Neighbours that lie wholly outside are left out; what is in the cells
 *     +----+----+----+      is then measured one by one.
 *     | w  | *  | e  |
 *     +----+----+----+
 *     | sw | s  | se |
 *     +----+----+----+
 *
 * The arithmetic is Redis's, step by step, because the last digits of a distance and the order in which cells come
 * show. One deviation remains: JavaScript's sine and cosine may differ from C's in their last bit, which STOREDIST
 * shows in the 16th digit.
 */
import { type Area, areaOf, type Cell, cellOf, neighbour, type Position } from './geohash.ts';

/** What is searched: a circle or a box around a point. Sizes are in units of `metres` metres. */
export type Shape = { centre: Position; metres: number } & (
  | { kind: 'circle'; radius: number }
  | { kind: 'box'; width: number; height: number }
);

const earthRadiusMetres = 6372797.560856;
/** Half the length of the equator on a map. */
const mapHalfMetres = 20037726.37;
const radiansPerDegree = Math.PI / 180;

const radians = (degrees: number): number => degrees * radiansPerDegree;
const degrees = (angle: number): number => angle / radiansPerDegree;

/** Metres between two latitudes on one meridian. */
const latitudeDistance = (a: number, b: number): number =>
  earthRadiusMetres * Math.abs(radians(b) - radians(a));

/** Metres between two positions along a great circle (haversine). */
export function distance(a: Position, b: Position): number {
  const v = Math.sin((radians(b.longitude) - radians(a.longitude)) / 2);
  if (v === 0) return latitudeDistance(a.latitude, b.latitude);
  const u = Math.sin((radians(b.latitude) - radians(a.latitude)) / 2);
  const h = u * u + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * v * v;
  return 2 * earthRadiusMetres * Math.asin(Math.sqrt(h));
}

/** Metres from the centre to a position inside the shape; null outside. */
export function distanceWithin(shape: Shape, position: Position): number | null {
  const { centre, metres } = shape;
  if (shape.kind === 'circle') {
    const found = distance(centre, position);
    return found > shape.radius * metres ? null : found;
  }
  if (latitudeDistance(position.latitude, centre.latitude) > (shape.height * metres) / 2) return null;
  const across = distance(position, { longitude: centre.longitude, latitude: position.latitude });
  return across > (shape.width * metres) / 2 ? null : distance(centre, position);
}

/** Degrees that hold the whole shape; beyond the globe's ends when it is large. */
function boundsOf(shape: Shape): Area {
  const { longitude, latitude } = shape.centre;
  const [halfHeight, halfWidth] =
    shape.kind === 'circle' ? [shape.radius, shape.radius] : [shape.height / 2, shape.width / 2];
  const up = degrees((shape.metres * halfHeight) / earthRadiusMetres);
  const wide = (shape.metres * halfWidth) / earthRadiusMetres;
  // A degree of longitude is shortest, and so the bounds are widest, on the side that is nearer to a pole. Redis
  // takes the upper side in the north and the lower one in the south.
  const side = latitude < 0 ? latitude - up : latitude + up;
  const across = degrees(wide / Math.cos(radians(side)));
  return {
    longitude: { min: longitude - across, max: longitude + across },
    latitude: { min: latitude - up, max: latitude + up },
  };
}

/**
 * How many steps make cells of about the size of what is searched; fewer near the poles, where cells are narrow.
 */
function stepsFor(radiusMetres: number, latitude: number): number {
  if (radiusMetres === 0) return 26;
  let steps = 1;
  for (let size = radiusMetres; size < mapHalfMetres; size *= 2) steps++;
  steps -= 2;
  if (latitude > 66 || latitude < -66) steps--;
  if (latitude > 80 || latitude < -80) steps--;
  return Math.min(26, Math.max(1, steps));
}

/** In the order in which Redis looks at them: east, north. */
const directions = [
  [0, 0],
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
] as const;

/** Cells that together cover the shape, in the order in which they are to be searched. */
export function cellsFor(shape: Shape): Cell[] {
  const bounds = boundsOf(shape);
  const radius =
    shape.kind === 'circle' ? shape.radius : Math.sqrt((shape.width / 2) ** 2 + (shape.height / 2) ** 2);
  let steps = stepsFor(radius * shape.metres, shape.centre.latitude);
  let centre = cellOf(shape.centre, steps);
  if (steps > 1 && !reaches(centre, bounds)) centre = cellOf(shape.centre, --steps);
  const own = areaOf(centre);
  const isUseful = (east: number, north: number): boolean =>
    steps < 2 ||
    !(
      (north < 0 && own.latitude.min < bounds.latitude.min) ||
      (north > 0 && own.latitude.max > bounds.latitude.max) ||
      (east < 0 && own.longitude.min < bounds.longitude.min) ||
      (east > 0 && own.longitude.max > bounds.longitude.max)
    );
  const cells: Cell[] = [];
  let last = 0;
  directions.forEach(([east, north], index) => {
    if (!isUseful(east, north)) return;
    const cell = neighbour(centre, east, north);
    // Of huge cells there are so few that neighbours are the same; only the one looked at before is remembered.
    if (last > 0 && cells[cells.length - 1]?.bits === cell.bits) return;
    cells.push(cell);
    last = index;
  });
  return cells;
}

/** The four neighbours reach as far as the bounds do. */
function reaches(centre: Cell, bounds: Area): boolean {
  return (
    areaOf(neighbour(centre, 0, 1)).latitude.max >= bounds.latitude.max &&
    areaOf(neighbour(centre, 0, -1)).latitude.min <= bounds.latitude.min &&
    areaOf(neighbour(centre, 1, 0)).longitude.max >= bounds.longitude.max &&
    areaOf(neighbour(centre, -1, 0)).longitude.min <= bounds.longitude.min
  );
}

//! Circles and boxes on the map: which cells cover one, and what lies within.
//!
//! The idea: take cells about as large as the shape, the one around the centre and its eight neighbours; together they
//! cover it. Cells that cannot touch it are left out, and what the others hold is checked one by one with `within`.
//!
//! ```text
//!   +----+----+----+
//!   |    | __ |    |     the shape is never larger than the middle cell and half of its neighbours
//!   +----/----\----+
//!   |   |  x   |   |
//!   +----\____/----+
//!   |    |    |    |
//!   +----+----+----+
//! ```
//!
//! Order of the cells, estimates and margins are those of Redis 7.0: unsorted replies with COUNT ANY depend on them.

use super::{Cell, Position, STEPS_MAX};

/// Mean radius of the earth in metres, as Redis has it.
const EARTH_RADIUS: f64 = 6_372_797.560_856;
/// Half of the length of the Mercator square's side, in metres.
const MERCATOR_MAX: f64 = 20_037_726.37;
const RADIANS: f64 = std::f64::consts::PI / 180.0;

/// The neighbours in the order in which Redis looks at them, as steps to the east and to the north.
const AROUND: [(i8, i8); 9] = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

/// What is searched in, around a centre. Lengths are in the user's unit; `metres` is how many metres that has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// All that is at most `radius` away.
    Circle {
        /// Radius in the unit.
        radius: f64,
        /// Metres per unit.
        metres: f64,
    },
    /// A rectangle along the meridians.
    Box {
        /// West to east, in the unit.
        width: f64,
        /// South to north, in the unit.
        height: f64,
        /// Metres per unit.
        metres: f64,
    },
}

impl Shape {
    /// Half of its width, half of its height and the way from the centre to its farthest point, in metres.
    fn extent(self) -> (f64, f64, f64) {
        match self {
            Shape::Circle { radius, metres } => (metres * radius, metres * radius, radius * metres),
            Shape::Box { width, height, metres } => {
                let (half_width, half_height) = (width / 2.0, height / 2.0);
                let corner = (half_width * half_width + half_height * half_height).sqrt();
                (metres * half_width, metres * half_height, corner * metres)
            }
        }
    }
}

/// The smallest west-south-east-north box around the shape, in degrees.
struct Bounds {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Bounds {
    fn of(shape: Shape, centre: Position) -> Bounds {
        let (half_width, half_height, _) = shape.extent();
        let up = half_height / EARTH_RADIUS / RADIANS;
        // Meridians draw together towards the poles, so the side nearer to a pole needs more degrees.
        let poleward = if centre.latitude < 0.0 { centre.latitude - up } else { centre.latitude + up };
        let aside = half_width / EARTH_RADIUS / (poleward * RADIANS).cos() / RADIANS;
        Bounds {
            west: centre.longitude - aside,
            south: centre.latitude - up,
            east: centre.longitude + aside,
            north: centre.latitude + up,
        }
    }
}

/// The cells that together cover the shape, in Redis's order, at most nine. `centre` must be valid. O(1).
pub fn covering_cells(shape: Shape, centre: Position) -> impl Iterator<Item = Cell> {
    let bounds = Bounds::of(shape, centre);
    let mut steps = steps_for(shape.extent().2, centre.latitude);
    let mut middle = Cell::around(centre, steps);
    if steps > 1 && !neighbours_reach(middle, &bounds) {
        steps -= 1;
        middle = Cell::around(centre, steps);
    }
    let (longitude, latitude) = middle.spans();
    let wanted = move |(east, north): (i8, i8)| {
        // With a single step the neighbours are the cell itself again: leaving some out would leave out a half.
        steps < 2
            || !(north < 0 && latitude.min < bounds.south
                || north > 0 && latitude.max > bounds.north
                || east < 0 && longitude.min < bounds.west
                || east > 0 && longitude.max > bounds.east)
    };
    // Near the poles or with a huge radius neighbours can be one and the same cell. Redis compares with the last cell
    // it searched, but never with the middle one; where it would search twice, so do we.
    let mut last = None;
    AROUND.into_iter().enumerate().filter(move |&(_, side)| wanted(side)).filter_map(
        move |(index, (east, north))| {
            let cell = middle.neighbour(east, north);
            if last == Some(cell) {
                return None;
            }
            if index > 0 {
                last = Some(cell);
            }
            Some(cell)
        },
    )
}

/// How many halvings make cells about as large as `radius` metres, or larger near the poles, where cells are narrow.
fn steps_for(mut radius: f64, latitude: f64) -> u32 {
    if radius == 0.0 {
        return STEPS_MAX;
    }
    let mut steps = 1_i32;
    while radius < MERCATOR_MAX {
        radius *= 2.0;
        steps += 1;
    }
    steps -= 2;
    if !(-66.0..=66.0).contains(&latitude) {
        steps -= 1;
        if !(-80.0..=80.0).contains(&latitude) {
            steps -= 1;
        }
    }
    steps.clamp(1, STEPS_MAX as i32) as u32
}

/// Do the four direct neighbours reach as far as the bounds?
fn neighbours_reach(middle: Cell, bounds: &Bounds) -> bool {
    let longitude = |east| middle.neighbour(east, 0).spans().0;
    let latitude = |north| middle.neighbour(0, north).spans().1;
    !(latitude(1).max < bounds.north
        || latitude(-1).min > bounds.south
        || longitude(1).max < bounds.east
        || longitude(-1).min > bounds.west)
}

/// The way along the surface between two places, in metres (haversine).
#[must_use]
pub fn distance(from: Position, to: Position) -> f64 {
    let across = ((to.longitude * RADIANS - from.longitude * RADIANS) / 2.0).sin();
    if across == 0.0 {
        return distance_north(from.latitude, to.latitude);
    }
    let (from_latitude, to_latitude) = (from.latitude * RADIANS, to.latitude * RADIANS);
    let up = ((to_latitude - from_latitude) / 2.0).sin();
    let chord = up * up + from_latitude.cos() * to_latitude.cos() * across * across;
    2.0 * EARTH_RADIUS * chord.sqrt().asin()
}

/// The way along a meridian, in metres.
fn distance_north(from_latitude: f64, to_latitude: f64) -> f64 {
    EARTH_RADIUS * (to_latitude * RADIANS - from_latitude * RADIANS).abs()
}

/// The distance of `place` from the centre in metres if it lies within the shape, None otherwise.
#[must_use]
pub fn within(shape: Shape, centre: Position, place: Position) -> Option<f64> {
    match shape {
        Shape::Circle { radius, metres } => {
            let far = distance(centre, place);
            // For the antipode the haversine may be NaN, which is not farther than anything: Redis lets it in.
            if far > radius * metres { None } else { Some(far) }
        }
        Shape::Box { width, height, metres } => {
            let north = distance_north(place.latitude, centre.latitude);
            let beside = Position { longitude: centre.longitude, latitude: place.latitude };
            let outside = north > height * metres / 2.0 || distance(place, beside) > width * metres / 2.0;
            (!outside).then(|| distance(centre, place))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever lies within a shape lies in one of the cells that cover it. Redis itself misses places across the
        /// 180th meridian and near the ends of the map, so the twin stays away from them.
        #[test]
        fn covers(
            longitude in -120.0..120.0_f64,
            latitude in -50.0..50.0_f64,
            east in -1.0..1.0_f64,
            north in -1.0..1.0_f64,
            size in 1.0..500.0_f64,
            boxed: bool,
        ) {
            let centre = Position { longitude, latitude };
            let shape = if boxed {
                Shape::Box { width: size, height: size * 1.5, metres: 1000.0 }
            } else {
                Shape::Circle { radius: size, metres: 1000.0 }
            };
            let degrees = size / 111.0;
            let place = Position { longitude: longitude + east * degrees * 1.5, latitude: latitude + north * degrees };
            if within(shape, centre, place).is_some() {
                let score = place.score();
                let covered = covering_cells(shape, centre).any(|cell| {
                    let (first, end) = cell.scores();
                    (first..end).contains(&score)
                });
                prop_assert!(covered);
            }
        }
    }

    #[test]
    fn a_point_is_covered_by_few_small_cells() {
        let centre = Position { longitude: 13.361389, latitude: 38.115556 };
        let cells: Vec<Cell> = covering_cells(Shape::Circle { radius: 0.0, metres: 1.0 }, centre).collect();
        assert!(cells.iter().any(|cell| cell.scores().0 == centre.score()));
    }
}

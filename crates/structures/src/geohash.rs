//! Positions as 52-bit integers that sort by neighbourhood: the scores of a geo set.
//!
//! The idea: halve the map again and again, by longitude and by latitude in turn; each half adds a bit. After 26 steps
//! of both, the 52 bits name a cell of about 0.6 m, and all cells of a larger square share a prefix, so that a square
//! of the map is one range of scores.
//!
//! ```text
//!   bit  51  50  49  48 ...  1   0        lon: east half 1, west half 0
//!       lon lat lon lat ... lon lat       lat: north half 1, south half 0
//! ```
//!
//! `search` finds the cells that cover a circle or a box. The arithmetic is `f64` in the very order of Redis 7.0, because
//! scores must be equal integers and distances equal text. Nothing here knows a sorted set.

mod search;

pub use search::{Shape, covering_cells, distance, within};

/// Steps of a full position: 26 bits of longitude and 26 of latitude.
pub const STEPS_MAX: u32 = 26;
/// Longitudes a position may have.
pub const LONGITUDE: Span = Span { min: -180.0, max: 180.0 };
/// Latitudes a position may have: what the Mercator square of EPSG:900913 shows; not the poles.
pub const LATITUDE: Span = Span { min: -85.051_128_78, max: 85.051_128_78 };

const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
const EVEN_BITS: u64 = 0x5555_5555_5555_5555;
const ODD_BITS: u64 = !EVEN_BITS;

/// A closed range of degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The west or south end, in degrees.
    pub min: f64,
    /// The east or north end, in degrees.
    pub max: f64,
}

impl Span {
    fn fixed_point(self, degrees: f64, steps: u32) -> u32 {
        // At the very end of the span this is 2^steps, one bit more than a cell has; Redis keeps that bit, so do we.
        ((degrees - self.min) / (self.max - self.min) * (1_u64 << steps) as f64) as u32
    }

    fn cell(self, index: u32, steps: u32) -> Span {
        let cells = (1_u64 << steps) as f64;
        let edge = |index: u32| self.min + f64::from(index) / cells * (self.max - self.min);
        Span { min: edge(index), max: edge(index.wrapping_add(1)) }
    }

    fn contains(self, degrees: f64) -> bool {
        self.min <= degrees && degrees <= self.max
    }
}

/// A place on earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// Degrees north, -85.05112878 to 85.05112878.
    pub latitude: f64,
}

impl Position {
    /// Is it inside the area that can be indexed? NaN is not.
    #[must_use]
    pub fn is_valid(self) -> bool {
        LONGITUDE.contains(self.longitude) && LATITUDE.contains(self.latitude)
    }

    /// The 52-bit score of this place, as GEOADD stores it. The position must be valid.
    #[must_use]
    pub fn score(self) -> u64 {
        Cell::around(self, STEPS_MAX).bits
    }

    /// The middle of the cell that a score names. Any number is taken: only its lower 52 bits as an integer count, and
    /// a negative or huge score (a sorted set may hold any) converts as on x86-64.
    #[must_use]
    pub fn from_score(score: f64) -> Position {
        let (longitude, latitude) = Cell { bits: integer_of(score), steps: STEPS_MAX }.spans();
        let middle = |span: Span, limit: Span| ((span.min + span.max) / 2.0).clamp(limit.min, limit.max);
        Position { longitude: middle(longitude, LONGITUDE), latitude: middle(latitude, LATITUDE) }
    }

    /// The standard geohash of this place: 11 characters, as GEOHASH answers. The standard divides latitudes from -90
    /// to 90, so these are other bits than the score's; they end after 52, so the last character is always '0'.
    #[must_use]
    pub fn standard_geohash(self) -> [u8; 11] {
        let latitude = Span { min: -90.0, max: 90.0 };
        let bits = interleave(
            latitude.fixed_point(self.latitude, STEPS_MAX),
            LONGITUDE.fixed_point(self.longitude, STEPS_MAX),
        );
        let mut text = [b'0'; 11];
        for (character, shift) in text.iter_mut().zip((2..=47).rev().step_by(5)) {
            *character = ALPHABET[(bits >> shift & 31) as usize];
        }
        text
    }
}

/// What a C compiler for x86-64 makes of a double that it converts to an unsigned 64-bit integer.
fn integer_of(score: f64) -> u64 {
    const TOP: f64 = 9_223_372_036_854_775_808.0;
    if score.is_nan() {
        1 << 63
    } else if score < TOP {
        score as i64 as u64
    } else if score < 2.0 * TOP {
        score as u64
    } else {
        0
    }
}

/// A square of the map: the first `2 * steps` bits of all the scores inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    bits: u64,
    steps: u32,
}

impl Cell {
    /// The cell of `steps` (1 to 26) halvings that holds `position`.
    fn around(position: Position, steps: u32) -> Cell {
        let latitude = LATITUDE.fixed_point(position.latitude, steps);
        let longitude = LONGITUDE.fixed_point(position.longitude, steps);
        Cell { bits: interleave(latitude, longitude), steps }
    }

    /// The range of scores inside: the first is in it, the second is not.
    #[must_use]
    pub fn scores(self) -> (u64, u64) {
        let shift = 2 * (STEPS_MAX - self.steps);
        (self.bits << shift, (self.bits + 1) << shift)
    }

    /// Its longitudes and latitudes.
    fn spans(self) -> (Span, Span) {
        let (latitude, longitude) = (every_second_bit(self.bits), every_second_bit(self.bits >> 1));
        (LONGITUDE.cell(longitude, self.steps), LATITUDE.cell(latitude, self.steps))
    }

    /// The cell beside it: `east` and `north` are -1, 0 or 1. Wraps at the ends of the map.
    fn neighbour(self, east: i8, north: i8) -> Cell {
        let shift = 64 - 2 * self.steps;
        let longitude = moved(self.bits & ODD_BITS, EVEN_BITS >> shift, east) & ODD_BITS >> shift;
        let latitude = moved(self.bits & EVEN_BITS, ODD_BITS >> shift, north) & EVEN_BITS >> shift;
        Cell {
            bits: if east == 0 { self.bits & ODD_BITS } else { longitude }
                | if north == 0 { self.bits & EVEN_BITS } else { latitude },
            steps: self.steps,
        }
    }
}

/// Adds `by` to a number whose bits stand at every second place; `gaps` are the places between. With the gaps filled
/// a carry runs through them, and one more than the gaps is one in the number's own lowest place.
fn moved(bits: u64, gaps: u64, by: i8) -> u64 {
    let one = gaps.wrapping_add(1);
    match by {
        0 => bits,
        1.. => bits.wrapping_add(one),
        _ => (bits | gaps).wrapping_sub(one),
    }
}

/// `even` on the bits 0, 2, 4..., `odd` on the bits 1, 3, 5...
fn interleave(even: u32, odd: u32) -> u64 {
    spread(even) | spread(odd) << 1
}

fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits << 2) & 0x3333_3333_3333_3333;
    (bits | bits << 1) & EVEN_BITS
}

fn every_second_bit(bits: u64) -> u32 {
    let mut bits = bits & EVEN_BITS;
    bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
    bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    (bits | bits >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From redis-server 7.0.15: GEOADD, then ZSCORE, GEOHASH.
    #[test]
    fn equals_redis() {
        let palermo = Position { longitude: 13.361389, latitude: 38.115556 };
        assert_eq!(palermo.score(), 3_479_099_956_230_698);
        assert_eq!(&Position::from_score(3_479_099_956_230_698.0).standard_geohash(), b"sqc8b49rny0");
        let catania = Position { longitude: 15.087269, latitude: 37.502669 };
        assert_eq!(catania.score(), 3_479_447_370_796_909);
        let metres = distance(
            Position::from_score(3_479_099_956_230_698.0),
            Position::from_score(3_479_447_370_796_909.0),
        );
        assert_eq!(format!("{metres:.4}"), "166274.1516");
    }

    #[test]
    fn takes_any_score() {
        for score in [-1.0, 1e300, -1e300, f64::INFINITY, f64::NEG_INFINITY, 1e19] {
            assert!(Position::from_score(score).is_valid());
        }
    }

    #[test]
    fn neighbours_wrap_around_the_map() {
        let west_end = Cell::around(Position { longitude: -180.0, latitude: 0.0 }, 3);
        let (longitude, _) = west_end.neighbour(-1, 0).spans();
        assert_eq!(longitude, Span { min: 135.0, max: 180.0 });
    }

    fn places() -> impl Strategy<Value = Position> {
        (-180.0..180.0_f64, LATITUDE.min..LATITUDE.max)
            .prop_map(|(longitude, latitude)| Position { longitude, latitude })
    }

    proptest! {
        #[test]
        fn a_score_comes_back_to_its_place(place in places()) {
            let back = Position::from_score(place.score() as f64);
            prop_assert!(distance(place, back) < 1.0);
            prop_assert_eq!(back.score(), place.score());
        }

        #[test]
        fn neighbours_come_back(place in places(), steps in 1..=26_u32) {
            let cell = Cell::around(place, steps);
            for (east, north) in [(1, 0), (0, 1), (1, 1), (-1, 1)] {
                prop_assert_eq!(cell.neighbour(east, north).neighbour(-east, -north), cell);
            }
        }

        /// The twin: bit by bit.
        #[test]
        fn interleaves(even: u32, odd: u32) {
            let naive = (0..32).fold(0_u64, |bits, place| {
                bits | (u64::from(even >> place & 1) << (2 * place)) | (u64::from(odd >> place & 1) << (2 * place + 1))
            });
            prop_assert_eq!(interleave(even, odd), naive);
            prop_assert_eq!(every_second_bit(naive), even);
            prop_assert_eq!(every_second_bit(naive >> 1), odd);
        }
    }
}

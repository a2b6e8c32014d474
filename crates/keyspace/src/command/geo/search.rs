//! GEOSEARCH, GEOSEARCHSTORE, and the older GEORADIUS and GEORADIUSBYMEMBER: places within a circle or a box.
//!
//! All six are one: arguments become a `Search`, the cells that cover the shape are walked through, what lies within is
//! kept, sorted and cut; then it is shown or stored. They differ in where the shape comes from:
//!
//! ```text
//!   GEORADIUS          key lon lat radius unit ...          STORE, STOREDIST key
//!   GEORADIUSBYMEMBER  key member radius unit ...           STORE, STOREDIST key
//!   GEOSEARCH          key FROM.. BY.. ...
//!   GEOSEARCHSTORE     to key FROM.. BY.. ...               STOREDIST
//! ```

use super::super::{Call, Done, Handler, is, parse_int};
use super::{double, position, reply_distance, reply_position, unit};
use crate::entry::NewValue;
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::Stopped;
use crate::object::Object;
use redtwin_structures::geohash::{Position, Shape, covering_cells, within};
use redtwin_structures::partial_sort::sort_part;
use redtwin_structures::zset::{Cut, Zset};

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Georadius => |call| search(call, Form::Around, true),
        CommandId::GeoradiusRo => |call| search(call, Form::Around, false),
        CommandId::Georadiusbymember => |call| search(call, Form::AroundMember, true),
        CommandId::GeoradiusbymemberRo => |call| search(call, Form::AroundMember, false),
        CommandId::Geosearch => |call| search(call, Form::Search, false),
        CommandId::Geosearchstore => |call| search(call, Form::SearchStore, true),
        _ => return None,
    })
}

/// Which command it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Around,
    AroundMember,
    Search,
    SearchStore,
}

impl Form {
    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Nearest,
    Farthest,
}

/// What is asked for.
#[derive(Default)]
struct Search<'a> {
    /// Where from; None while unknown, or when there is no set to find the member in.
    centre: Option<Position>,
    /// A centre was named, even if there is no set to find it in.
    centred: bool,
    shape: Option<Shape>,
    with_distance: bool,
    with_hash: bool,
    with_position: bool,
    order: Option<Order>,
    /// Most places; 0 for all.
    count: usize,
    /// The first ones found will do.
    any: bool,
    store: Option<&'a [u8]>,
    /// Stores distances rather than places.
    store_distances: bool,
}

/// A place that was found.
struct Found {
    member: Vec<u8>,
    position: Position,
    /// From the centre, in metres.
    distance: f64,
    score: f64,
}

fn circle(radius: &[u8], name: &[u8]) -> Result<Shape, Stopped> {
    let radius = double(radius, "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err("ERR radius cannot be negative".into());
    }
    Ok(Shape::Circle { radius, metres: unit(name)? })
}

fn rectangle(width: &[u8], height: &[u8], name: &[u8]) -> Result<Shape, Stopped> {
    let width = double(width, "ERR need numeric width")?;
    let height = double(height, "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return Err("ERR height or width cannot be negative".into());
    }
    Ok(Shape::Box { width, height, metres: unit(name)? })
}

/// The place of a member, which must be there.
fn place_of(zset: &Zset, member: &[u8]) -> Result<Position, Stopped> {
    let score = zset.score(member).ok_or("ERR could not decode requested zset member")?;
    Ok(Position::from_score(score))
}

/// Reads the arguments, in Redis's order of checks. `zset` is None when there is no such key: members are then not
/// looked up, but everything else is still checked.
fn parse<'a>(
    args: &[&'a [u8]],
    form: Form,
    may_store: bool,
    zset: Option<&Zset>,
) -> Result<Search<'a>, Stopped> {
    let mut search = Search::default();
    let options_at = match form {
        Form::Around => {
            search.centre = Some(position(args[2], args[3])?);
            search.shape = Some(circle(args[4], args[5])?);
            6
        }
        Form::AroundMember => {
            if let Some(zset) = zset {
                search.centre = Some(place_of(zset, args[2])?);
                search.shape = Some(circle(args[3], args[4])?);
            }
            5
        }
        Form::Search => 2,
        Form::SearchStore => {
            search.store = Some(args[1]);
            3
        }
    };
    let mut from_place = false;
    let mut from_member = false;
    let mut rest = args.get(options_at..).unwrap_or_default();
    while let [word, after @ ..] = rest {
        let searches = form.is_search();
        let is_circle = matches!(search.shape, Some(Shape::Circle { .. }));
        let is_box = matches!(search.shape, Some(Shape::Box { .. }));
        rest = match after {
            _ if is(word, "WITHDIST") => {
                search.with_distance = true;
                after
            }
            _ if is(word, "WITHHASH") => {
                search.with_hash = true;
                after
            }
            _ if is(word, "WITHCOORD") => {
                search.with_position = true;
                after
            }
            _ if is(word, "ANY") => {
                search.any = true;
                after
            }
            _ if is(word, "ASC") => {
                search.order = Some(Order::Nearest);
                after
            }
            _ if is(word, "DESC") => {
                search.order = Some(Order::Farthest);
                after
            }
            [number, after @ ..] if is(word, "COUNT") => {
                let count = usize::try_from(parse_int(number)?).ok().filter(|count| *count > 0);
                search.count = count.ok_or("ERR COUNT must be > 0")?;
                after
            }
            [key, after @ ..] if (is(word, "STORE") || is(word, "STOREDIST")) && may_store && !searches => {
                search.store = Some(key);
                search.store_distances = is(word, "STOREDIST");
                after
            }
            _ if is(word, "STOREDIST") && form == Form::SearchStore => {
                search.store_distances = true;
                after
            }
            [member, after @ ..] if is(word, "FROMMEMBER") && searches && !from_place => {
                from_member = true;
                if let Some(zset) = zset {
                    search.centre = Some(place_of(zset, member)?);
                }
                after
            }
            [longitude, latitude, after @ ..] if is(word, "FROMLONLAT") && searches && !from_member => {
                from_place = true;
                search.centre = Some(position(longitude, latitude)?);
                after
            }
            [radius, name, after @ ..] if is(word, "BYRADIUS") && searches && !is_box => {
                search.shape = Some(circle(radius, name)?);
                after
            }
            [width, height, name, after @ ..] if is(word, "BYBOX") && searches && !is_circle => {
                search.shape = Some(rectangle(width, height, name)?);
                after
            }
            _ => return Err(errors::SYNTAX.into()),
        };
    }
    search.centred = from_place || from_member || !form.is_search();
    check(&search, form, args[0])?;
    Ok(search)
}

fn check(search: &Search<'_>, form: Form, name: &[u8]) -> Done {
    let name = String::from_utf8_lossy(name);
    if search.store.is_some() && (search.with_distance || search.with_hash || search.with_position) {
        let command = if form == Form::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
        let error = format!("ERR {command} is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
        return Err(error.into());
    }
    if !search.centred {
        return Err(format!("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}").into());
    }
    if form.is_search() && search.shape.is_none() {
        return Err(format!("ERR exactly one of BYRADIUS and BYBOX can be specified for {name}").into());
    }
    if search.any && search.count == 0 {
        return Err("ERR the ANY argument requires COUNT argument".into());
    }
    Ok(())
}

/// The places within the shape, cell by cell, in the order of their scores inside a cell. With ANY it ends as soon as
/// there are enough.
fn find(zset: &Zset, centre: Position, shape: Shape, most: usize) -> Vec<Found> {
    let mut found = Vec::new();
    for cell in covering_cells(shape, centre) {
        let (first, end) = cell.scores();
        let ranks = zset.rank_of(Cut::BeforeScore(first as f64))..zset.rank_of(Cut::BeforeScore(end as f64));
        if ranks.is_empty() {
            continue;
        }
        for (member, score) in zset.range(ranks.start, ranks.end) {
            let position = Position::from_score(score);
            if let Some(distance) = within(shape, centre, position) {
                found.push(Found { member: member.to_vec(), position, distance, score });
            }
            if most > 0 && found.len() >= most {
                return found;
            }
        }
    }
    found
}

fn search(call: &mut Call<'_>, form: Form, may_store: bool) -> Done {
    let args = call.args;
    let key = if form == Form::SearchStore { args[2] } else { args[1] };
    let zset = call.keys.zset(key)?;
    let search = parse(args, form, may_store, zset)?;
    let (Some(zset), Some(centre), Some(shape)) = (zset, search.centre, search.shape) else {
        match search.store {
            Some(to) => store(call, to, &search, form, Vec::new(), 1.0),
            None => call.reply.array(0),
        }
        return Ok(());
    };
    let mut found = find(zset, centre, shape, if search.any { search.count } else { 0 });
    // A count without an order means the nearest ones, unless any will do.
    let order = search.order.or((search.count > 0 && !search.any).then_some(Order::Nearest));
    if let Some(order) = order {
        sort(&mut found, order, search.count);
    }
    if search.count > 0 {
        found.truncate(search.count);
    }
    let (Shape::Circle { metres, .. } | Shape::Box { metres, .. }) = shape;
    match search.store {
        Some(to) => store(call, to, &search, form, found, metres),
        None => show(call, &search, &found, metres),
    }
    Ok(())
}

/// Sorts by distance: all, or only as far as the first `count` are right, which among equals shows in their order.
fn sort(found: &mut [Found], order: Order, count: usize) {
    let compare = |one: &Found, other: &Found| match order {
        Order::Nearest => one.distance.total_cmp(&other.distance),
        Order::Farthest => other.distance.total_cmp(&one.distance),
    };
    if count == 0 || count >= found.len() {
        found.sort_by(compare);
    } else {
        sort_part(found, 0..count, &compare);
    }
}

fn show(call: &mut Call<'_>, search: &Search<'_>, found: &[Found], metres: f64) {
    let options = [search.with_distance, search.with_hash, search.with_position];
    let options = options.iter().filter(|option| **option).count();
    call.reply.array(found.len());
    for place in found {
        if options > 0 {
            call.reply.array(options + 1);
        }
        call.reply.bulk(&place.member);
        if search.with_distance {
            reply_distance(call.reply, place.distance / metres);
        }
        if search.with_hash {
            call.reply.int(place.score as i64);
        }
        if search.with_position {
            reply_position(call.reply, place.position);
        }
    }
}

/// Puts what was found in the place of a key; nothing found deletes it.
fn store(call: &mut Call<'_>, to: &[u8], search: &Search<'_>, form: Form, found: Vec<Found>, metres: f64) {
    let limits = call.keys.settings.limits;
    let mut zset = Zset::new();
    for place in &found {
        let score = if search.store_distances { place.distance / metres } else { place.score };
        // The haversine of an antipode may be NaN, which no sorted set can hold.
        zset.insert(&place.member, if score.is_nan() { f64::INFINITY } else { score }, &limits);
    }
    if !found.is_empty() {
        call.keys.put(to, NewValue::Object(Object::Zset(zset)), false);
        let event = if form.is_search() { "geosearchstore" } else { "georadiusstore" };
        call.keys.touched(b'z', event, to, found.len() as u64);
    } else if call.keys.remove(to) {
        call.keys.touched(b'g', "del", to, 1);
    }
    call.reply.count(found.len());
}

//! SORT and SORT_RO: the elements of a list, set or sorted set, in an order, perhaps with other keys' values.
//!
//! ```text
//!   SORT key BY weight_* LIMIT 0 10 GET # GET data_*->name DESC ALPHA STORE target
//!            |                          |   |
//!            |                          |   a string, or a field of a hash; '*' is the element
//!            a pattern without '*': no sorting at all
//! ```

use super::{Call, Done, Handler, is};
use crate::acl::Named;
use crate::entry::{NewValue, Value as EntryValue};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::{Keyspace, Stopped, text_of};
use crate::object::Object;
use redtwin_structures::list::{End, List};
use redtwin_structures::number::scan_f64;
use redtwin_structures::partial_sort::sort_part;
use std::cmp::Ordering;
use std::ops::Range;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Sort => |call| sort(call, true),
        CommandId::SortRo => |call| sort(call, false),
        _ => return None,
    })
}

/// What was asked for.
struct Query<'a> {
    by: Option<&'a [u8]>,
    get: Vec<&'a [u8]>,
    store: Option<&'a [u8]>,
    descending: bool,
    alpha: bool,
    start: i64,
    count: i64,
}

impl Query<'_> {
    /// Which of `length` sorted elements LIMIT leaves.
    fn wanted(&self, length: usize) -> Range<usize> {
        let start = self.start.clamp(0, length as i64) as usize;
        let count = usize::try_from(self.count).unwrap_or(usize::MAX).min(length - start);
        start..start + count
    }
}

fn parse<'a>(args: &[&'a [u8]], may_store: bool, may_read_all: bool) -> Result<Query<'a>, Stopped> {
    let mut query = Query {
        by: None,
        get: Vec::new(),
        store: None,
        descending: false,
        alpha: false,
        start: 0,
        count: -1,
    };
    let mut rest = args;
    while let [word, after @ ..] = rest {
        rest = after;
        if is(word, "ASC") || is(word, "DESC") {
            query.descending = is(word, "DESC");
        } else if is(word, "ALPHA") {
            query.alpha = true;
        } else if is(word, "LIMIT") && after.len() >= 2 {
            (query.start, query.count) = (super::parse_int(after[0])?, super::parse_int(after[1])?);
            rest = &after[2..];
        } else if may_store && is(word, "STORE") && !after.is_empty() {
            query.store = Some(after[0]);
            rest = &after[1..];
        } else if is(word, "BY") && !after.is_empty() {
            if !may_read_all && after[0].contains(&b'*') {
                return Err("ERR BY option of SORT denied due to insufficient ACL permissions.".into());
            }
            query.by = Some(after[0]);
            rest = &after[1..];
        } else if is(word, "GET") && !after.is_empty() {
            if !may_read_all {
                return Err("ERR GET option of SORT denied due to insufficient ACL permissions.".into());
            }
            query.get.push(after[0]);
            rest = &after[1..];
        } else {
            return Err(errors::SYNTAX.into());
        }
    }
    Ok(query)
}

/// Keys that patterns lead to are named by nobody, so a restricted user needs the right to read all of them.
fn may_read_all(call: &Call<'_>, may_store: bool) -> bool {
    let name: &[u8] = if may_store { b"sort" } else { b"sort_ro" };
    call.session.user == 0
        || crate::lookup::find(name).is_some_and(|(spec, _)| {
            call.keys.acl.of(call.session.user).may_read_all(Named::new(spec, call.args), call.args)
        })
}

/// The elements in their native order (a set has none), and whether they are a set's.
fn elements(keys: &mut Keyspace, key: &[u8]) -> Result<(Vec<Vec<u8>>, bool), Stopped> {
    match keys.read(key) {
        None => Ok((Vec::new(), false)),
        Some(EntryValue::Object(Object::List(list))) => {
            Ok((list.iter().map(|v| v.to_vec()).collect(), false))
        }
        Some(EntryValue::Object(Object::Set(set))) => Ok((set.iter().map(|v| v.to_vec()).collect(), true)),
        Some(EntryValue::Object(Object::Zset(zset))) => {
            Ok((zset.range(0, usize::MAX).map(|(v, _)| v.to_vec()).collect(), false))
        }
        Some(_) => Err(errors::WRONG_TYPE.into()),
    }
}

/// What a BY or GET pattern leads to for an element; None when it leads nowhere.
fn follow(keys: &mut Keyspace, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = memchr::memchr(b'*', pattern)?;
    let (before, after) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = after.windows(2).position(|two| two == b"->").filter(|at| at + 2 < after.len());
    let (after, field) = match arrow {
        Some(at) => (&after[..at], Some(&after[at + 2..])),
        None => (after, None),
    };
    let key = [before, element, after].concat();
    let now_ms = super::hash::field_clock(keys);
    match (keys.read(&key)?, field) {
        (EntryValue::Object(Object::Hash(hash)), Some(field)) => {
            hash.get(field, now_ms).map(|found| found.value.to_vec())
        }
        (value, None) => text_of(value).ok().map(|text| text.to_vec()),
        _ => None,
    }
}

/// What an element is sorted by.
enum Weight {
    Number(f64),
    /// None sorts before everything.
    Text(Option<Vec<u8>>),
    /// The element's own text.
    Own,
}

fn weigh(keys: &mut Keyspace, query: &Query<'_>, element: &[u8]) -> Result<Weight, Stopped> {
    let by = match query.by {
        Some(pattern) => follow(keys, pattern, element),
        None if query.alpha => return Ok(Weight::Own),
        None => Some(element.to_vec()),
    };
    if query.alpha {
        return Ok(Weight::Text(by));
    }
    let Some(by) = by else { return Ok(Weight::Number(0.0)) };
    // As strtod reads a C string.
    let text = &by[..memchr::memchr(0, &by).unwrap_or(by.len())];
    let scan = scan_f64(text);
    if scan.used != text.len() || scan.out_of_range || scan.value.is_nan() {
        return Err("ERR One or more scores can't be converted into double".into());
    }
    Ok(Weight::Number(scan.value))
}

/// Text as C's `strcoll` sees it: up to the first zero byte. What is stored is compared in full, for it must not depend
/// on a locale.
fn collated(text: &[u8], in_full: bool) -> &[u8] {
    let end = if in_full { None } else { memchr::memchr(0, text) };
    text.get(..end.unwrap_or(text.len())).unwrap_or(text)
}

fn compare(a: &(Vec<u8>, Weight), b: &(Vec<u8>, Weight), in_full: bool) -> Ordering {
    match (&a.1, &b.1) {
        (Weight::Number(x), Weight::Number(y)) => {
            x.partial_cmp(y).unwrap_or(Ordering::Equal).then_with(|| a.0.cmp(&b.0))
        }
        (Weight::Text(x), Weight::Text(y)) => {
            let text = |weight| Option::as_deref(weight).map(|text: &[u8]| collated(text, in_full));
            text(x).cmp(&text(y))
        }
        _ => collated(&a.0, in_full).cmp(collated(&b.0, in_full)),
    }
}

fn sort(call: &mut Call<'_>, may_store: bool) -> Done {
    let mut query = parse(&call.args[2..], may_store, may_read_all(call, may_store))?;
    let (mut elements, is_set) = elements(call.keys, call.args[1])?;
    if let Ok(Some(zset)) = call.keys.zset_mut(call.args[1]) {
        // Redis sorts from the large form and leaves it behind, as OBJECT ENCODING shows.
        zset.unpack();
    }
    let mut unsorted = query.by.is_some_and(|pattern| !pattern.contains(&b'*'));
    if unsorted && is_set && (query.store.is_some() || call.session.in_script) {
        // What is stored, or decided by a script, must not depend on the order of a hash table.
        unsorted = false;
        query.alpha = true;
        query.by = None;
    }
    if unsorted {
        if query.descending && !is_set {
            elements.reverse();
        }
    } else {
        let mut weighed = Vec::with_capacity(elements.len());
        for element in elements {
            let weight = weigh(call.keys, &query, &element)?;
            weighed.push((element, weight));
        }
        let in_full = query.store.is_some();
        let order = |a: &_, b: &_| {
            if query.descending { compare(b, a, in_full) } else { compare(a, b, in_full) }
        };
        let wanted = query.wanted(weighed.len());
        // Redis sorts only what it shows, where that is not all; among equals it shows.
        if query.by.is_some() && wanted.len() < weighed.len() {
            sort_part(&mut weighed, wanted, &order);
        } else {
            weighed.sort_by(order);
        }
        elements = weighed.into_iter().map(|(element, _)| element).collect();
    }
    let chosen = &elements[query.wanted(elements.len())];
    match query.store {
        Some(target) => store(call, &query, chosen, target),
        None => {
            call.reply.array(chosen.len() * query.get.len().max(1));
            for element in chosen {
                if query.get.is_empty() {
                    call.reply.bulk(element);
                }
                for pattern in &query.get {
                    let value = follow(call.keys, pattern, element);
                    call.reply.bulk_or_null(value.as_deref());
                }
            }
            Ok(())
        }
    }
}

fn store(call: &mut Call<'_>, query: &Query<'_>, chosen: &[Vec<u8>], target: &[u8]) -> Done {
    let limits = call.keys.settings.limits;
    let mut list = List::new();
    for element in chosen {
        if query.get.is_empty() {
            list.push(End::Back, element, &limits);
        }
        for pattern in &query.get {
            let value = follow(call.keys, pattern, element).unwrap_or_default();
            list.push(End::Back, &value, &limits);
        }
    }
    let len = list.len();
    call.reply.count(len);
    if len > 0 {
        call.keys.put(target, NewValue::Object(Object::List(list)), false);
        call.keys.touched(b'l', "sortstore", target, len as u64);
    } else if call.keys.exists(target) {
        call.keys.remove(target);
        call.keys.touched(b'g', "del", target, 1);
    }
    Ok(())
}

//! Blocks of today written as blocks of yesterday: a listpack as a ziplist, for readers before Redis 7.0.
//!
//! Its one idea: an element stays what it is. Both blocks know integers and text, so nothing is printed and parsed on the
//! way; a reader of version 9 checks the ziplist as it would one of its own. There is no way back here: the loader in
//! the keyspace makes listpacks of ziplists.

use redtwin_structures::listpack::{self, Value};
use redtwin_structures::ziplist;

/// The same elements in a ziplist.
pub(super) fn ziplist_of(listpack: &[u8]) -> Vec<u8> {
    let mut builder = ziplist::Builder::new();
    for value in listpack::Iter::new(listpack) {
        builder.push_value(value);
    }
    builder.finish()
}

/// One element in a ziplist, for a list's node that is one.
pub(super) fn ziplist_with(element: &[u8]) -> Vec<u8> {
    let mut builder = ziplist::Builder::new();
    builder.push_value(Value::of(element));
    builder.finish()
}

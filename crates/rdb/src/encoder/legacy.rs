//! Blocks of today written as blocks of yesterday: a listpack as a ziplist, for readers before Redis 7.0.

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

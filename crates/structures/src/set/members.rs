//! A walk over the members of a set, whichever of its three forms it has.
//!
//! The idea: listpacks are what two of the forms are made of, so the walk is one over a listpack, and for a table it goes on
//! with the next bucket where one ends. An enum's two arms are told apart faster than a call through a pointer.

use crate::buckets::Buckets;
use crate::intset::Intset;
use crate::listpack::{self, Listpack, Value};

/// The members of a set. Made by `Set::iter`.
#[derive(Clone)]
pub struct Members<'a>(Walk<'a>);

#[derive(Clone)]
enum Walk<'a> {
    Ints { ints: &'a Intset, next: usize },
    Packs { here: listpack::Iter<'a>, table: Option<&'a Buckets>, next: usize },
}

impl<'a> Members<'a> {
    pub(super) fn of_ints(ints: &'a Intset) -> Self {
        Members(Walk::Ints { ints, next: 0 })
    }

    pub(super) fn of_pack(pack: &'a Listpack) -> Self {
        Members(Walk::Packs { here: pack.iter(), table: None, next: 0 })
    }

    /// The table's records are members and nothing else.
    pub(super) fn of_table(table: &'a Buckets) -> Self {
        debug_assert_eq!(table.stride(), 1);
        Members(Walk::Packs { here: listpack::Iter::new(&[]), table: Some(table), next: 0 })
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        match &mut self.0 {
            Walk::Ints { ints, next } => {
                let value = ints.get(*next)?;
                *next += 1;
                Some(Value::Int(value))
            }
            Walk::Packs { here, table, next } => loop {
                if let Some(value) = here.next() {
                    return Some(value);
                }
                *here = (*table)?.bucket(*next)?;
                *next += 1;
            },
        }
    }
}

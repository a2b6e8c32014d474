//! Sums over all keys: what there is, the biggest keys, and the memory of each prefix of their names.
//!
//! ```text
//! {"totals":{..},"dbs":[..],"types":[..],"encodings":[..],"sizes":[..],"ttls":[..],"top":[..],"prefixes":[..],"file":{..}}
//! ```
//!
//! Its one idea: everything is a sum, so one pass and a bounded table are enough. The table of prefixes is cut back when
//! it grows too large: the smallest of the deepest are dropped (their parents have counted them) and the result
//! says that it did so.

mod prefixes;
mod report;
mod top;

use crate::crew::Shared;
use crate::measure::Summary;
use crate::sieve::Job;
use prefixes::Prefixes;
use redtwin_rdb::format::{Class, Version, module_name};
use redtwin_rdb::{Item, Key, Part, Taken, Wish};
use std::collections::BTreeMap;
use top::{Big, Top};

/// What is to be summed up.
#[derive(Clone, Debug)]
pub struct TallyOptions {
    /// How many of the biggest keys are wanted; 0 for none.
    pub top: usize,
    /// Bytes that end a prefix (usually `:`); empty for no prefixes.
    pub separators: Vec<u8>,
    /// Prefixes with more parts than this are not told apart.
    pub depth: usize,
    /// Unix ms: what a time to live is counted from.
    pub now_ms: i64,
}

/// Keys with what they take. Bytes are of Redis's memory, unless `encoded`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) keys: u64,
    pub(crate) memory: u64,
    pub(crate) encoded: u64,
    pub(crate) elements: u64,
    pub(crate) expiring: u64,
}

impl Sum {
    fn add(&mut self, summary: &Summary, expires: bool) {
        self.keys += 1;
        self.memory += summary.memory;
        self.encoded += summary.encoded;
        // The length of a string is no number of elements.
        self.elements += if summary.class == Class::String { 1 } else { summary.elements };
        self.expiring += u64::from(expires);
    }

    fn absorb(&mut self, other: &Sum) {
        self.keys += other.keys;
        self.memory += other.memory;
        self.encoded += other.encoded;
        self.elements += other.elements;
        self.expiring += other.expiring;
    }
}

/// Upper ends of the times to live that are told apart, in seconds. Before the first: expired; behind the last: more.
pub(crate) const TTL_SECONDS: [i64; 7] = [0, 60, 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400];

/// The job.
#[derive(Debug)]
pub struct Tally {
    options: TallyOptions,
    totals: Sum,
    classes: [Sum; 7],
    encodings: [Sum; 12],
    dbs: BTreeMap<u64, Sum>,
    /// Keys and memory by the power of two that their memory reaches.
    sizes: [Sum; 64],
    ttls: [Sum; TTL_SECONDS.len() + 1],
    top: Top,
    prefixes: Prefixes,
    version: Option<Version>,
    aux: Vec<(Vec<u8>, Vec<u8>)>,
    functions: u64,
    module_aux: u64,
    modules: BTreeMap<String, u64>,
    /// Items that a server of another kind wrote and that are of no use here.
    slots: u64,
    // The key under way.
    db: u64,
    name: Vec<u8>,
    expire_at_ms: Option<i64>,
    offset: u64,
}

impl Tally {
    /// At the start of a file.
    #[must_use]
    pub fn new(options: TallyOptions) -> Self {
        Tally {
            top: Top::new(options.top),
            prefixes: Prefixes::new(&options.separators, options.depth),
            options,
            totals: Sum::default(),
            classes: [Sum::default(); 7],
            encodings: [Sum::default(); 12],
            dbs: BTreeMap::new(),
            sizes: [Sum::default(); 64],
            ttls: [Sum::default(); TTL_SECONDS.len() + 1],
            version: None,
            aux: Vec::new(),
            functions: 0,
            module_aux: 0,
            modules: BTreeMap::new(),
            slots: 0,
            db: 0,
            name: Vec::new(),
            expire_at_ms: None,
            offset: 0,
        }
    }
}

impl Shared for Tally {
    fn absorb(&mut self, other: Self) {
        self.totals.absorb(&other.totals);
        for (sums, others) in [
            (&mut self.classes[..], &other.classes[..]),
            (&mut self.encodings, &other.encodings),
            (&mut self.sizes, &other.sizes),
            (&mut self.ttls, &other.ttls),
        ] {
            sums.iter_mut().zip(others).for_each(|(sum, other)| sum.absorb(other));
        }
        other.dbs.iter().for_each(|(&db, sum)| self.dbs.entry(db).or_default().absorb(sum));
        self.top.absorb(other.top);
        self.prefixes.absorb(other.prefixes);
        self.version = self.version.or(other.version);
        self.aux.extend(other.aux);
        self.functions += other.functions;
        self.module_aux += other.module_aux;
        self.slots += other.slots;
        for (name, count) in other.modules {
            *self.modules.entry(name).or_default() += count;
        }
    }
}

impl Job for Tally {
    fn measures(&self) -> bool {
        true
    }

    fn item(&mut self, item: Item<'_>) -> Taken {
        match item {
            Item::Header(version) => self.version = Some(version),
            Item::Aux { name, value } => self.aux.push((name.into_vec(), value.into_vec())),
            Item::Function(_) => self.functions += 1,
            Item::ModuleAux { id, .. } => {
                self.module_aux += 1;
                *self.modules.entry(module_name(id)).or_default() += 1;
            }
            Item::SlotInfo { .. } | Item::SlotImport { .. } => self.slots += 1,
            Item::SelectDb(_) | Item::ResizeDb { .. } | Item::End => {}
        }
        Ok(())
    }

    fn key(&mut self, db: u64, key: Key<'_>) -> Taken<Wish> {
        self.db = db;
        self.name.clear();
        self.name.extend_from_slice(&key.name);
        self.expire_at_ms = key.expire_at_ms;
        self.offset = key.offset;
        Ok(Wish::Value)
    }

    fn part(&mut self, _: Class, part: Part<'_>) -> Taken {
        if let Part::Module { id, .. } = part {
            *self.modules.entry(module_name(id)).or_default() += 1;
        }
        Ok(())
    }

    fn end(&mut self, summary: &Summary) -> Taken {
        let expires = self.expire_at_ms.is_some();
        let power = 63 - summary.memory.max(1).leading_zeros() as usize;
        self.totals.add(summary, expires);
        for sum in [
            self.classes.get_mut(summary.class as usize),
            self.encodings.get_mut(summary.encoding as usize),
            Some(self.dbs.entry(self.db).or_default()),
            self.sizes.get_mut(power),
        ]
        .into_iter()
        .flatten()
        {
            sum.add(summary, expires);
        }
        if let Some(at) = self.expire_at_ms {
            let left = at.saturating_sub(self.options.now_ms).div_euclid(1000);
            let place = TTL_SECONDS.partition_point(|&end| end <= left);
            if let Some(sum) = self.ttls.get_mut(place) {
                sum.add(summary, expires);
            }
        }
        self.top.offer(
            self.offset,
            || Big {
                db: self.db,
                name: self.name.clone(),
                expire_at_ms: self.expire_at_ms,
                summary: *summary,
            },
            summary.memory,
        );
        self.prefixes.add(&self.name, summary.memory);
        Ok(())
    }

    fn settle(&mut self) {}

    fn undo(&mut self) {}

    fn take(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn finish(&mut self) -> Taken<Vec<u8>> {
        Ok(self.report())
    }
}

//! The sums as JSON, for the commands that print them and for the page of `redtwin rdb report`.
//!
//! Lists leave out what has no keys. Names of keys and prefixes are written as in `text::json`, so that nothing of them is
//! lost; the portable engine writes the same document.

use super::{Sum, TTL_SECONDS, Tally};
use crate::measure::{Encoding, class_name};
use crate::text::{json, number};
use redtwin_rdb::format::Class;

const CLASSES: [Class; 7] =
    [Class::String, Class::List, Class::Set, Class::Zset, Class::Hash, Class::Stream, Class::Module];

/// An object or a list being written: knows whether a comma is due.
struct Open<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
    close: u8,
}

impl<'a> Open<'a> {
    fn object(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Open { out, first: true, close: b'}' }
    }

    fn list(out: &'a mut Vec<u8>) -> Self {
        out.push(b'[');
        Open { out, first: true, close: b']' }
    }

    fn item(&mut self) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out
    }

    fn named(&mut self, name: &str) -> &mut Vec<u8> {
        let out = self.item();
        json(out, name.as_bytes());
        out.push(b':');
        out
    }

    fn number(&mut self, name: &str, value: impl itoa::Integer) {
        number(self.named(name), value);
    }

    fn text(&mut self, name: &str, value: &[u8]) {
        json(self.named(name), value);
    }

    fn sum(&mut self, sum: &Sum) {
        self.number("keys", sum.keys);
        self.number("memoryBytes", sum.memory);
        self.number("encodedBytes", sum.encoded);
        self.number("elements", sum.elements);
        self.number("expiring", sum.expiring);
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.out.push(self.close);
    }
}

impl Tally {
    pub(super) fn report(&self) -> Vec<u8> {
        let mut out = Vec::new();
        {
            let mut report = Open::object(&mut out);
            self.file(&mut Open::object(report.named("file")));
            Open::object(report.named("totals")).sum(&self.totals);
            let named = |report: &mut Open<'_>, list: &str, sums: &mut dyn Iterator<Item = (&str, &Sum)>| {
                let mut list = Open::list(report.named(list));
                for (name, sum) in sums.filter(|(_, sum)| sum.keys > 0) {
                    let mut one = Open::object(list.item());
                    one.text("name", name.as_bytes());
                    one.sum(sum);
                }
            };
            named(
                &mut report,
                "types",
                &mut CLASSES.iter().map(|&class| class_name(class)).zip(&self.classes),
            );
            let encodings = Encoding::ALL.iter().map(|encoding| encoding.name());
            named(&mut report, "encodings", &mut encodings.zip(&self.encodings));
            let numbered = |report: &mut Open<'_>,
                            list: &str,
                            label: &str,
                            sums: &mut dyn Iterator<Item = (u64, &Sum)>| {
                let mut list = Open::list(report.named(list));
                for (value, sum) in sums.filter(|(_, sum)| sum.keys > 0) {
                    let mut one = Open::object(list.item());
                    one.number(label, value);
                    one.sum(sum);
                }
            };
            numbered(&mut report, "dbs", "db", &mut self.dbs.iter().map(|(&db, sum)| (db, sum)));
            numbered(
                &mut report,
                "sizes",
                "fromBytes",
                &mut (0..64).map(|power| 1u64 << power).zip(&self.sizes),
            );
            self.times(&mut Open::list(report.named("ttls")));
            self.biggest(&mut Open::list(report.named("top")));
            self.under_prefixes(&mut Open::list(report.named("prefixes")));
            report.named("prefixesCut").extend_from_slice(if self.prefixes.cut { b"true" } else { b"false" });
        }
        out.push(b'\n');
        out
    }

    fn file(&self, file: &mut Open<'_>) {
        if let Some(version) = self.version {
            file.text("magic", version.vendor.name().as_bytes());
            file.number("version", version.number);
        }
        {
            let mut aux = Open::list(file.named("aux"));
            for (name, value) in &self.aux {
                let mut pair = Open::list(aux.item());
                json(pair.item(), name);
                json(pair.item(), value);
            }
        }
        file.number("functions", self.functions);
        file.number("moduleAux", self.module_aux);
        file.number("slotHints", self.slots);
        let mut modules = Open::object(file.named("modules"));
        self.modules.iter().for_each(|(name, &count)| modules.number(name, count));
    }

    /// `untilSeconds`: the end of the range; 0 for those that expired, null for more than the last end.
    fn times(&self, list: &mut Open<'_>) {
        let ends = TTL_SECONDS.iter().map(|&end| Some(end)).chain([None]);
        for (end, sum) in ends.zip(&self.ttls).filter(|(_, sum)| sum.keys > 0) {
            let mut one = Open::object(list.item());
            match end {
                Some(end) => one.number("untilSeconds", end),
                None => one.named("untilSeconds").extend(b"null"),
            }
            one.sum(sum);
        }
    }

    fn biggest(&self, list: &mut Open<'_>) {
        for big in self.top.list() {
            let mut one = Open::object(list.item());
            one.number("db", big.db);
            one.text("key", &big.name);
            one.text("type", class_name(big.summary.class).as_bytes());
            one.text("encoding", big.summary.encoding.name().as_bytes());
            one.number("memoryBytes", big.summary.memory);
            one.number("encodedBytes", big.summary.encoded);
            one.number("elements", big.summary.elements);
            one.number("longestBytes", big.summary.longest);
            if let Some(at) = big.expire_at_ms {
                one.number("expireAtMs", at);
            }
        }
    }

    fn under_prefixes(&self, list: &mut Open<'_>) {
        for (name, under) in self.prefixes.list() {
            let mut one = Open::object(list.item());
            one.text("prefix", name);
            one.number("keys", under.keys);
            one.number("memoryBytes", under.memory);
        }
    }
}

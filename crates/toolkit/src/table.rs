//! A line per key: its name alone, or the table of sizes that redis-rdb-tools prints.
//!
//! ```text
//! keys     user:1
//! memory   database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry
//!          0,hash,user:1,168,listpack,3,12,2026-01-01T00:00:00.000000
//! ```
//!
//! Bytes that are no UTF-8, and control characters, are written as `\xNN`.

use crate::crew::Shared;
use crate::draft::Draft;
use crate::measure::{Summary, class_name};
use crate::sieve::Job;
use crate::text::{csv, line, number};
use redtwin_rdb::format::Class;
use redtwin_rdb::{Item, Key, Part, Taken, Wish};

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Names only.
    Keys,
    /// Everything that is known of sizes.
    Memory,
}

/// The job.
#[derive(Debug)]
pub struct Table {
    draft: Draft,
    columns: Columns,
    db: u64,
    name: Vec<u8>,
    expire_at_ms: Option<i64>,
}

impl Table {
    /// With a line of headings where there are columns.
    #[must_use]
    pub fn new(columns: Columns) -> Self {
        let mut draft = Draft::default();
        if columns == Columns::Memory {
            draft.out.extend(
                b"database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n",
            );
        }
        Table { draft, columns, db: 0, name: Vec::new(), expire_at_ms: None }
    }
}

impl Shared for Table {
    fn resume(&mut self) {
        // The headings were written by who began the file.
        self.draft = Draft::default();
    }
}

impl Job for Table {
    fn measures(&self) -> bool {
        self.columns == Columns::Memory
    }

    fn item(&mut self, _: Item<'_>) -> Taken {
        Ok(())
    }

    fn key(&mut self, db: u64, key: Key<'_>) -> Taken<Wish> {
        self.db = db;
        self.name.clear();
        self.name.extend_from_slice(&key.name);
        self.expire_at_ms = key.expire_at_ms;
        Ok(Wish::Skip)
    }

    fn part(&mut self, _: Class, _: Part<'_>) -> Taken {
        Ok(())
    }

    fn end(&mut self, summary: &Summary) -> Taken {
        let out = &mut self.draft.out;
        match self.columns {
            Columns::Keys => line(out, &self.name),
            Columns::Memory => {
                number(out, self.db);
                out.push(b',');
                // What redis-rdb-tools calls a sorted set.
                let class =
                    if summary.class == Class::Zset { "sortedset" } else { class_name(summary.class) };
                out.extend_from_slice(class.as_bytes());
                out.push(b',');
                csv(out, &self.name);
                out.push(b',');
                number(out, summary.memory);
                out.push(b',');
                out.extend_from_slice(summary.encoding.name().as_bytes());
                out.push(b',');
                number(out, summary.elements);
                out.push(b',');
                number(out, summary.longest);
                out.push(b',');
                if let Some(at) = self.expire_at_ms {
                    out.extend_from_slice(date(at).as_bytes());
                }
            }
        }
        self.draft.out.push(b'\n');
        Ok(())
    }

    fn settle(&mut self) {}

    fn undo(&mut self) {}

    fn take(&mut self) -> Vec<u8> {
        self.draft.take()
    }

    fn reuse(&mut self, room: Vec<u8>) {
        self.draft.reuse(room);
    }

    fn finish(&mut self) -> Taken<Vec<u8>> {
        Ok(self.draft.take())
    }
}

/// Unix milliseconds as UTC, to the microsecond, as Python's isoformat writes it. Days are counted to years by Hinnant's
/// method: eras of 400 years, whose days never vary, in years that begin in March.
fn date(ms: i64) -> String {
    let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let from_era0 = days + 719_468;
    let (era, day) = (from_era0.div_euclid(146_097), from_era0.rem_euclid(146_097));
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60);
    let micros = in_day % 1000 * 1000;
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01T00:00:00.000000");
        assert_eq!(date(1_709_210_096_789), "2024-02-29T12:34:56.789000");
        assert_eq!(date(-1), "1969-12-31T23:59:59.999000");
        assert_eq!(date(4_102_444_800_000), "2100-01-01T00:00:00.000000");
    }
}

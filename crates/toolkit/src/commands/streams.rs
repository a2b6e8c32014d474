//! What is left of a stream when its entries are made: counters, groups, consumers, and who owns what.
//!
//! ```text
//! XSETID   XGROUP CREATE   XCLAIM key group consumer 0 id TIME ms RETRYCOUNT n JUSTID FORCE   XGROUP CREATECONSUMER
//! ```
//!
//! Its one idea: a consumer comes into being with the first entry that it owns; only one without entries is made by name.

use super::Commands;
use super::target::Target;
use super::words::digits;
use crate::spread::StreamPart;
use redtwin_rdb::StreamInfo;
use redtwin_structures::stream::StreamId;

impl Commands {
    /// The commands of one part.
    pub(super) fn stream_command(&mut self, part: StreamPart<'_>) {
        match part {
            StreamPart::Info(info) => self.stream_info(&info),
            StreamPart::Group(group, last, read) => {
                self.close_consumer();
                self.group = group.to_vec();
                self.pending.clear();
                let (key, last) = (self.name.clone(), last.to_string());
                match read.filter(|_| self.target >= Target::TELLS_STREAM_COUNTERS) {
                    Some(read) => self.command(&[
                        b"XGROUP",
                        b"CREATE",
                        &key,
                        group,
                        last.as_bytes(),
                        b"ENTRIESREAD",
                        &digits(read),
                    ]),
                    None => self.command(&[b"XGROUP", b"CREATE", &key, group, last.as_bytes()]),
                }
            }
            StreamPart::Pending(id, delivery_ms, deliveries) => {
                self.pending.insert(id, (delivery_ms, deliveries));
            }
            StreamPart::Consumer(name, ..) => {
                self.close_consumer();
                self.consumer = name.to_vec();
                self.consumer_is_new = true;
            }
            StreamPart::Owned(id) => {
                self.consumer_is_new = false;
                let (delivery_ms, deliveries) = self.pending.remove(&id).unwrap_or((0, 1));
                let (key, group, consumer) = (self.name.clone(), self.group.clone(), self.consumer.clone());
                self.command(&[
                    b"XCLAIM",
                    &key,
                    &group,
                    &consumer,
                    b"0",
                    id.to_string().as_bytes(),
                    b"TIME",
                    &digits(delivery_ms),
                    b"RETRYCOUNT",
                    &digits(deliveries),
                    b"JUSTID",
                    b"FORCE",
                ]);
            }
            StreamPart::Tail(_) => {}
        }
    }

    /// A consumer that owns nothing must be made by name.
    pub(super) fn close_consumer(&mut self) {
        if self.consumer_is_new && self.target >= Target::CREATES_CONSUMERS {
            let (key, group, consumer) = (self.name.clone(), self.group.clone(), self.consumer.clone());
            self.command(&[b"XGROUP", b"CREATECONSUMER", &key, &group, &consumer]);
        }
        self.consumer_is_new = false;
    }

    fn stream_info(&mut self, info: &StreamInfo) {
        let key = self.name.clone();
        let last = info.last.to_string();
        if info.length == 0 {
            // A stream is made by its first entry, which is trimmed at once.
            let id = if info.last == StreamId::default() { "0-1" } else { &last };
            self.command(&[b"XADD", &key, b"MAXLEN", b"0", id.as_bytes(), b"x", b"y"]);
        }
        match (info.entries_added, info.max_deleted) {
            (Some(added), Some(deleted)) if self.target >= Target::TELLS_STREAM_COUNTERS => {
                let (added, deleted) = (digits(added), deleted.to_string());
                let told: [&[u8]; 7] = [
                    b"XSETID",
                    &key,
                    last.as_bytes(),
                    b"ENTRIESADDED",
                    &added,
                    b"MAXDELETEDID",
                    deleted.as_bytes(),
                ];
                self.command(&told);
            }
            _ => self.command(&[b"XSETID", &key, last.as_bytes()]),
        }
    }
}

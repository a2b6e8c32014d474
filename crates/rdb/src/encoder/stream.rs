//! Streams on the way out; the form, with what each version added to it, is drawn in the decoder's `stream.rs`.
//!
//! Its one idea: a node's listpack is the same in every version, so only what surrounds it differs: version 10 says
//! more of the whole and of its groups, version 11 more of each consumer. What Redis 8.6 writes behind the groups (its
//! idempotent producers) has no place in the versions written here, and is counted as left out.

use super::LeftOut;
use super::text::Writer;
use redtwin_structures::stream::{Group, Stream, StreamId};

/// Writes the body of a stream as the version's type has it.
pub(super) fn write(writer: &mut Writer, stream: &Stream, left_out: &mut LeftOut) {
    let nodes = stream.nodes();
    writer.length(nodes.len() as u64);
    for (base, listpack) in nodes {
        writer.string(&base.to_bytes());
        writer.string(listpack);
    }
    writer.length(stream.len());
    id(writer, stream.last_id);
    if writer.version.number >= 10 {
        id(writer, stream.first_id());
        id(writer, stream.max_deleted_id);
        writer.length(stream.entries_added);
    }
    let groups = stream.groups();
    writer.length(groups.len() as u64);
    for (name, group) in groups {
        writer.string(name);
        write_group(writer, group);
    }
    if stream.idempotence().is_some() {
        left_out.stream_tails += 1;
    }
}

fn write_group(writer: &mut Writer, group: &Group) {
    id(writer, group.last_id);
    if writer.version.number >= 10 {
        // Unknown is written as -1.
        writer.length(group.entries_read.map_or(u64::MAX, |read| read as u64));
    }
    writer.length(group.pending().len() as u64);
    for (entry, pending) in group.pending() {
        writer.out.extend(entry.to_bytes());
        writer.out.extend(pending.delivered_ms.to_le_bytes());
        writer.length(pending.deliveries);
    }
    writer.length(group.consumer_count() as u64);
    for (_, consumer) in group.consumers() {
        writer.string(consumer.name());
        writer.out.extend(consumer.seen_ms.to_le_bytes());
        if writer.version.number >= 11 {
            writer.out.extend(consumer.active_ms.to_le_bytes());
        }
        writer.length(consumer.owned().len() as u64);
        for entry in consumer.owned() {
            writer.out.extend(entry.to_bytes());
        }
    }
}

fn id(writer: &mut Writer, id: StreamId) {
    writer.length(id.ms);
    writer.length(id.seq);
}

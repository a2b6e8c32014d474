//! How fast the decoder is: `cargo run --release -p redtwin-rdb --example measure FILE`.
//!
//! Reads a file once into memory, then measures the checksum alone, the decoder into nothing with and without it, and
//! a decoder that wants no values. Best of three, in MB/s of file. The floor of every reader is the first line.

use redtwin_checksum::crc64;
use redtwin_rdb::{Decoder, Item, Key, NullSink, Part, Sink, Taken, Wish};
use std::time::Instant;

const CHUNK_BYTES: usize = 64 * 1024;

/// Counts keys and wants no values.
#[derive(Default)]
struct Keys(u64);

impl Sink for Keys {
    fn item(&mut self, _: Item<'_>) -> Taken {
        Ok(())
    }
    fn key(&mut self, _: Key<'_>) -> Taken<Wish> {
        self.0 += 1;
        Ok(Wish::Skip)
    }
    fn part(&mut self, _: Part<'_>) -> Taken {
        Ok(())
    }
    fn end_of_key(&mut self, _: u64) -> Taken {
        Ok(())
    }
}

fn best(name: &str, bytes: usize, mut run: impl FnMut()) {
    let seconds = (0..3).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    let least = seconds.fold(f64::INFINITY, f64::min);
    println!("{name:32} {:8.0} MB/s {:8.1} ms", bytes as f64 / least / 1e6, least * 1e3);
}

fn decode<S: Sink>(file: &[u8], checksum: bool, sink: &mut S) {
    let mut decoder = Decoder::new(checksum);
    for chunk in file.chunks(CHUNK_BYTES) {
        decoder.push(chunk, sink).unwrap_or_else(|error| panic!("{error}"));
    }
    decoder.finish().unwrap_or_else(|error| panic!("{error}"));
}

fn main() {
    let path = std::env::args().nth(1).expect("usage: measure FILE");
    let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    best("checksum alone", file.len(), || {
        let crc = file.chunks(CHUNK_BYTES).fold(0, crc64);
        std::hint::black_box(crc);
    });
    best("decode, no checksum", file.len(), || decode(&file, false, &mut NullSink));
    best("decode and checksum", file.len(), || decode(&file, true, &mut NullSink));
    best("keys only, and checksum", file.len(), || {
        let mut keys = Keys::default();
        decode(&file, true, &mut keys);
        std::hint::black_box(keys.0);
    });
}

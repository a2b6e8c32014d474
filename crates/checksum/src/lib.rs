//! CRC64 as Redis computes it.

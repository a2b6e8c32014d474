//! RDB: streaming decoder and encoder.

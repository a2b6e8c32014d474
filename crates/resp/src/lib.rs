//! RESP: incremental request parser and reply writer.

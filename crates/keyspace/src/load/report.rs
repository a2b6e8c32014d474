//! What an RDB said of itself and what became of it: `LoadReport` of src/engine/engine.ts.
//!
//! Its one idea: nothing that was left out or kept without being understood goes unsaid. Keys that were skipped, values
//! and data of modules that are only carried along: each has a count, and the modules their names, for the log.

use redtwin_rdb::format::Version;

/// What was found in an RDB. Numbers count entries.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// Magic and number. None before the magic was read.
    pub version: Option<Version>,
    /// AUX fields in file order.
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys that are in now.
    pub keys: u64,
    /// Keys left out because they were expired.
    pub expired_skipped: u64,
    /// Collections without elements, left out as Redis does.
    pub empty_skipped: u64,
    /// Function libraries.
    pub functions: u64,
    /// Module values, kept raw.
    pub opaque_module_values: u64,
    /// Module data that belongs to no key, kept raw, and metadata of keys, which is not kept.
    pub opaque_module_aux: u64,
    /// Names of the modules' types, in the order of their first appearance.
    pub modules: Vec<String>,
    /// Size of the RDB.
    pub bytes: u64,
}

impl LoadReport {
    /// Adds what the second half of a load counted: its keys. Everything else is said by the first, and modules by both.
    pub(super) fn add(&mut self, other: &LoadReport) {
        self.keys += other.keys;
        self.expired_skipped += other.expired_skipped;
        self.empty_skipped += other.empty_skipped;
        self.opaque_module_values += other.opaque_module_values;
        self.opaque_module_aux += other.opaque_module_aux;
    }
}

//! `RdbTools` of src/engine/rdb.ts: scans and writers of RDB files that are no part of a store.
//!
//! Errors cross the border as "code|offset|text", which src/engine/native.ts makes a RedtwinError of.

use crate::loader::refused;
use napi::bindgen_prelude::{
    BigInt, Buffer, Error, Float64Array, Float64ArraySlice, Result, Uint8ArraySlice,
};
use napi_derive::napi;
use redtwin_rdb::format::{Class, Version};
use redtwin_toolkit::batch::{Batch, BatchOptions, Entries, Fact};
use redtwin_toolkit::check::Check;
use redtwin_toolkit::commands::{Commands, Target};
use redtwin_toolkit::copy::{Copy, CopyOptions};
use redtwin_toolkit::crew::{Crew, Shared};
use redtwin_toolkit::digests::{Book, Digests, Ledger, Side};
use redtwin_toolkit::json::{Json, Layout};
use redtwin_toolkit::scan::{AnyScan, Scan};
use redtwin_toolkit::sieve::{Filter, Job};
use redtwin_toolkit::table::{Columns, Table};
use redtwin_toolkit::tally::{Tally, TallyOptions};
use redtwin_toolkit::writer::{self, RecordWriter};

/// See `RdbFilter`.
#[napi(object)]
#[derive(Default)]
#[allow(missing_docs, reason = "documented in rdb.ts")]
pub struct RdbFilter {
    pub dbs: Option<Vec<f64>>,
    pub types: Option<Vec<u8>>,
    pub glob: Option<Buffer>,
    pub regex: Option<String>,
    pub prefix: Option<Buffer>,
    pub memory_min: Option<f64>,
    pub expires: Option<bool>,
    pub expired: Option<bool>,
    pub now_ms: Option<f64>,
}

/// See `RdbJob`; every job takes some of these.
#[napi(object)]
#[allow(missing_docs, reason = "documented in rdb.ts")]
pub struct RdbJob {
    pub job: String,
    pub values: Option<bool>,
    pub sizes: Option<bool>,
    pub part_bytes: Option<f64>,
    pub layout: Option<String>,
    pub target: Option<Vec<u32>>,
    pub top: Option<u32>,
    pub separators: Option<String>,
    pub depth: Option<u32>,
    pub now_ms: Option<f64>,
    pub version: Option<u32>,
    pub compress: Option<bool>,
    pub checksum: Option<bool>,
    pub careful: Option<bool>,
}

/// See `RdbProgress`.
#[napi(object)]
#[allow(missing_docs, reason = "documented in rdb.ts")]
pub struct RdbProgress {
    pub bytes: f64,
    pub done: bool,
    pub wanted: f64,
    pub refused: f64,
    pub broken: f64,
}

/// See `BrokenKey`.
#[napi(object)]
#[allow(missing_docs, reason = "documented in rdb.ts")]
pub struct RdbBrokenKey {
    pub db: f64,
    pub key: Buffer,
    pub offset: f64,
    pub why: String,
}

/// A name and how often it was met.
#[napi(object)]
#[allow(missing_docs, reason = "documented in rdb.ts")]
pub struct RdbLoss {
    pub what: String,
    pub count: f64,
}

/// A database and a key in it.
#[napi(object)]
#[allow(missing_docs, reason = "documented in rdb.ts")]
pub struct RdbKey {
    pub db: f64,
    pub key: Buffer,
}

/// See `RdbFact`; which are there depends on the fact.
#[napi(object)]
#[allow(missing_docs, reason = "documented in rdb.ts")]
pub struct RdbFact {
    pub fact: String,
    pub text: Option<String>,
    pub number: Option<u32>,
    pub name: Option<Buffer>,
    pub bytes: Option<Buffer>,
}

/// What a batch that is ready takes.
#[napi(object)]
#[allow(missing_docs, reason = "documented in rdb.ts")]
pub struct RdbBatchSize {
    pub records: u32,
    pub heap_bytes: f64,
}

/// See `RdbBatch`.
#[napi(object)]
#[allow(missing_docs, reason = "documented in rdb.ts")]
pub struct RdbBatch {
    pub records: Float64Array,
    pub heap: Buffer,
    pub facts: Vec<RdbFact>,
}

/// See `salvage`.
#[napi(object)]
#[allow(missing_docs, reason = "documented in rdb.ts")]
pub struct RdbSalvage {
    pub keep_bytes: f64,
    pub tail: Buffer,
}

fn corrupt(wrong: redtwin_structures::limits::Malformed) -> Error {
    Error::from_reason(format!("rdb-corrupt|0|{}", wrong.0))
}

fn unwritable(version: u32) -> Error {
    Error::from_reason(format!(
        "rdb-unsupported-version|0|RDB version {version} cannot be written (9 to 12 and 80 can)"
    ))
}

fn version_of(number: u32) -> Version {
    Version::of_number(u16::try_from(number).unwrap_or(0))
}

fn filter_of(said: RdbFilter) -> Result<Filter> {
    const CLASSES: [Class; 7] =
        [Class::String, Class::List, Class::Set, Class::Zset, Class::Hash, Class::Stream, Class::Module];
    let regex = said.regex.map(|text| regex::bytes::Regex::new(&text)).transpose();
    Ok(Filter {
        dbs: said.dbs.unwrap_or_default().into_iter().map(|db| db as u64).collect(),
        classes: said
            .types
            .unwrap_or_default()
            .into_iter()
            .filter_map(|number| CLASSES.get(usize::from(number)).copied())
            .collect(),
        glob: said.glob.map(|glob| glob.to_vec()),
        regex: regex.map_err(|error| Error::from_reason(format!("rdb-bad-filter|0|{error}")))?,
        prefix: said.prefix.map(|prefix| prefix.to_vec()).unwrap_or_default(),
        memory_min: said.memory_min.unwrap_or(0.0) as u64,
        expires: said.expires,
        expired: said.expired.map(|wanted| (said.now_ms.unwrap_or(0.0) as i64, wanted)),
    })
}

fn facts_of(facts: Vec<Fact>) -> Vec<RdbFact> {
    let fact = |fact| match fact {
        Fact::Version(magic, version) => RdbFact {
            fact: "version".into(),
            text: Some(magic.into()),
            number: Some(version.into()),
            name: None,
            bytes: None,
        },
        Fact::Aux(name, value) => RdbFact {
            fact: "aux".into(),
            text: None,
            number: None,
            name: Some(name.into()),
            bytes: Some(value.into()),
        },
        Fact::Function(code) => RdbFact {
            fact: "function".into(),
            text: None,
            number: None,
            name: None,
            bytes: Some(code.into()),
        },
        Fact::ModuleAux(module, raw) => RdbFact {
            fact: "module-aux".into(),
            text: Some(module),
            number: None,
            name: None,
            bytes: Some(raw.into()),
        },
    };
    facts.into_iter().map(fact).collect()
}

fn batch_of(ready: Batch) -> RdbBatch {
    RdbBatch {
        records: Float64Array::new(ready.records),
        heap: ready.heap.into(),
        facts: facts_of(ready.facts),
    }
}

/// One thread walks over the keys ahead of the others, as fast as some four of them look into values.
const THREADS_MAX: usize = 4;

/// The jobs, those apart that can be asked for more than bytes.
enum Running {
    Entries(Box<Scan<Entries>>),
    Copy(Box<Scan<Copy>>),
    Other(Box<dyn AnyScan>),
}

impl Running {
    fn scan(&mut self) -> &mut dyn AnyScan {
        match self {
            Running::Entries(scan) => &mut **scan,
            Running::Copy(scan) => &mut **scan,
            Running::Other(scan) => &mut **scan,
        }
    }
}

/// A job over one RDB.
#[napi]
pub struct NativeRdbScan {
    running: Running,
    /// A batch whose size was asked for.
    batch: Batch,
}

/// What the passes of a comparison share.
#[napi]
pub struct NativeRdbLedger {
    ledger: Ledger,
}

#[napi]
#[allow(missing_docs, reason = "documented in rdb.ts")]
impl NativeRdbLedger {
    #[napi(constructor)]
    pub fn new(part: u32, parts: u32, seed: BigInt) -> Self {
        NativeRdbLedger { ledger: Book::new(part.into(), parts.into(), seed.get_u64().1) }
    }

    #[napi]
    pub fn close(&mut self) {
        self.ledger = Book::new(0, 1, 0);
    }
}

fn other<J: Job + Send + 'static>(job: J, filter: Filter, checksum: bool) -> Running {
    Running::Other(Box::new(Scan::new(job, filter, checksum)))
}

/// A job whose keys know nothing of each other: on a thread per processor, where there are several.
fn shared<J: Shared + Send + 'static>(
    job: impl Fn() -> J,
    filter: Filter,
    checksum: bool,
    tolerant: bool,
) -> Running {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let crew = if threads > 1 { Crew::start(threads, &job, &filter, checksum, tolerant) } else { None };
    if let Some(crew) = crew {
        return Running::Other(Box::new(crew));
    }
    let scan = Scan::new(job(), filter, checksum);
    Running::Other(Box::new(if tolerant { scan.tolerant() } else { scan }))
}

#[napi]
#[allow(missing_docs, reason = "documented in rdb.ts")]
impl NativeRdbScan {
    #[napi(constructor)]
    pub fn new(
        job: RdbJob,
        filter: RdbFilter,
        checksum: bool,
        ledger: Option<&NativeRdbLedger>,
    ) -> Result<Self> {
        let is_all = filter.dbs.is_none()
            && filter.types.is_none()
            && filter.glob.is_none()
            && filter.regex.is_none()
            && filter.prefix.is_none()
            && filter.memory_min.is_none()
            && filter.expires.is_none()
            && filter.expired.is_none();
        let filter = filter_of(filter)?;
        let running = match job.job.as_str() {
            "entries" => {
                let options = BatchOptions {
                    values: job.values.unwrap_or(false),
                    sizes: job.sizes.unwrap_or(false),
                    part_bytes: job.part_bytes.unwrap_or(0.0) as usize,
                };
                Running::Entries(Box::new(Scan::new(Entries::new(options), filter, checksum)))
            }
            "json" => {
                if job.layout.as_deref() == Some("rdb-tools") {
                    other(Json::new(Layout::RdbTools), filter, checksum)
                } else {
                    shared(|| Json::new(Layout::Lines), filter, checksum, false)
                }
            }
            "commands" => {
                let part = |index: usize| {
                    job.target
                        .as_ref()
                        .and_then(|target| target.get(index))
                        .map_or(0, |&part| part.min(255) as u8)
                };
                let target = Target(part(0), part(1));
                shared(|| Commands::new(target), filter, checksum, false)
            }
            "keys" => shared(|| Table::new(Columns::Keys), filter, checksum, false),
            "memory" => shared(|| Table::new(Columns::Memory), filter, checksum, false),
            "tally" => {
                let options = TallyOptions {
                    top: job.top.unwrap_or(0) as usize,
                    separators: job.separators.unwrap_or_default().into_bytes(),
                    depth: job.depth.unwrap_or(0) as usize,
                    now_ms: job.now_ms.unwrap_or(0.0) as i64,
                };
                shared(|| Tally::new(options.clone()), filter, checksum, false)
            }
            "copy" => {
                let careful = job.careful.unwrap_or(false);
                let options = CopyOptions {
                    version: job.version.map(version_of),
                    compress: job.compress.unwrap_or(true),
                    checksum: job.checksum.unwrap_or(true),
                    keeps_hints: is_all && !careful,
                    careful,
                };
                let copy = Copy::new(options).ok_or_else(|| unwritable(job.version.unwrap_or(0)))?;
                let scan = Scan::new(copy, filter, checksum);
                Running::Copy(Box::new(if careful { scan.tolerant() } else { scan }))
            }
            "check" => shared(Check::default, filter, checksum, true),
            name => {
                let side = match name {
                    "record" => Side::Record,
                    "compare" => Side::Compare,
                    _ => Side::Missing,
                };
                let Some(ledger) = ledger else {
                    return Err(Error::from_reason("a comparison needs a ledger"));
                };
                other(Digests::new(side, ledger.ledger.clone()), filter, checksum)
            }
        };
        Ok(NativeRdbScan { running, batch: Batch::default() })
    }

    #[napi(catch_unwind)]
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.running.scan().push(chunk).map_err(|error| refused(&error))
    }

    #[napi(catch_unwind)]
    pub fn take(&mut self, mut into: Uint8ArraySlice<'_>) -> u32 {
        // SAFETY: JavaScript lends the buffer for this call and does nothing else meanwhile.
        let into = unsafe { into.as_mut() };
        self.running.scan().take(into) as u32
    }

    /// Makes a batch ready and tells its size. JavaScript brings the memory: what it makes itself is freed when it is collected,
    /// what we make only when the event loop next turns, and a loop over a file that is in memory never lets it.
    #[napi(catch_unwind)]
    pub fn batch_size(&mut self) -> RdbBatchSize {
        if let Running::Entries(scan) = &mut self.running {
            self.batch = scan.sieve.job.take_batch();
        }
        RdbBatchSize { records: self.batch.records.len() as u32, heap_bytes: self.batch.heap.len() as f64 }
    }

    #[napi(catch_unwind)]
    pub fn take_batch(
        &mut self,
        mut records: Float64ArraySlice<'_>,
        mut heap: Uint8ArraySlice<'_>,
    ) -> Vec<RdbFact> {
        let mut batch = std::mem::take(&mut self.batch);
        // SAFETY: JavaScript lends both arrays for this call and does nothing else meanwhile.
        let (into_records, into_heap) = unsafe { (records.as_mut(), heap.as_mut()) };
        into_records.iter_mut().zip(&batch.records).for_each(|(to, from)| *to = *from);
        if let (Some(to), Some(from)) = (into_heap.get_mut(..batch.heap.len()), batch.heap.get(..)) {
            to.copy_from_slice(from);
        }
        let facts = facts_of(std::mem::take(&mut batch.facts));
        if let Running::Entries(scan) = &mut self.running {
            scan.sieve.job.reuse(batch);
        }
        facts
    }

    #[napi(catch_unwind)]
    pub fn finish(&mut self) -> Result<()> {
        self.running.scan().finish().map_err(|error| refused(&error))
    }

    #[napi(catch_unwind)]
    pub fn progress(&mut self) -> RdbProgress {
        let scan = self.running.scan();
        let counts = scan.counts();
        RdbProgress {
            bytes: scan.bytes() as f64,
            done: scan.is_done(),
            wanted: counts.wanted as f64,
            refused: counts.refused as f64,
            broken: counts.broken as f64,
        }
    }

    #[napi(catch_unwind)]
    pub fn last_key(&mut self) -> RdbKey {
        let (db, key) = self.running.scan().last_key();
        RdbKey { db: db as f64, key: key.into() }
    }

    #[napi(catch_unwind)]
    pub fn broken_keys(&mut self) -> Vec<RdbBrokenKey> {
        let broken = self.running.scan().broken_keys().iter();
        broken
            .map(|key| RdbBrokenKey {
                db: key.db as f64,
                key: key.name.clone().into(),
                offset: key.offset as f64,
                why: key.why.into(),
            })
            .collect()
    }

    #[napi(catch_unwind)]
    pub fn losses(&mut self) -> Vec<RdbLoss> {
        losses_of(self.running.scan().losses())
    }

    #[napi(catch_unwind)]
    pub fn retracted(&mut self) -> Option<f64> {
        match &mut self.running {
            Running::Copy(scan) => scan.sieve.job.retracted().map(|bytes| bytes as f64),
            _ => None,
        }
    }

    #[napi(catch_unwind)]
    pub fn salvage(&mut self) -> RdbSalvage {
        match &mut self.running {
            Running::Copy(scan) => {
                let salvage = scan.sieve.job.salvage();
                RdbSalvage { keep_bytes: salvage.keep_bytes as f64, tail: salvage.tail.into() }
            }
            _ => RdbSalvage { keep_bytes: 0.0, tail: Vec::new().into() },
        }
    }
}

fn losses_of(counts: Vec<(&str, u64)>) -> Vec<RdbLoss> {
    counts
        .into_iter()
        .filter(|&(_, count)| count > 0)
        .map(|(what, count)| RdbLoss { what: what.into(), count: count as f64 })
        .collect()
}

/// Makes an RDB of records.
#[napi]
pub struct NativeRdbWriter {
    writer: RecordWriter,
}

#[napi]
#[allow(missing_docs, reason = "documented in rdb.ts")]
impl NativeRdbWriter {
    #[napi(constructor)]
    pub fn new(version: u32, compress: bool, checksum: bool) -> Result<Self> {
        let writer = RecordWriter::new(version_of(version), compress, checksum);
        Ok(NativeRdbWriter { writer: writer.ok_or_else(|| unwritable(version))? })
    }

    #[napi(catch_unwind)]
    pub fn aux(&mut self, name: &[u8], value: &[u8]) {
        self.writer.aux(name, value);
    }

    #[napi(catch_unwind)]
    pub fn function(&mut self, code: &[u8]) {
        self.writer.function(code);
    }

    #[napi(catch_unwind)]
    pub fn write(&mut self, records: &[f64], heap: &[u8]) -> Result<()> {
        self.writer.records(records, heap).map_err(corrupt)
    }

    #[napi(catch_unwind)]
    pub fn take(&mut self) -> Buffer {
        self.writer.take().into()
    }

    #[napi(catch_unwind)]
    pub fn finish(&mut self) {
        self.writer.finish();
    }

    #[napi(catch_unwind)]
    pub fn losses(&self) -> Vec<RdbLoss> {
        let left_out = self.writer.left_out();
        losses_of(vec![
            ("field-expiries", left_out.field_expiries),
            ("stream-tails", left_out.stream_tails),
            ("empty-collections", self.writer.empty()),
        ])
    }
}

/// DUMP payloads: values without a key, outside any file.
#[napi]
pub struct NativeDump {}

#[napi]
#[allow(missing_docs, reason = "documented in rdb.ts")]
impl NativeDump {
    #[napi(catch_unwind)]
    pub fn decode(payload: &[u8]) -> Result<RdbBatch> {
        redtwin_toolkit::batch::of_dump(payload).map(batch_of).map_err(|error| match error {
            redtwin_rdb::dump::DumpError::VersionOrChecksum => {
                Error::from_reason("rdb-bad-dump|0|DUMP payload version or checksum are wrong")
            }
            redtwin_rdb::dump::DumpError::Value(error) => refused(&error),
        })
    }

    #[napi(catch_unwind)]
    pub fn encode(records: &[f64], heap: &[u8], version: u32) -> Result<Buffer> {
        let target = version_of(version);
        if !target.is_writable() {
            return Err(unwritable(version));
        }
        writer::dump(records, heap, target).map(Buffer::from).map_err(corrupt)
    }
}

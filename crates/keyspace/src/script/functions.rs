//! Function libraries: what `Keyspace::libraries` (their sources, as an RDB holds them) means.
//!
//! ```text
//! libraries: [source, source]  --run once each-->  Functions { libraries: [name, functions...] }
//! ```
//!
//! The sources are the one truth; this is made from them when somebody asks. A source from a snapshot that cannot be
//! run stays among the sources (a save writes it back) and has no functions.

use super::machine::{Compiled, Machine};
use super::shebang::{self, Flags};
use redtwin_checksum::crc64;
use redtwin_rdb::format::Version;
use redtwin_rdb::{Decoder, EncodeOptions, Encoder, Item, Key, Part, Sink, Taken, Wish};
use redtwin_structures::limits::Malformed;

/// A function, as redis.register_function got it.
#[derive(Clone, Debug)]
pub struct Registered {
    /// Unique in all libraries.
    pub name: String,
    /// For FUNCTION LIST.
    pub description: Option<Vec<u8>>,
    /// What it may do.
    pub flags: Flags,
    /// Ready to run.
    pub compiled: Compiled,
}

/// A library.
#[derive(Clone, Debug)]
pub struct Library {
    /// From its first line.
    pub name: String,
    /// The whole source, first line included.
    pub code: Vec<u8>,
    /// In the order of their registration.
    pub functions: Vec<Registered>,
}

/// All libraries, in the order of their loading.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    /// One for each source that could be run.
    pub libraries: Vec<Library>,
    /// Sources that could not be run here: kept and passed on all the same, until FUNCTION FLUSH.
    opaque: Vec<Vec<u8>>,
}

impl Library {
    /// Runs a library's source, once `admit` has let its name pass.
    ///
    /// # Errors
    /// Redis's words, without ERR.
    pub fn load(
        machine: &Machine,
        code: &[u8],
        admit: impl FnOnce(&str) -> Result<(), Vec<u8>>,
    ) -> Result<Library, Vec<u8>> {
        let (name, start) = shebang::of_library(code)?;
        admit(&name)?;
        let functions = machine.load_library(code.get(start..).unwrap_or_default())?;
        if functions.is_empty() {
            return Err(b"No functions registered".to_vec());
        }
        Ok(Library { name, code: code.to_vec(), functions })
    }
}

impl Functions {
    /// Runs all sources; those that fail have no functions, but are kept.
    #[must_use]
    pub fn of(machine: &Machine, sources: &[Vec<u8>]) -> Functions {
        let mut functions = Functions::default();
        for code in sources {
            match Library::load(machine, code, |_| Ok(())) {
                Ok(library) => functions.libraries.push(library),
                Err(_) => functions.opaque.push(code.clone()),
            }
        }
        functions
    }

    /// Functions in all libraries.
    #[must_use]
    pub fn count(&self) -> usize {
        self.libraries.iter().map(|library| library.functions.len()).sum()
    }

    /// A function by its name, in any case.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&Registered> {
        self.libraries
            .iter()
            .flat_map(|library| &library.functions)
            .find(|f| f.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Adds a library; with `replace` it may take the place of one of its name.
    ///
    /// # Errors
    /// Redis's words, without ERR, when a name is taken.
    pub fn add(&mut self, library: Library, replace: bool) -> Result<(), Vec<u8>> {
        let there = self.libraries.iter().position(|known| known.name == library.name);
        if there.is_some() && !replace {
            return Err(format!("Library {} already exists", library.name).into_bytes());
        }
        let others = self.libraries.iter().filter(|known| known.name != library.name);
        let taken = others.flat_map(|known| &known.functions);
        for function in taken {
            if let Some(new) =
                library.functions.iter().find(|new| new.name.eq_ignore_ascii_case(&function.name))
            {
                return Err(format!("Function {} already exists", new.name).into_bytes());
            }
        }
        match there.and_then(|at| self.libraries.get_mut(at)) {
            Some(place) => *place = library,
            None => self.libraries.push(library),
        }
        Ok(())
    }

    /// The sources, for `Keyspace::libraries`.
    #[must_use]
    pub fn sources(&self) -> Vec<Vec<u8>> {
        self.libraries.iter().map(|library| &library.code).chain(&self.opaque).cloned().collect()
    }
}

/// Bytes of a payload's version and checksum.
const FOOTER_BYTES: usize = 10;

/// FUNCTION DUMP: the libraries as an RDB holds them, with a version and a checksum over both. None never happens, as
/// the version is one that can be written.
#[must_use]
pub fn payload(sources: &[Vec<u8>], compress: bool) -> Option<Vec<u8>> {
    let version = Version::redis(10);
    let mut encoder = Encoder::new(EncodeOptions { version, compress, checksum: false })?;
    // The file's magic has no place here.
    encoder.take();
    sources.iter().for_each(|source| encoder.function(source));
    let mut payload = encoder.take();
    payload.extend(version.number.to_le_bytes());
    payload.extend(crc64(0, &payload).to_le_bytes());
    Some(payload)
}

struct Sources(Vec<Vec<u8>>);

impl Sink for Sources {
    fn item(&mut self, item: Item<'_>) -> Taken {
        match item {
            Item::Function(code) => self.0.push(code.into_vec()),
            Item::Header(_) | Item::End => {}
            _ => return Err(Malformed("not a function")),
        }
        Ok(())
    }

    fn key(&mut self, _key: Key<'_>) -> Taken<Wish> {
        Err(Malformed("not a function"))
    }

    fn part(&mut self, _part: Part<'_>) -> Taken {
        Err(Malformed("not a function"))
    }

    fn end_of_key(&mut self, _bytes: u64) -> Taken {
        Err(Malformed("not a function"))
    }
}

/// The sources in a payload of FUNCTION DUMP, of any version that can be read.
///
/// # Errors
/// Redis's words, without ERR.
pub fn sources_in(payload: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    const WRONG: &str = "DUMP payload version or checksum are wrong";
    let (body, footer) =
        payload.len().checked_sub(FOOTER_BYTES).and_then(|at| payload.split_at_checked(at)).ok_or(WRONG)?;
    let (Some(number), Some(crc)) = (footer.first_chunk::<2>(), footer.last_chunk::<8>()) else {
        return Err(WRONG);
    };
    let version = Version::of_number(u16::from_le_bytes(*number));
    let summed = payload.get(..payload.len() - 8).unwrap_or_default();
    if !version.is_known() || crc64(0, summed) != u64::from_le_bytes(*crc) {
        return Err(WRONG);
    }
    // The body is what stands in a file between its magic and its end.
    let mut sources = Sources(Vec::new());
    let mut decoder = Decoder::new(false);
    let file = [&version.magic()[..], body, &[0xFF], &[0; 8]].concat();
    match decoder.push(&file, &mut sources) {
        Ok(progress) if progress.done && progress.taken == file.len() => Ok(sources.0),
        Ok(_) => Err("failed loading the given functions payload"),
        Err(_) => Err("given type is not a function"),
    }
}

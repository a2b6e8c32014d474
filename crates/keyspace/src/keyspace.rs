//! What a command's handler works on: the databases, the clock of this call, and what the command does to others
//! (its effects for the feed, its events, the keys it touched).
//!
//! Looking a key up is where expiry happens. Who looks decides what becomes of an expired key:
//!
//! | caller                     | sees it | deletes it                     |
//! |----------------------------|---------|--------------------------------|
//! | client of a primary        | no      | yes, and DEL goes into the feed |
//! | client of a replica        | no      | no, its primary will say so     |
//! | the primary's feed         | yes     | no                              |

use crate::access::{lfu_new, lfu_used, lru_clock};
use crate::acl::Access;
use crate::command_stats::CommandStats;
use crate::db::Db;
use crate::effects::Effects;
use crate::entry::{Entry, NewValue, Value};
use crate::feed_reader::Untold;
use crate::generated::errors;
use crate::lazy_free::LazyFree;
use crate::object::Object;
use crate::rng::Rng;
use crate::settings::Settings;
use crate::table::{Hash, Place};
use crate::traces::{TraceKind, Traces};
use crate::watch::{Presence, Watched};

/// Why a handler stopped before its end.
#[derive(Debug)]
pub enum Stopped {
    /// An error for the client, from the table of wire errors.
    Error(&'static str),
    /// An error with something of the command in it.
    Text(Vec<u8>),
    /// The command (or this form of it) belongs to the host.
    Host,
    /// Its script rests; `Scripts::paused` has it.
    Paused,
}

impl From<&'static str> for Stopped {
    fn from(error: &'static str) -> Self {
        Stopped::Error(error)
    }
}

impl From<String> for Stopped {
    fn from(error: String) -> Self {
        Stopped::Text(error.into_bytes())
    }
}

/// Whose commands run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Caller {
    /// An ordinary client.
    #[default]
    Client,
    /// Our primary, through its feed.
    Primary,
}

/// What every client command is held against. See `Gates` in src/engine/engine.ts.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Gates {
    pub replica: bool,
    pub read_only: bool,
    pub master_down: bool,
    pub loading: bool,
    pub misconf: bool,
    pub no_replicas: bool,
    pub paused: bool,
}

impl Gates {
    /// Expired keys are hidden but not deleted: deleting them is our primary's work, or writes are paused.
    pub fn keep_expired(&self) -> bool {
        self.replica || self.paused
    }

    /// A replica whose clients write: what they write with an expiry is known to nobody else.
    pub fn is_writable_replica(&self) -> bool {
        self.replica && !self.read_only
    }
}

/// Counters that INFO shows.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "documented in engine.ts, StoreStats")]
pub struct Stats {
    pub hits: u64,
    pub misses: u64,
    pub expired_keys: u64,
    pub expired_fields: u64,
    pub evicted_keys: u64,
}

/// Something that happened to a key, for keyspace notifications.
#[derive(Clone, Debug)]
pub struct KeyEvent {
    /// In which database.
    pub db: usize,
    /// Its class, a letter of notify-keyspace-events.
    pub class: u8,
    /// Its name: `set`, `expired`...
    pub event: &'static str,
    /// The key.
    pub key: Vec<u8>,
}

/// A string's value without a copy.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    /// Kept as an integer.
    Int(i64),
    /// Kept as bytes.
    Bytes(&'a [u8]),
}

impl<'a> Text<'a> {
    /// The bytes; an integer is written into `digits`.
    pub fn bytes(self, digits: &'a mut itoa::Buffer) -> &'a [u8] {
        match self {
            Text::Int(int) => digits.format(int).as_bytes(),
            Text::Bytes(bytes) => bytes,
        }
    }

    /// An owned copy.
    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// STRLEN.
    pub fn len(self) -> usize {
        self.bytes(&mut itoa::Buffer::new()).len()
    }

    /// No bytes at all?
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Keys that a unit has changed. Filled only while somebody waits for some.
#[derive(Debug, Default)]
pub struct Changed {
    /// Somebody waits.
    pub wanted: bool,
    /// All of them may have (SWAPDB).
    pub all: bool,
    /// Database and key.
    pub keys: Vec<(usize, Vec<u8>)>,
}

/// The databases and everything that is true while a command runs.
#[derive(Debug)]
pub struct Keyspace {
    /// All databases.
    pub dbs: Vec<Db>,
    /// The one this command works on.
    pub selected: usize,
    /// Unix ms, the same for the whole call.
    pub now_ms: i64,
    /// Whose command it is.
    pub caller: Caller,
    /// What clients may do.
    pub gates: Gates,
    /// What those who track keys must hear of.
    pub traces: Traces,
    /// FLUSHALL has run since the host was last told.
    pub flushed_all: bool,
    /// What the host's log is to say, besides what scripts write to it: level (0 to 3) and text.
    pub logs: Vec<(u8, Vec<u8>)>,
    /// What the feed's readers were told otherwise, or not at all (feed-compat).
    pub untold: Untold,
    /// What restricted users may do, and what was refused to them.
    pub acl: Access,
    /// Options.
    pub settings: Settings,
    /// Counters.
    pub stats: Stats,
    /// Counters per command.
    pub command_stats: CommandStats,
    /// What goes into the feed.
    pub effects: Effects,
    /// Changes since the start; a command that raised it is fed.
    pub dirty: u64,
    /// Frees large values aside.
    pub lazy_free: LazyFree,
    /// Commands that scripts have run, each with its database, while somebody monitors them.
    pub scripted: Option<Vec<(usize, Vec<Vec<u8>>)>>,
    /// Notifications not fetched yet.
    pub events: Vec<KeyEvent>,
    /// Keys under WATCH.
    pub watched: Watched,
    /// Keys that a unit has changed, for those who wait for them.
    pub changed: Changed,
    /// Seeded randomness.
    pub rng: Rng,
    /// Bytes in use, as the process's allocator tells; maxmemory is held against it.
    pub memory_used: fn() -> usize,
    /// Sources of the function libraries, in the order of their loading: what an RDB holds. `scripts` has what they mean.
    pub libraries: Vec<Vec<u8>>,
    /// Scripts, and the functions of `libraries`.
    pub scripts: crate::script::Scripts,
    /// Some hash may have fields that expire, or had since the last load. Whoever gives a field a time, or brings in a hash that has
    /// some, sets it; until then nobody looks for them.
    pub fields_may_expire: bool,
    /// Module values in the databases, as of the last load.
    pub opaque_module_values: u64,
    /// Module AUX fields of the RDB we loaded, raw, to be kept.
    pub module_aux: Vec<Vec<u8>>,
}

impl Keyspace {
    /// Empty databases.
    pub fn new(databases: usize, seed: u64) -> Keyspace {
        let mut rng = Rng::new(seed);
        let table_seed = rng.next_u64();
        // Collections' tables share one seed in a process; the first keyspace sets it.
        redtwin_structures::buckets::set_seed(rng.next_u64());
        Keyspace {
            // One seed for all, so that a key's hash is the same in each (MOVE, SWAPDB, snapshots).
            dbs: (0..databases.max(1)).map(|_| Db::new(table_seed)).collect(),
            selected: 0,
            now_ms: 0,
            caller: Caller::Client,
            gates: Gates::default(),
            acl: Access::default(),
            traces: Traces::default(),
            flushed_all: false,
            logs: Vec::new(),
            untold: Untold::default(),
            settings: Settings::default(),
            stats: Stats::default(),
            command_stats: CommandStats::default(),
            effects: Effects::default(),
            dirty: 0,
            lazy_free: LazyFree::default(),
            scripted: None,
            events: Vec::new(),
            watched: Watched::default(),
            changed: Changed::default(),
            rng,
            memory_used: || 0,
            libraries: Vec::new(),
            scripts: Default::default(),
            fields_may_expire: false,
            opaque_module_values: 0,
            module_aux: Vec::new(),
        }
    }

    /// The database the command works on.
    #[inline]
    pub fn db(&mut self) -> &mut Db {
        &mut self.dbs[self.selected]
    }

    /// Hash of a key, the same in all databases.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> Hash {
        self.dbs[self.selected].table.hash(key)
    }

    /// Is this expiry over, for those who may not see expired keys?
    #[inline]
    pub fn is_expired(&self, expire_ms: Option<i64>) -> bool {
        match expire_ms {
            Some(at) => at < self.now_ms && self.caller == Caller::Client,
            None => false,
        }
    }

    // --- Looking up ---------------------------------------------------------------------------------------------

    /// The entry of a key that this caller may see. No statistics.
    pub fn entry(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let place = self.place(key)?;
        self.dbs[self.selected].table.at_mut(place)
    }

    /// Where the entry of a key is that this caller may see, until the table changes. No statistics.
    #[inline]
    pub fn place(&mut self, key: &[u8]) -> Option<Place> {
        let hash = self.hash(key);
        let table = &self.dbs[self.selected].table;
        let place = table.locate(hash, key)?;
        let expire_ms = table.at(place)?.expire_ms();
        if self.is_expired(expire_ms) {
            self.expire_before_write(key);
            return None;
        }
        Some(place)
    }

    /// The same without the right to change, and counted as a hit or a miss. The key counts as used now.
    #[inline]
    pub fn read_entry(&mut self, key: &[u8]) -> Option<&Entry> {
        self.find_entry(key, true)
    }

    /// The same for those who only ask about a key (EXISTS, TYPE, TTL): it does not look used afterwards.
    pub fn peek_entry(&mut self, key: &[u8]) -> Option<&Entry> {
        self.find_entry(key, false)
    }

    #[inline]
    fn find_entry(&mut self, key: &[u8], touch: bool) -> Option<&Entry> {
        let hash = self.hash(key);
        let table = &self.dbs[self.selected].table;
        let Some(place) = table.locate(hash, key) else {
            self.stats.misses += 1;
            self.notify(b'm', "keymiss", key);
            return None;
        };
        let expire_ms = table.at(place)?.expire_ms();
        if self.is_expired(expire_ms) {
            self.expire(key);
            self.stats.misses += 1;
            self.notify(b'm', "keymiss", key);
            return None;
        }
        self.stats.hits += 1;
        let entry = self.dbs[self.selected].table.at(place)?;
        if !touch {
            return Some(entry);
        }
        if self.settings.lfu() {
            let Settings { lfu_decay_time, lfu_log_factor, .. } = self.settings;
            entry.set_clock(lfu_used(
                entry.clock(),
                self.now_ms,
                lfu_decay_time,
                lfu_log_factor,
                &mut self.rng,
            ));
        } else {
            entry.set_clock(lru_clock(self.now_ms));
        }
        Some(entry)
    }

    /// The value of a key, for reading.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<Value<'_>> {
        self.read_entry(key).map(Entry::value)
    }

    /// Is the key there, for this caller? No statistics.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.place(key).is_some()
    }

    /// The string at a key, for reading.
    #[inline]
    pub fn text(&mut self, key: &[u8]) -> Result<Option<Text<'_>>, Stopped> {
        match self.read(key) {
            None => Ok(None),
            Some(value) => text_of(value).map(Some),
        }
    }

    // --- Changing -----------------------------------------------------------------------------------------------

    /// Sets a key's value; its expiry goes unless `keep_ttl`. An old value that has expired is deleted first, and the deletion
    /// fed, as Redis does: who reads the feed counts it too. Does not touch or count: see `touched`.
    pub fn put(&mut self, key: &[u8], value: NewValue<'_>, keep_ttl: bool) {
        let hash = self.hash(key);
        let clock = self.clock_for_new();
        let table = &mut self.dbs[self.selected].table;
        if let Some(place) = table.locate(hash, key) {
            let expire_ms = table.at(place).and_then(Entry::expire_ms);
            if expire_ms.is_none() || !self.expires_now(key, expire_ms) {
                let table = &mut self.dbs[self.selected].table;
                if expire_ms.is_some() && !keep_ttl {
                    table.set_expire(hash, key, None);
                }
                if let Some(entry) = table.at_mut(place) {
                    entry.set_value(value);
                    entry.set_clock(clock);
                }
                return;
            }
        }
        self.insert(hash, key, value, clock);
    }

    /// Puts a value under a key that `place` or `entry` has just not found for this caller; gives its place. One look-up where `put`
    /// and `place` would be three. `keep_ttl` is for a key that is there all the same, hidden.
    pub fn put_missing(&mut self, key: &[u8], value: NewValue<'_>, keep_ttl: bool) -> Option<Place> {
        // Where expired keys are hidden without being deleted, the key may still be there.
        if self.caller != Caller::Primary && !self.deletes_before_write() {
            self.put(key, value, keep_ttl);
            return self.place(key);
        }
        let (hash, clock) = (self.hash(key), self.clock_for_new());
        Some(self.insert(hash, key, value, clock))
    }

    fn insert(&mut self, hash: Hash, key: &[u8], value: NewValue<'_>, clock: u32) -> Place {
        let entry = Entry::new(key, value, None);
        entry.set_clock(clock);
        let place = self.dbs[self.selected].table.insert_new(hash, entry);
        self.notify(b'n', "new", key);
        place
    }

    /// An expired key that is about to be written is ours to delete.
    fn deletes_before_write(&self) -> bool {
        !self.gates.paused && (!self.gates.replica || self.gates.is_writable_replica())
    }

    /// Deletes a key with this expiry when it is over and deleting is ours to do. True when it is gone.
    #[cold]
    fn expires_now(&mut self, key: &[u8], expire_ms: Option<i64>) -> bool {
        self.is_expired(expire_ms) && self.expire_before_write(key)
    }

    /// Deletes an expired key that is about to be written. True when that was ours to do: a writable replica does it, too.
    #[cold]
    fn expire_before_write(&mut self, key: &[u8]) -> bool {
        let may_delete = self.deletes_before_write();
        if may_delete {
            self.delete_expired(key);
        }
        may_delete
    }

    /// Sets a string: as an integer when it is one, in the block when it is short.
    pub fn put_string(&mut self, key: &[u8], bytes: &[u8], keep_ttl: bool) {
        self.put(key, string_value(bytes), keep_ttl);
    }

    /// The clock bits of a key that is written now.
    pub fn clock_for_new(&self) -> u32 {
        if self.settings.lfu() { lfu_new(self.now_ms) } else { lru_clock(self.now_ms) }
    }

    /// Removes a key from the selected database. True when it was there. No event, no effect, no count.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        self.take(key).is_some()
    }

    /// Removes a key; its value is freed aside when that is wanted and it is large. False when there is no such key.
    pub fn release(&mut self, key: &[u8], lazily: bool) -> bool {
        match self.take(key) {
            None => return false,
            Some(entry) if lazily => self.lazy_free.entry(entry),
            Some(entry) => drop(entry),
        }
        true
    }

    /// Removes a key and gives its entry.
    pub fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let hash = self.hash(key);
        self.db().table.remove(hash, key)
    }

    /// Sets or clears an expiry. False when there is no such key.
    pub fn set_expire(&mut self, key: &[u8], expire_ms: Option<i64>) -> bool {
        let hash = self.hash(key);
        if expire_ms.is_some() {
            self.remember_own_expiry(self.selected, key);
        }
        self.db().table.set_expire(hash, key, expire_ms)
    }

    /// A key got an expiry: when a client of a writable replica gave it, deleting it is ours to do.
    #[inline]
    pub fn remember_own_expiry(&mut self, db: usize, key: &[u8]) {
        if self.gates.is_writable_replica() && self.caller == Caller::Client {
            self.dbs[db].own_expiries.remember(key);
        }
    }

    /// Says that a command changed a key: raises dirty by `changes`, tells watchers, records the event.
    pub fn touched(&mut self, class: u8, event: &'static str, key: &[u8], changes: u64) {
        self.dirty += changes;
        self.signal(key);
        self.notify(class, event, key);
    }

    /// Tells those who wait for the key, but not those who WATCH it (a group destroyed).
    #[inline]
    pub fn signal_waiters(&mut self, key: &[u8]) {
        if self.changed.wanted {
            self.changed.keys.push((self.selected, key.to_vec()));
        }
    }

    /// Tells those who WATCH the key, or wait for it.
    #[inline]
    pub fn signal(&mut self, key: &[u8]) {
        self.signal_as(TraceKind::Changed, key);
    }

    #[inline]
    fn signal_as(&mut self, kind: TraceKind, key: &[u8]) {
        self.signal_waiters(key);
        if self.traces.wanted {
            self.traces.add(kind, key);
        }
        if !self.watched.is_empty() {
            let exists = self.presence(self.selected, key) != Presence::Absent;
            self.watched.touch(self.selected, key, exists);
        }
    }

    /// What a database has under a key at this moment.
    pub fn presence(&self, db: usize, key: &[u8]) -> Presence {
        self.dbs.get(db).map_or(Presence::Absent, |db| db.presence(key, self.now_ms))
    }

    /// Records an event when its class is wanted.
    #[inline]
    pub fn notify(&mut self, class: u8, event: &'static str, key: &[u8]) {
        if !self.settings.notify_keyspace_events.is_empty() && self.settings.notifies(class) {
            self.events.push(KeyEvent { db: self.selected, class, event, key: key.to_vec() });
        }
    }

    /// Deletes the key if it has expired and deleting is ours to do. Where it is not (DEL on a writable replica) the key is still there,
    /// for whoever deletes it next, as in Redis.
    pub fn expire_if_over(&mut self, key: &[u8]) {
        let hash = self.hash(key);
        let expire_ms = self.db().table.get(hash, key).and_then(Entry::expire_ms);
        if self.is_expired(expire_ms) {
            self.expire(key);
        }
    }

    /// Deletes an expired key when that is ours to do, and feeds the deletion.
    pub fn expire(&mut self, key: &[u8]) {
        if !self.gates.keep_expired() {
            self.delete_expired(key);
        }
    }

    /// Deletes an expired key, whoever's work that is, and feeds the deletion.
    pub fn delete_expired(&mut self, key: &[u8]) {
        let (db, lazily) = (self.selected, self.settings.lazyfree_lazy_expire);
        if self.release(key, lazily) {
            self.stats.expired_keys += 1;
            let word: &[u8] = if lazily { b"UNLINK" } else { b"DEL" };
            self.effects.also(db, &[word, key]);
            self.signal_as(TraceKind::Gone, key);
            self.notify(b'x', "expired", key);
        }
    }

    /// Deletes a key because memory is short, and feeds the deletion.
    pub fn evict(&mut self, db: usize, key: &[u8]) {
        self.selected = db;
        let lazily = self.settings.lazyfree_lazy_eviction;
        if self.release(key, lazily) {
            self.stats.evicted_keys += 1;
            let word: &[u8] = if lazily { b"UNLINK" } else { b"DEL" };
            self.effects.also(db, &[word, key]);
            self.signal_as(TraceKind::Gone, key);
            self.notify(b'e', "evicted", key);
        }
    }

    /// Deletes a key whose collection has become empty, with its event. True when it was empty.
    pub fn remove_if_empty(&mut self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        let empty = match self.dbs[self.selected].table.get(hash, key).map(Entry::value) {
            Some(Value::Object(object)) => object.is_empty(),
            _ => false,
        };
        if empty {
            self.remove(key);
            self.notify(b'g', "del", key);
        }
        empty
    }

    /// Empties one database, freeing it aside if that is wanted. Gives the number of keys that were there.
    pub fn flush_db(&mut self, db: usize, lazily: bool) -> usize {
        self.changed.all |= self.changed.wanted;
        let emptied = self.dbs[db].emptied();
        let old = std::mem::replace(&mut self.dbs[db], emptied);
        let count = old.table.len();
        if lazily {
            self.lazy_free.databases(vec![old]);
        }
        count
    }
}

/// A string as the block holds it best.
#[inline]
pub fn string_value(bytes: &[u8]) -> NewValue<'_> {
    // Twenty digits and a sign is the longest integer; nothing longer needs a look.
    if bytes.len() <= 20
        && let Some(int) = redtwin_resp::parse_i64(bytes)
    {
        NewValue::Int(int)
    } else if bytes.len() > crate::entry::INLINE_BYTES_MAX {
        NewValue::Object(Object::Str(bytes.to_vec()))
    } else {
        NewValue::Bytes(bytes)
    }
}

/// The string in a value, or WRONGTYPE.
#[inline]
pub fn text_of(value: Value<'_>) -> Result<Text<'_>, Stopped> {
    match value {
        Value::Int(int) => Ok(Text::Int(int)),
        Value::Bytes(bytes) => Ok(Text::Bytes(bytes)),
        Value::Object(Object::Str(bytes)) => Ok(Text::Bytes(bytes)),
        Value::Object(_) => Err(Stopped::Error(errors::WRONG_TYPE)),
    }
}

/// Access to one kind of collection: for reading, for changing, and made when it is not there.
///
/// `typed!(List, list, list_mut, list_or_new)` gives `Keyspace::list(key)` (counted as a hit or a miss),
/// `list_mut(key)` and `list_or_new(key)`; each is WRONGTYPE when the key holds something else.
#[macro_export]
macro_rules! typed {
    ($kind:ident, $type:ty, $read:ident, $change:ident, $make:ident, $new:expr) => {
        impl $crate::keyspace::Keyspace {
            /// For reading; counted as a hit or a miss.
            #[allow(dead_code)]
            pub fn $read(&mut self, key: &[u8]) -> Result<Option<&$type>, $crate::keyspace::Stopped> {
                match self.read(key) {
                    None => Ok(None),
                    Some($crate::entry::Value::Object($crate::object::Object::$kind(value))) => {
                        Ok(Some(value))
                    }
                    Some(_) => Err($crate::generated::errors::WRONG_TYPE.into()),
                }
            }

            /// For changing what is there.
            #[allow(dead_code)]
            pub fn $change(&mut self, key: &[u8]) -> Result<Option<&mut $type>, $crate::keyspace::Stopped> {
                match self.entry(key) {
                    None => Ok(None),
                    Some(entry) => match entry.object_mut() {
                        Some($crate::object::Object::$kind(value)) => Ok(Some(value)),
                        _ => Err($crate::generated::errors::WRONG_TYPE.into()),
                    },
                }
            }

            /// For changing; made empty when there is none. The caller must put something in.
            #[allow(dead_code)]
            pub fn $make(&mut self, key: &[u8]) -> Result<&mut $type, $crate::keyspace::Stopped> {
                let place = match self.place(key) {
                    None => self.put_missing(
                        key,
                        $crate::entry::NewValue::Object($crate::object::Object::$kind($new)),
                        false,
                    ),
                    found => found,
                };
                let entry = place.and_then(|place| self.db().table.at_mut(place));
                match entry.map($crate::entry::Entry::object_mut) {
                    Some(Some($crate::object::Object::$kind(value))) => Ok(value),
                    Some(_) => Err($crate::generated::errors::WRONG_TYPE.into()),
                    None => Err($crate::generated::errors::NO_SUCH_KEY.into()),
                }
            }
        }
    };
}

//! Options that the engine itself obeys, by their redis.conf names. The option table with its documentation lives
//! in TypeScript (src/config/); it hands parsed values down through `Settings::set`.

/// A parsed value of an option.
#[derive(Clone, Debug)]
pub enum SettingValue<'a> {
    /// Numbers, sizes in bytes, enums by their index where the option says so.
    Number(f64),
    /// Text.
    Text(&'a str),
    /// yes or no.
    Flag(bool),
}

/// The options, with Redis 7.0's defaults.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields carry the names of redis.conf")]
pub struct Settings {
    pub limits: redtwin_structures::limits::Limits,
    pub hll_sparse_max_bytes: usize,
    pub proto_max_bulk_len: i64,
    pub client_query_buffer_limit: usize,
    pub maxmemory: u64,
    pub maxmemory_policy: String,
    pub maxmemory_samples: usize,
    pub lfu_log_factor: u32,
    pub lfu_decay_time: u32,
    pub lazyfree_lazy_expire: bool,
    pub lazyfree_lazy_server_del: bool,
    pub lazyfree_lazy_eviction: bool,
    pub lazyfree_lazy_user_del: bool,
    pub lazyfree_lazy_user_flush: bool,
    pub replica_ignore_maxmemory: bool,
    pub notify_keyspace_events: String,
    pub sanitize_dump_payload: String,
    /// DEBUG is refused when this says no. (With local the host decides, which knows the connection.)
    pub enable_debug_command: String,
    /// DEBUG SET-ACTIVE-EXPIRE.
    pub active_expire: bool,
    /// DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may call what they otherwise may not.
    pub scripts_call_all: bool,
    /// DEBUG SET-SKIP-CHECKSUM-VALIDATION: RESTORE does not look at checksums.
    pub skips_dump_checksums: bool,
    pub rdbcompression: bool,
    pub latency_tracking: bool,
    /// Whom the feed is for (feed-compat).
    pub feed_reader: crate::feed_reader::Reader,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            limits: Default::default(),
            hll_sparse_max_bytes: 3000,
            proto_max_bulk_len: 512 * 1024 * 1024,
            client_query_buffer_limit: 1024 * 1024 * 1024,
            maxmemory: 0,
            maxmemory_policy: "noeviction".into(),
            maxmemory_samples: 5,
            lfu_log_factor: 10,
            lfu_decay_time: 1,
            lazyfree_lazy_expire: false,
            lazyfree_lazy_server_del: false,
            lazyfree_lazy_eviction: false,
            lazyfree_lazy_user_del: false,
            lazyfree_lazy_user_flush: false,
            replica_ignore_maxmemory: true,
            notify_keyspace_events: String::new(),
            sanitize_dump_payload: "no".into(),
            enable_debug_command: "yes".into(),
            active_expire: true,
            scripts_call_all: false,
            skips_dump_checksums: false,
            rdbcompression: true,
            latency_tracking: true,
            feed_reader: Default::default(),
        }
    }
}

impl Settings {
    /// Sets one option; false when the engine has none of that name or the value has the wrong kind.
    pub fn set(&mut self, name: &str, value: &SettingValue<'_>) -> bool {
        use SettingValue::{Flag, Number, Text};
        let limits = &mut self.limits;
        match (name, value) {
            ("hash-max-listpack-entries", Number(n)) => limits.hash_max_listpack_entries = *n as usize,
            ("hash-max-listpack-value", Number(n)) => limits.hash_max_listpack_value = *n as usize,
            ("list-max-listpack-size", Number(n)) => limits.list_max_listpack_size = *n as i64,
            ("list-compress-depth", Number(_)) => {}
            ("set-max-intset-entries", Number(n)) => limits.set_max_intset_entries = *n as usize,
            ("zset-max-listpack-entries", Number(n)) => limits.zset_max_listpack_entries = *n as usize,
            ("zset-max-listpack-value", Number(n)) => limits.zset_max_listpack_value = *n as usize,
            ("stream-node-max-bytes", Number(n)) => limits.stream_node_max_bytes = *n as usize,
            ("stream-node-max-entries", Number(n)) => limits.stream_node_max_entries = *n as usize,
            ("hll-sparse-max-bytes", Number(n)) => self.hll_sparse_max_bytes = *n as usize,
            ("proto-max-bulk-len", Number(n)) => self.proto_max_bulk_len = *n as i64,
            ("client-query-buffer-limit", Number(n)) => self.client_query_buffer_limit = *n as usize,
            ("maxmemory", Number(n)) => self.maxmemory = *n as u64,
            ("maxmemory-policy", Text(text)) => self.maxmemory_policy = (*text).to_string(),
            ("maxmemory-samples", Number(n)) => self.maxmemory_samples = *n as usize,
            ("lfu-log-factor", Number(n)) => self.lfu_log_factor = *n as u32,
            ("lfu-decay-time", Number(n)) => self.lfu_decay_time = *n as u32,
            ("lazyfree-lazy-expire", Flag(on)) => self.lazyfree_lazy_expire = *on,
            ("lazyfree-lazy-server-del", Flag(on)) => self.lazyfree_lazy_server_del = *on,
            ("lazyfree-lazy-eviction", Flag(on)) => self.lazyfree_lazy_eviction = *on,
            // DEL and FLUSHALL answer at once either way; the options exist for those who set them.
            ("lazyfree-lazy-user-del", Flag(on)) => self.lazyfree_lazy_user_del = *on,
            ("lazyfree-lazy-user-flush", Flag(on)) => self.lazyfree_lazy_user_flush = *on,
            ("replica-lazy-flush", Flag(_)) => {}
            ("replica-ignore-maxmemory", Flag(on)) => self.replica_ignore_maxmemory = *on,
            ("notify-keyspace-events", Text(text)) => self.notify_keyspace_events = (*text).to_string(),
            ("sanitize-dump-payload", Text(text)) => self.sanitize_dump_payload = (*text).to_string(),
            ("enable-debug-command", Text(text)) => self.enable_debug_command = (*text).to_string(),
            ("active-expire", Flag(on)) => self.active_expire = *on,
            ("rdbcompression", Flag(on)) => self.rdbcompression = *on,
            ("latency-tracking", Flag(on)) => self.latency_tracking = *on,
            ("feed-compat", Text(text)) => match crate::feed_reader::Reader::named(text) {
                Some(reader) => self.feed_reader = reader,
                None => return false,
            },
            // How long a script may keep everybody waiting is the host's to say: it has the clock.
            ("busy-reply-threshold" | "lua-time-limit", Number(_)) => {}
            _ => return false,
        }
        true
    }

    /// Is the event class wanted (a letter of notify-keyspace-events; A stands for all but m and n)?
    pub fn notifies(&self, class: u8) -> bool {
        let wanted = self.notify_keyspace_events.as_bytes();
        wanted.contains(&class) || (wanted.contains(&b'A') && !matches!(class, b'm' | b'n'))
    }

    /// Are access times kept as LFU counters rather than as LRU clocks?
    pub fn lfu(&self) -> bool {
        self.maxmemory_policy.ends_with("-lfu")
    }
}

//! Gives memory back that the process holds and does not need: what the allocator keeps of what was freed, and pages of
//! programs' files that only the start has touched.
//!
//! ```text
//!   start ----------------------------+--> 0.3 s --> thread: collect, pages of files
//!   load, which leaves much behind ---+
//!   a quarter of the heap was freed --'
//! ```
//!
//! The allocator gives pages back only while somebody allocates, so a server that has loaded and is idle would keep them.
//! Of Node's own file (90 MB of code, tables and the image of its first heap) most of what was touched is touched once:
//! those pages are let go, and the few that are still in use come back from the system's cache at their next use, some
//! microseconds each. Only mappings that cannot have been written to are let go; nothing is lost with them.

unsafe extern "C" {
    /// Mimalloc's (libmimalloc-sys declares it only with a feature that brings another dependency). `force`: all that is
    /// free goes to the system now.
    safe fn mi_collect(force: bool);
}

/// So long after something has happened its memory is given back: when what follows it at once is over.
const AFTER_MS: i64 = 300;
/// Less than this is not worth the walk.
const FREED_BYTES_MIN: usize = 16 << 20;

/// What is due.
#[derive(Debug, Default)]
pub(crate) struct GiveBack {
    /// Unix ms; None when nothing is.
    due_ms: Option<i64>,
    /// Bytes in use at most since the last time.
    most_bytes: usize,
    begun: bool,
    /// A load was among what happened: what it leaves to this thread is worth a longer look.
    after_load: bool,
}

impl GiveBack {
    /// A load is over.
    pub(crate) fn loaded(&mut self, now_ms: i64) {
        self.after_load = true;
        self.plan(now_ms);
    }

    /// To be called some times a second. Costs nothing while nothing is due, and little then: the work is a thread's.
    pub(crate) fn tick(&mut self, now_ms: i64, used_bytes: usize) {
        if !self.begun {
            self.begun = true;
            self.plan(now_ms);
        }
        self.most_bytes = self.most_bytes.max(used_bytes);
        let freed = self.most_bytes - used_bytes;
        if self.due_ms.is_none() && freed > FREED_BYTES_MIN && freed > self.most_bytes / 4 {
            self.plan(now_ms);
        }
        // A clock that was put back makes it due later, and at once when it was put far ahead; neither matters.
        if self.due_ms.is_some_and(|due| due <= now_ms) {
            // What this thread has freed goes to all, and from there to the system. With force also the pages that it keeps for what
            // comes next, 3 MB after a load; that takes 1.3 ms for each GB of heap (measured), during which nobody is served.
            mi_collect(self.after_load);
            let all = || {
                crate::allocator::slabs::give_back();
                mi_collect(true);
                files::give_back();
            };
            // Where no thread can be had, memory is not what is missing most.
            let _ = std::thread::Builder::new().name("redtwin-give-back".into()).spawn(all);
            *self = GiveBack { begun: true, most_bytes: used_bytes, ..GiveBack::default() };
        }
    }

    fn plan(&mut self, now_ms: i64) {
        self.due_ms = Some(now_ms + AFTER_MS);
    }
}

#[cfg(target_os = "linux")]
mod files {
    //! Pages of programs' files, on Linux.

    use std::ffi::c_void;
    use std::ops::Range;

    /// Mappings that are code, or read-only data, of a file, in the words of /proc/self/maps: `from-to r-xp offset dev inode`.
    fn mapped(maps: &str) -> impl Iterator<Item = Range<usize>> {
        maps.lines().filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (from, to) = words.next()?.split_once('-')?;
            let rights = words.next()?;
            // Memory that Node has put in a file's place (--use-largepages) has no inode, and would be gone for good.
            let inode = words.nth(2)?;
            if !matches!(rights, "r-xp" | "r--p") || inode == "0" {
                return None;
            }
            Some(usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?)
        })
    }

    /// What programs and libraries say they never write to, relocations included: segments without the right to.
    fn segments() -> Vec<Range<usize>> {
        unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> i32 {
            // SAFETY: the caller of this gives an info that is valid during the call, and our own vector.
            let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Range<usize>>>()) };
            if info.dlpi_phdr.is_null() {
                return 0;
            }
            // SAFETY: dlpi_phnum headers stand there.
            let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
            for header in headers {
                if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0 {
                    let from = (info.dlpi_addr + header.p_vaddr) as usize;
                    found.push(from..from + header.p_memsz as usize);
                }
            }
            0
        }
        let mut found: Vec<Range<usize>> = Vec::new();
        // SAFETY: `visit` is only called before this returns, with the pointer to `found`.
        unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut found).cast()) };
        found
    }

    /// Lets go of the pages that are both.
    pub(super) fn give_back() {
        let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
        let segments = segments();
        for range in mapped(&maps) {
            // A mapping begins and ends at pages, a segment somewhere in them; one that lies in no segment is something else.
            if segments.iter().any(|segment| segment.start < range.end && range.start < segment.end) {
                // SAFETY: the range is a private mapping of a file that nothing has written to: read again, it is the same.
                // A failure (a kernel without it, locked pages) leaves all as it is.
                unsafe { libc::madvise(range.start as *mut c_void, range.len(), libc::MADV_DONTNEED) };
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_unwritten_files_are_let_go() {
            let maps = "00400000-00b00000 r--p 00000000 fe:00 123  /usr/bin/node\n\
                        00b00000-02600000 r-xp 00700000 fe:00 123  /usr/bin/node\n\
                        03600000-03610000 rw-p 03200000 fe:00 123  /usr/bin/node\n\
                        10000000-10002000 r-xp 00000000 00:00 0\n\
                        10002000-10004000 r-xp 00000000 00:00 0  [vdso]\n\
                        10004000-10008000 r--s 00000000 fe:00 9  /a\n\
                        nonsense\n";
            assert_eq!(mapped(maps).collect::<Vec<_>>(), [0x40_0000..0xb0_0000, 0xb0_0000..0x260_0000]);
        }

        #[test]
        fn the_program_runs_on_without_its_pages() {
            assert!(!segments().is_empty());
            give_back();
            assert_eq!("still here".to_uppercase(), "STILL HERE");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod files {
    //! Pages of programs' files: only Linux is told.

    pub(super) fn give_back() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_after_the_start_after_a_load_and_after_much_was_freed() {
        let mut back = GiveBack::default();
        back.tick(1_000, 0);
        assert_eq!(back.due_ms, Some(1_300));
        back.tick(1_300, 0);
        assert_eq!(back.due_ms, None);
        back.loaded(5_000);
        assert_eq!(back.due_ms, Some(5_300));
        back.tick(5_300, 400 << 20);
        back.tick(5_400, 350 << 20);
        assert_eq!(back.due_ms, None);
        back.tick(5_500, 250 << 20);
        assert_eq!(back.due_ms, Some(5_800));
        back.tick(5_800, 250 << 20);
        assert_eq!((back.due_ms, back.most_bytes), (None, 250 << 20));
    }
}

//! Blocks of 129 bytes to 2 KiB, in classes of 16 bytes: collections that are one packed block have such sizes.
//!
//! ```text
//!   reserved once, 64 GiB of addresses:   [ page | page | page | ... never touched ................ ]
//!
//!   page, 64 KiB:   [ header | block | block | free | block | ... | not yet carved ]
//!                      '- size of its blocks, first free one, neighbours in its class's list
//!   class 272, 288, ...:   pages that have room
//! ```
//!
//! Its one idea: mimalloc has four sizes between 256 and 512, and four to 1024, so a listpack of 267 bytes takes 320 and
//! one of 687 takes 768; here they take 272 and 688. Where an address lies tells whose it is, so either allocator may be
//! asked at any time. What it is not: quick for many threads (a lock for each class), or for blocks that come and go by the
//! million in all sizes; a page that is empty goes back to the system at once, but for one of each class.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

const STEP: usize = 16;
/// Smaller ones have steps of 16 bytes and less in mimalloc.
pub(super) const SIZE_MIN: usize = 129;
/// Larger ones leave too much of a page over.
pub(super) const SIZE_MAX: usize = 2048;
const CLASSES: usize = SIZE_MAX / STEP + 1;

const PAGE_BYTES: usize = 64 << 10;
const PAGES_MAX: u32 = 1 << 20;
const NONE: u32 = u32::MAX;

/// What a page begins with.
#[repr(C)]
struct Header {
    /// Size of the blocks; the same as long as one is in use.
    block_bytes: u32,
    /// Blocks that are in use.
    used: u32,
    /// Blocks that ever were; those behind them were never touched.
    carved: u32,
    /// Neighbours in the list of pages with room.
    next: u32,
    previous: u32,
    /// A free block; its first word leads to the next one.
    free: *mut u8,
}

const HEADER_BYTES: usize = size_of::<Header>().next_multiple_of(STEP);

impl Header {
    fn has_room(&self) -> bool {
        !self.free.is_null() || self.carved < self.capacity()
    }

    fn capacity(&self) -> u32 {
        ((PAGE_BYTES - HEADER_BYTES) as u32) / self.block_bytes
    }
}

/// Pages of one class that have room.
struct Class {
    first: u32,
}

static LISTS: [Mutex<Class>; CLASSES] = [const { Mutex::new(Class { first: NONE }) }; CLASSES];

/// Pages that are in no class: those that were given back, and how many were ever taken.
struct Pool {
    given_back: usize,
    taken: u32,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { given_back: 0, taken: 0 });
/// The pages that were given back. Memory of its own, because a page that was keeps nothing; not touched before it is needed.
static GIVEN_BACK: [AtomicU32; PAGES_MAX as usize] = [const { AtomicU32::new(0) }; PAGES_MAX as usize];

/// Where the pages begin, or one of the two that follow: they are so far from every address that no block lies there.
static BASE: AtomicUsize = AtomicUsize::new(NOT_ASKED);
const NOT_ASKED: usize = 1 << 63;
/// The system has no such range.
const REFUSED: usize = 1 << 62;

/// Nothing in here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn page_at(index: u32) -> *mut Header {
    std::ptr::with_exposed_provenance_mut(BASE.load(Relaxed) + index as usize * PAGE_BYTES)
}

/// The page of a block, and its number, if it is one of ours.
#[inline]
fn page_of(block: *mut u8) -> Option<(u32, *mut Header)> {
    let index = block.addr().wrapping_sub(BASE.load(Relaxed)) / PAGE_BYTES;
    (index < PAGES_MAX as usize).then(|| (index as u32, page_at(index as u32)))
}

/// A block of at least `size` bytes, which must be from SIZE_MIN to SIZE_MAX; None when there are no pages.
pub(super) fn alloc(size: usize) -> Option<*mut u8> {
    let which = size.div_ceil(STEP);
    let mut class = lock(&LISTS[which]);
    if class.first == NONE {
        let fresh = take_page()?;
        // SAFETY: the page is ours alone.
        unsafe {
            page_at(fresh).write(Header {
                block_bytes: (which * STEP) as u32,
                used: 0,
                carved: 0,
                next: NONE,
                previous: NONE,
                free: null_mut(),
            });
        }
        class.first = fresh;
    }
    let page = page_at(class.first);
    // SAFETY: pages in a list have headers, and blocks of their class; both are only touched under its lock. A free block
    // holds a pointer to the next one; `carved` is below the capacity where there is none.
    unsafe {
        let header = &mut *page;
        let block = if header.free.is_null() {
            let at = HEADER_BYTES + (header.carved * header.block_bytes) as usize;
            header.carved += 1;
            page.cast::<u8>().add(at)
        } else {
            let block = header.free;
            header.free = block.cast::<*mut u8>().read();
            block
        };
        header.used += 1;
        if !header.has_room() {
            let first = class.first;
            class.unlink(first);
        }
        Some(block)
    }
}

/// The size of a block of ours; None for another's.
#[inline]
pub(super) fn block_bytes(block: *mut u8) -> Option<usize> {
    // SAFETY: the page of a block that is in use has a header, whose size does not change.
    page_of(block).map(|(_, page)| unsafe { (&raw const (*page).block_bytes).read() } as usize)
}

/// Takes a block back; false when it is another's.
///
/// # Safety
/// The block must be in use, and not be used any more.
#[inline]
pub(super) unsafe fn free(block: *mut u8) -> bool {
    let Some((index, page)) = page_of(block) else { return false };
    // SAFETY: as in `block_bytes`.
    let which = unsafe { (&raw const (*page).block_bytes).read() } as usize / STEP;
    let mut class = lock(&LISTS[which]);
    // SAFETY: the header is only touched under the lock of its class, and the block is nobody's.
    let is_empty = unsafe {
        let header = &mut *page;
        let had_room = header.has_room();
        block.cast::<*mut u8>().write(header.free);
        header.free = block;
        header.used -= 1;
        if !had_room {
            class.link(index);
        }
        header.used == 0
    };
    if is_empty && !class.is_alone(index) {
        class.unlink(index);
        drop(class);
        give_page_back(index);
    }
    true
}

/// Gives back the empty page that a class may have kept.
#[allow(dead_code, reason = "benches take in this file, and give nothing back")]
pub(crate) fn give_back() {
    for list in &LISTS {
        let mut class = lock(list);
        let first = class.first;
        // SAFETY: pages in a list have headers, touched only under its lock. An empty one is alone in its list.
        if first != NONE && unsafe { (*page_at(first)).used } == 0 {
            class.unlink(first);
            drop(class);
            give_page_back(first);
        }
    }
}

impl Class {
    /// SAFETY of both: the pages named by a list have headers, which are only touched under the list's lock.
    fn link(&mut self, index: u32) {
        // SAFETY: see above.
        unsafe {
            (*page_at(index)).next = self.first;
            (*page_at(index)).previous = NONE;
            if self.first != NONE {
                (*page_at(self.first)).previous = index;
            }
        }
        self.first = index;
    }

    fn unlink(&mut self, index: u32) {
        // SAFETY: see above.
        unsafe {
            let Header { next, previous, .. } = *page_at(index);
            match previous {
                NONE => self.first = next,
                before => (*page_at(before)).next = next,
            }
            if next != NONE {
                (*page_at(next)).previous = previous;
            }
        }
    }

    /// Is this page, which is in the list, the only one?
    fn is_alone(&self, index: u32) -> bool {
        // SAFETY: see above.
        self.first == index && unsafe { (*page_at(index)).next } == NONE
    }
}

fn take_page() -> Option<u32> {
    let mut pool = lock(&POOL);
    if BASE.load(Relaxed) == NOT_ASKED {
        BASE.store(system::reserve(PAGES_MAX as usize * PAGE_BYTES).unwrap_or(REFUSED), Relaxed);
    }
    if BASE.load(Relaxed) == REFUSED {
        return None;
    }
    if let Some(last) = pool.given_back.checked_sub(1) {
        pool.given_back = last;
        return Some(GIVEN_BACK[last].load(Relaxed));
    }
    let fresh = pool.taken;
    (fresh < PAGES_MAX).then(|| {
        pool.taken += 1;
        fresh
    })
}

fn give_page_back(index: u32) {
    system::let_go(page_at(index).cast(), PAGE_BYTES);
    let mut pool = lock(&POOL);
    GIVEN_BACK[pool.given_back].store(index, Relaxed);
    pool.given_back += 1;
}

#[cfg(target_os = "linux")]
mod system {
    //! Addresses without memory behind them, and memory back to the system.

    use super::PAGE_BYTES;

    /// So that large pages of the system fit.
    const ALIGNMENT: usize = 2 << 20;

    /// Reserves so many bytes of addresses; memory comes with the first touch. Where they begin, at a multiple of a page.
    pub(super) fn reserve(bytes: usize) -> Option<usize> {
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping anywhere touches nothing that is there.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes + ALIGNMENT, rights, kind, -1, 0) };
        const { assert!(ALIGNMENT.is_multiple_of(PAGE_BYTES)) };
        (start != libc::MAP_FAILED).then(|| start.expose_provenance().next_multiple_of(ALIGNMENT))
    }

    /// The bytes are zero, and take no memory, until they are touched again.
    pub(super) fn let_go(start: *mut u8, bytes: usize) {
        // SAFETY: the caller has a page of ours that nobody uses. Where it fails all stays as it is.
        unsafe { libc::madvise(start.cast(), bytes, libc::MADV_DONTNEED) };
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    //! Only Linux is asked for addresses in advance; elsewhere mimalloc serves all sizes.

    pub(super) fn reserve(_: usize) -> Option<usize> {
        None
    }

    pub(super) fn let_go(_: *mut u8, _: usize) {}
}

#[cfg(all(test, target_os = "linux"))]
#[allow(dead_code, reason = "benches take in this file, and run none of it")]
mod tests {
    use super::*;

    /// Held by a test that takes many pages: the pool is the process's, and what one counts the other must not take.
    static PAGES: Mutex<()> = Mutex::new(());

    /// A block that is filled with a byte of its own.
    struct Filled(*mut u8, usize, u8);

    // SAFETY: the block is this one's alone.
    unsafe impl Send for Filled {}

    impl Filled {
        fn new(size: usize, with: u8) -> Filled {
            let block = alloc(size).unwrap();
            assert_eq!(block_bytes(block), Some(size.next_multiple_of(STEP)));
            // SAFETY: the block is that long.
            unsafe { block.write_bytes(with, size) };
            Filled(block, size, with)
        }
    }

    impl Drop for Filled {
        fn drop(&mut self) {
            // SAFETY: the block is that long, in use until here, and not used any more.
            unsafe {
                let bytes = std::slice::from_raw_parts(self.0, self.1);
                assert!(bytes.iter().all(|byte| *byte == self.2), "somebody else wrote here");
                assert!(free(self.0));
            }
        }
    }

    #[test]
    fn blocks_do_not_overlap_whoever_takes_and_frees_them() {
        let _pages = lock(&PAGES);
        let threads: Vec<_> = (0..4u64)
            .map(|seed| {
                std::thread::spawn(move || {
                    let mut random = seed + 1;
                    let mut held = Vec::new();
                    for round in 0..40_000 {
                        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        let size = SIZE_MIN + (random >> 40) as usize % (SIZE_MAX - SIZE_MIN + 1);
                        held.push(Filled::new(size, (random >> 33) as u8));
                        if held.len() > 2000 || round % 3 == 0 {
                            held.swap_remove((random >> 20) as usize % held.len());
                        }
                    }
                    held
                })
            })
            .collect();
        // What one thread has taken another gives back.
        threads.into_iter().for_each(|thread| drop(thread.join().unwrap()));
    }

    #[test]
    fn empty_pages_are_given_back_and_used_again() {
        let _pages = lock(&PAGES);
        let fill = || (0..1000).map(|at| Filled::new(SIZE_MAX, at as u8)).collect::<Vec<_>>();
        let first: Vec<Filled> = fill();
        drop(first);
        give_back();
        let taken = lock(&POOL).taken;
        drop(fill());
        // What runs this may take some at the same time.
        assert!(lock(&POOL).taken < taken + 30);
    }

    #[test]
    fn what_is_not_ours_is_not_touched() {
        let mut other = [0u8; 200];
        assert_eq!(block_bytes(other.as_mut_ptr()), None);
        // SAFETY: nothing of ours, so nothing happens.
        assert!(!unsafe { free(other.as_mut_ptr()) });
    }
}

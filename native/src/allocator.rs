//! The allocator: mimalloc, with the bytes counted, so that used_memory tells the truth about this heap.
//!
//! ```text
//! thread --> its count (one of 16, each in a line of its own) --+--> sum, when somebody asks
//! ```
//!
//! Relaxed atomics: nothing is decided by the sum within a command. Several counts, because one that two threads of a load
//! change in turns costs each of them more than the allocation does.
//!
//! Mimalloc is called directly: the wrapper crate asks for an alignment always, and mimalloc then rounds sizes up to powers
//! of two although nothing needs it. Built for an alignment of 8 (.cargo/config.toml), a key with a value of 54 bytes takes
//! 56 of them and not 64. Blocks of some hundred bytes come from slabs.rs, which rounds them up by less.

#[path = "allocator/slabs.rs"]
pub(crate) mod slabs;

use libmimalloc_sys::{
    mi_free, mi_malloc, mi_malloc_aligned, mi_realloc, mi_realloc_aligned, mi_zalloc, mi_zalloc_aligned,
};
use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counts what it hands out.
pub struct Counting;

/// A count in a cache line of its own. What one thread hands out another may give back, so only the sum means something.
#[repr(align(64))]
struct Count(AtomicUsize);

const COUNTS: usize = 16;
static USED: [Count; COUNTS] = [const { Count(AtomicUsize::new(0)) }; COUNTS];

/// Bytes handed out and not given back, by everything in this addon.
pub fn used_bytes() -> usize {
    // Read one after the other while others count: a sum below zero is one of the moment.
    let sum = USED.iter().fold(0usize, |sum, count| sum.wrapping_add(count.0.load(Relaxed)));
    usize::try_from(sum.cast_signed()).unwrap_or(0)
}

/// The count of this thread, told by where its stack is: stacks lie two MiB apart or more. That costs no look-up, and
/// threads that meet in one count are only slower.
#[inline]
fn count() -> &'static AtomicUsize {
    let here = 0u8;
    &USED[((&raw const here).addr() >> 21) % COUNTS].0
}

/// The alignment that mimalloc gives without being asked.
const ALIGNED: usize = 8;

/// Is this a block that slabs.rs would be asked for? It may be mimalloc's all the same: one that grew there.
#[inline]
fn is_middling(size: usize) -> bool {
    (slabs::SIZE_MIN..=slabs::SIZE_MAX).contains(&size)
}

/// A block of the slabs', where they have this size.
#[inline]
fn middling(layout: Layout) -> Option<*mut u8> {
    if is_middling(layout.size()) && layout.align() <= ALIGNED { slabs::alloc(layout.size()) } else { None }
}

/// Moves a block of the slabs' to where there is room for `size` bytes: somewhat more than that, for what grows once will
/// grow again. Null when there is no memory.
///
/// # Safety
/// As `GlobalAlloc::realloc`.
#[cold]
unsafe fn moved(pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    let more = if size > layout.size() { size + size / 8 } else { size };
    let made = if is_middling(more) { slabs::alloc(more) } else { None };
    // SAFETY: both blocks have that many bytes, and the old one is the caller's to give up. A size that is not middling any
    // more is mimalloc's, as `dealloc` will presume.
    unsafe {
        let made = made.unwrap_or_else(|| mi_malloc(size).cast());
        if !made.is_null() {
            std::ptr::copy_nonoverlapping(pointer, made, layout.size().min(size));
            slabs::free(pointer);
        }
        made
    }
}

// SAFETY: every call is passed on to mimalloc, with the alignment where it is not given anyway; counting has no effect on
// the memory.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count().fetch_add(layout.size(), Relaxed);
        if let Some(block) = middling(layout) {
            return block;
        }
        // SAFETY: as the caller promises.
        let pointer = unsafe {
            if layout.align() <= ALIGNED {
                mi_malloc(layout.size())
            } else {
                mi_malloc_aligned(layout.size(), layout.align())
            }
        };
        pointer.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count().fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises; whose it is its address tells.
        unsafe {
            if !(is_middling(layout.size()) && slabs::free(pointer)) {
                mi_free(pointer.cast());
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count().fetch_add(layout.size(), Relaxed);
        if let Some(block) = middling(layout) {
            // SAFETY: the block is that long.
            unsafe { block.write_bytes(0, layout.size()) };
            return block;
        }
        // SAFETY: as the caller promises.
        let pointer = unsafe {
            if layout.align() <= ALIGNED {
                mi_zalloc(layout.size())
            } else {
                mi_zalloc_aligned(layout.size(), layout.align())
            }
        };
        pointer.cast()
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count().fetch_add(size.wrapping_sub(layout.size()), Relaxed);
        if is_middling(layout.size())
            && let Some(room) = slabs::block_bytes(pointer)
        {
            // Less than half of a block is not worth keeping it.
            if is_middling(size) && size <= room && size >= room / 2 {
                return pointer;
            }
            // SAFETY: as the caller promises.
            return unsafe { moved(pointer, layout, size) };
        }
        // SAFETY: as the caller promises.
        let pointer = unsafe {
            if layout.align() <= ALIGNED {
                mi_realloc(pointer.cast(), size)
            } else {
                mi_realloc_aligned(pointer.cast(), size, layout.align())
            }
        };
        pointer.cast()
    }
}

//! Asking for memory ahead of its use: many misses at once instead of one after the other.
//!
//! A hint and nothing more; where the processor is none that we know, it does nothing.

/// Asks for the line of memory that `address` is in. Any address will do.
#[inline]
pub fn line<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect but on the cache, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast::<i8>());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

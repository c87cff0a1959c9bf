//! A cache line: what this core is about to need, as hints to the processor.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the address of a hint | the processor, which neither faults nor changes a value | always |

use crate::call::Word;

/// Words of a line.
pub(crate) const LINE_WORDS: usize = 8;

/// Asks for the line at `address`, where the processor has a way to.
#[inline(always)]
pub(crate) fn prefetch(address: *const Word) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address is only a hint; SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Asks for the line at `address` to write it, where the processor has a way to.
#[inline(always)]
pub(crate) fn prefetch_to_write(address: *const Word) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        // SAFETY: a prefetch of any address is only a hint, and a processor without this one
        // takes it for a no-op. There is an intrinsic, but it is another prefetch unless the
        // whole program is compiled for a processor that is known to have this one.
        unsafe {
            std::arch::asm!(
                "prefetchw [{}]",
                in(reg) address,
                options(nostack, preserves_flags, readonly)
            );
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

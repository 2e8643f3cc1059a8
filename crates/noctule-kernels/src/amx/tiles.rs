//! The tile registers: whether a process may use them, and what shape they have on a thread.
//!
//! Tiles have to be asked for and to be shaped: Linux keeps them from a process until it asks (`arch_prctl`, since
//! Linux 5.16), and every thread starts without shapes. A thread shapes its tiles when it begins a task and gives them up
//! when it ends it, so no thread has to know what another, or another library on the same thread, did with them, and a
//! thread that waits has no 8 KiB of registers that the system must save. Source: Intel 64 and IA-32 Architectures
//! Software Developer's Manual, volume 1, chapter 18; Linux, `Documentation/arch/x86/xstate.rst`.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

/// Rows of a tile.
pub(super) const ROWS: usize = 16;
/// Bytes of a row of a tile.
pub(super) const ROW: usize = 64;

/// How all eight tiles are shaped, as `ldtilecfg` reads it: palette 1, then bytes of a row and rows for each tile.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Accumulators are tiles 0 to 3, rows of activations 4 and 5, columns of weights 6 and 7. `codes` of each row and column
/// are multiplied; with 64 all tiles have the same shape, and 4 to 7 may hold either.
const fn shapes(codes: usize) -> Shapes {
    let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
    let mut tile = 0;
    while tile < 8 {
        row_bytes[tile] = if tile == 4 || tile == 5 { codes as u16 } else { ROW as u16 };
        rows[tile] = if tile < 6 { ROWS as u8 } else { (codes / 4) as u8 };
        tile += 1;
    }
    Shapes { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows }
}

static WHOLE: Shapes = shapes(64);
static HALF: Shapes = shapes(32);

/// Shapes this thread's tiles for products of 64 codes at a time.
///
/// # Safety
/// [`granted`] is true.
pub(crate) unsafe fn begin() {
    // SAFETY: the caller promises that tiles may be used; the operand is 64 bytes that `ldtilecfg` accepts.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const WHOLE, options(nostack, readonly, preserves_flags)) };
}

/// As [`begin`], for products of 32 codes.
///
/// # Safety
/// As for [`begin`].
pub(super) unsafe fn begin_half() {
    // SAFETY: as in `begin`.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const HALF, options(nostack, readonly, preserves_flags)) };
}

/// Gives this thread's tiles up.
///
/// # Safety
/// [`granted`] is true.
pub(crate) unsafe fn end() {
    // SAFETY: the caller promises that tiles may be used.
    unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
}

/// Whether this processor has tiles of 8-bit integers and the system lets this process use them. The system is asked once.
pub(crate) fn granted() -> bool {
    static GRANTED: OnceLock<bool> = OnceLock::new();
    *GRANTED.get_or_init(|| has_tiles() && system_keeps_tiles() && ask())
}

/// CPUID leaf 7: AMX-TILE and AMX-INT8; leaf 1: the system uses XSAVE.
#[allow(
    unused_unsafe,
    reason = "the instruction is safe to ask for since a later Rust than the oldest that builds this"
)]
fn has_tiles() -> bool {
    let (tile, int8, osxsave) = (1 << 24, 1 << 25, 1 << 27);
    // SAFETY: every x86-64 has the instruction.
    unsafe {
        __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & (tile | int8) == tile | int8 && __cpuid(1).ecx & osxsave != 0
    }
}

/// Whether the system saves tiles and their shapes (XCR0, bits 17 and 18) when threads change.
fn system_keeps_tiles() -> bool {
    #[target_feature(enable = "xsave")]
    fn enabled() -> u64 {
        // SAFETY: register 0 exists wherever the instruction does.
        unsafe { _xgetbv(0) }
    }
    let tiles = 3 << 17;
    // SAFETY: `has_tiles` saw OSXSAVE, without which the instruction does not exist.
    unsafe { enabled() & tiles == tiles }
}

/// Asks Linux for the tile data of this process: `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`. It refuses, for
/// one, where a thread's stack for signals has no room for them.
#[cfg(target_os = "linux")]
fn ask() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XFEATURE_XTILEDATA: i64 = 18;
    let result: i64;
    // SAFETY: the call reads and writes none of the process's memory; the system changes rcx and r11 alone.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// No other system is known to grant them.
#[cfg(not(target_os = "linux"))]
fn ask() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shapes of this thread's tiles.
    fn shapes_now() -> Shapes {
        let mut now = shapes(64);
        // SAFETY: the caller saw that tiles may be used; the operand is 64 bytes.
        unsafe { asm!("sttilecfg [{}]", in(reg) &raw mut now, options(nostack, preserves_flags)) };
        now
    }

    #[test]
    fn sessions_leave_nothing_behind() {
        if !granted() {
            eprintln!("skipped: no tiles here");
            return;
        }
        std::thread::spawn(|| {
            assert_eq!(shapes_now().palette, 0);
            // SAFETY: tiles are granted.
            unsafe { begin() };
            assert_eq!((shapes_now().palette, shapes_now().row_bytes[4], shapes_now().rows[6]), (1, 64, 16));
            // SAFETY: as above.
            unsafe { begin_half() };
            assert_eq!((shapes_now().row_bytes[4], shapes_now().rows[6], shapes_now().row_bytes[0]), (32, 8, 64));
            // SAFETY: as above.
            unsafe { end() };
            assert_eq!(shapes_now().palette, 0);
        })
        .join()
        .expect("the thread ends");
    }
}

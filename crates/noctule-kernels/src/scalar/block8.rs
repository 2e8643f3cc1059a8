//! The reference of the integer products of many rows.

use super::Scalar;
use crate::table::{Block8, Int8, Sums};

const MR: usize = 4;
const NR: usize = 8;

pub(crate) const INT8: Int8 =
    Int8 { mr: MR, nr: NR, unit: 1, chunk: usize::MAX, unsigned: false, block, words: None, session: None };

/// Computes a block.
///
/// # Safety
/// All elements that `b` names are valid.
unsafe fn block(b: &Block8) {
    for c in 0..b.columns {
        // SAFETY: passed on to the caller.
        unsafe { columns(&b.panel(c, NR)) };
    }
}

/// One panel of columns.
///
/// # Safety
/// As for [`block`].
#[inline]
unsafe fn columns(b: &Block8) {
    // SAFETY: the caller promises the elements, in the shapes that `Block8` states.
    unsafe {
        for row in 0..b.rows {
            let a = b.a.add(row / MR * b.a_panel + row % MR * b.a_row).cast::<i8>();
            let init = b.init.cast::<[i32; NR]>();
            let mut sums = if init.is_null() { [0; NR] } else { init.read_unaligned() };
            for p in 0..b.k {
                let x = i32::from(*a.add(p));
                let columns = b.b.cast::<[i8; NR]>().add(p).read_unaligned();
                for (sum, y) in sums.iter_mut().zip(columns) {
                    *sum += x * i32::from(y);
                }
            }
            match b.to {
                Sums::Raw { out, stride } => out.add(row * stride).cast::<[i32; NR]>().write_unaligned(sums),
                Sums::Scaled(to) => {
                    let [low, high] = [0, 4].map(|j| std::array::from_fn(|i| sums[i + j] as f32));
                    to.row::<Scalar, 2>(row, [low, high]);
                }
            }
        }
    }
}

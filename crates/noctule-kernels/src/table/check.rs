//! The integer products of every tier beside sums of 64-bit integers.

use super::{Block8, Int8, Scaled, Sums, kernels};
use crate::cpu::Tier;

/// Compares the blocks of words of a tier, where it has them, with sums of 64-bit integers: for the largest sums that
/// [words](crate::generic::words) can have, and for others.
///
/// # Panics
/// When one sum differs.
fn check_words(int8: Int8) {
    let Some(block) = int8.words else { return };
    let _session = int8.begin();
    let Int8 { mr, nr: panel, unit, chunk, .. } = int8;
    let (unit, chunk, nr, panels) = (unit / 2, chunk / 2, 2 * panel, 3);
    let rows = panels * mr;
    for (k, extreme) in [(64, false), (128, false), (256, false), (256, true)] {
        let word = |i: usize| if extreme { 2895 } else { (i * 7301 + i / 7 * 3109) as i32 % 5791 - 2895 };
        let (mut a, mut b) = (vec![0i16; rows * k], vec![0i16; nr * k]);
        for p in 0..k {
            for i in 0..rows {
                a[i / mr * mr * k + p / chunk * mr * chunk + i % mr * chunk + p % chunk] = word(i * k + p) as i16;
            }
            for j in 0..nr {
                let at = j / panel * panel * k + p / unit * panel * unit + j % panel * unit + p % unit;
                b[at] = word(5 * j * k + p) as i16;
            }
        }
        let (row_scale, column_scale) = (vec![1.0; rows], vec![1.0; nr]);
        for add in [false, true] {
            let mut got = vec![f32::from(u8::from(add)); rows * nr];
            let product = Block8 {
                k: 2 * k,
                a: a.as_ptr().cast(),
                a_row: 2 * chunk,
                a_panel: 2 * mr * k,
                panels,
                rows,
                b: b.as_ptr().cast(),
                b_panel: 2 * panel * k,
                columns: 2,
                factors: panel,
                init: std::ptr::null(),
                to: Sums::Scaled(Scaled {
                    row_scale: row_scale.as_ptr(),
                    column_scale: column_scale.as_ptr(),
                    keep: std::ptr::null(),
                    add,
                    out: got.as_mut_ptr(),
                    stride: nr,
                }),
            };
            // SAFETY: the caller checked the tier; the operands have the shapes that are stated.
            unsafe { block(&product) };
            for (at, got) in got.into_iter().enumerate() {
                let (i, j) = (at / nr, at % nr);
                let sum: i64 = (0..k).map(|p| i64::from(word(i * k + p)) * i64::from(word(5 * j * k + p))).sum();
                let sum = i32::try_from(sum).expect("sums of words fit 32 bits");
                // Integers become floats, and 1 is added, with one rounding each.
                let want = if add { sum as f32 + 1.0 } else { sum as f32 };
                assert_eq!(got, want, "k = {k}, row {i}, column {j}");
            }
        }
    }
}

/// Compares the blocks of a tier with sums of 64-bit integers, for extreme and other codes.
///
/// # Panics
/// When one sum differs.
pub(crate) fn check_block8(int8: Int8) {
    let Int8 { mr, nr: panel, unit, .. } = int8;
    let nr = 2 * panel;
    let _session = int8.begin();
    for (k, panels, extreme) in [(32, 2, false), (64, 1, false), (64, 3, true), (256, 2, false), (512, 1, true)] {
        let chunk = int8.chunk.min(k);
        let rows = panels * mr;
        let code = |i: usize, low: i32| match (extreme, i % 3) {
            (true, 0) => low,
            (true, _) => 127,
            (false, _) => (i * 73 + i / 7 * 31) as i32 % 255 - 127,
        };
        let (mut a, mut b) = (vec![0u8; rows * k], vec![0u8; nr * k]);
        let (mut init, mut want) = (vec![0; nr], vec![0i64; rows * nr]);
        for i in 0..rows {
            for p in 0..k {
                let at = i / mr * mr * k + p / chunk * mr * chunk + i % mr * chunk + p % chunk;
                a[at] = (code(i * k + p, -128) + if int8.unsigned { 128 } else { 0 }) as u8;
            }
        }
        for j in 0..nr {
            for p in 0..k {
                let at = j / panel * panel * k + p / unit * panel * unit + j % panel * unit + p % unit;
                b[at] = code(5 * j * k + p, -127) as u8;
            }
            let sum: i32 = (0..k).map(|p| code(5 * j * k + p, -127)).sum();
            init[j] = 1000 * j as i32 - if int8.unsigned { 128 * sum } else { 0 };
            for i in 0..rows {
                let products = (0..k).map(|p| i64::from(code(i * k + p, -128) * code(5 * j * k + p, -127)));
                want[i * nr + j] = 1000 * j as i64 + products.sum::<i64>();
            }
        }
        let mut got = vec![0; rows * (nr + 3)];
        let block = Block8 {
            k,
            a: a.as_ptr(),
            a_row: chunk,
            a_panel: mr * k,
            panels,
            rows,
            b: b.as_ptr(),
            b_panel: panel * k,
            columns: 2,
            factors: panel,
            init: init.as_ptr(),
            to: Sums::Raw { out: got.as_mut_ptr(), stride: nr + 3 },
        };
        let (row_scale, column_scale): (Vec<_>, Vec<_>) =
            ((0..rows).map(|i| 0.5 + i as f32).collect(), (0..nr).map(|j| 2.0 - j as f32).collect());
        let mut scaled = vec![1.0; rows * nr];
        let to = Scaled {
            row_scale: row_scale.as_ptr(),
            column_scale: column_scale.as_ptr(),
            keep: row_scale.as_ptr(),
            add: false,
            out: scaled.as_mut_ptr(),
            stride: nr,
        };
        // SAFETY: the caller checked the tier; the operands have the shapes that are stated.
        unsafe {
            (int8.block)(&block);
            (int8.block)(&Block8 { to: Sums::Scaled(to), ..block });
        }
        let mut from_zero = vec![0; rows * nr];
        let to = Sums::Raw { out: from_zero.as_mut_ptr(), stride: nr };
        // SAFETY: as above.
        unsafe { (int8.block)(&Block8 { init: std::ptr::null(), to, ..block }) };
        for missing in 1..mr {
            let mut part = vec![i32::MIN; rows * nr];
            let to = Sums::Raw { out: part.as_mut_ptr(), stride: nr };
            // SAFETY: as above.
            unsafe { (int8.block)(&Block8 { rows: rows - missing, init: std::ptr::null(), to, ..block }) };
            let wanted = (rows - missing) * nr;
            assert_eq!(part[..wanted], from_zero[..wanted], "k = {k}, without {missing} rows");
        }
        for (i, (&sum, &want)) in from_zero.iter().zip(&want).enumerate() {
            assert_eq!(i64::from(sum) + i64::from(init[i % nr]), want, "k = {k}, sum {i} from zero");
        }
        for i in 0..rows {
            for j in 0..nr {
                let sum = want[i * nr + j];
                assert_eq!(i64::from(got[i * (nr + 3) + j]), sum, "k = {k}, row {i}, column {j}");
                let number = f64::from(row_scale[i]) * (1.0 + sum as f64 * f64::from(column_scale[j]));
                let error = (f64::from(scaled[i * nr + j]) - number).abs();
                assert!(error <= 1e-6 * (1.0 + number.abs()), "k = {k}, row {i}, column {j}: {number}");
            }
        }
    }
}

#[test]
fn integer_blocks_are_exact_on_every_tier() {
    for tier in Tier::available() {
        let int8 = kernels(tier).expect("an available tier").int8;
        check_block8(int8);
        check_words(int8);
    }
}

//! How codes of several rows lie beside each other, as the integer tiles read them.

use crate::buffer::cut;
use crate::generic::math::GROUP;
use crate::table::Int8;

/// Puts one row's codes into its place among `of` interleaved rows.
pub(super) fn scatter(unit: usize, wide: bool, row: &[i8], r: usize, of: usize, to: &mut [u8]) {
    match (unit, wide) {
        (1, true) => scatter_units::<1, 2>(row, r, of, to, |&[a]| i16::from(a).to_ne_bytes()),
        (2, true) => scatter_units::<2, 4>(row, r, of, to, |&[a, b]| {
            (u32::from(i16::from(a) as u16) | u32::from(i16::from(b) as u16) << 16).to_le_bytes()
        }),
        (4, false) => scatter_units::<4, 4>(row, r, of, to, |unit| unit.map(|q| q as u8)),
        (16, false) => scatter_units::<16, 16>(row, r, of, to, |unit| unit.map(|q| q as u8)),
        _ => panic!("no tier interleaves {unit} codes"),
    }
}

/// `UNIT` codes become `BYTES` bytes.
#[inline(always)]
fn scatter_units<const UNIT: usize, const BYTES: usize>(
    row: &[i8],
    r: usize,
    of: usize,
    to: &mut [u8],
    convert: impl Fn(&[i8; UNIT]) -> [u8; BYTES],
) {
    let to = to.as_chunks_mut::<BYTES>().0;
    let units = row.as_chunks::<UNIT>().0;
    assert!(r < of && to.len() >= units.len() * of);
    for (to, unit) in to.chunks_exact_mut(of).zip(units) {
        to[r] = convert(unit);
    }
}

/// How a panel of rounded activations lies in memory.
pub(super) struct Panel {
    mr: usize,
    /// Codes in a row: a multiple of 32.
    pub(super) k: usize,
    /// Bytes of a code.
    pub(super) code_bytes: usize,
    /// Floats of a panel.
    pub(super) len: usize,
    /// Panels of codes for the same rows.
    pub(super) terms: usize,
}

/// The parts of one panel: codes, scales for 32, and for weight groups of 16 and of 32 the scaled
/// sums and the shifts.
pub(super) struct PanelParts<'a> {
    pub(super) codes: &'a [u8],
    pub(super) scales: &'a [f32],
    sums16: &'a [f32],
    sums32: &'a [f32],
    shifts16: &'a [i32],
    shifts32: &'a [i32],
}

pub(super) struct PanelPartsMut<'a> {
    pub(super) codes: &'a mut [u8],
    pub(super) scales: &'a mut [f32],
    sums16: &'a mut [f32],
    sums32: &'a mut [f32],
    shifts16: &'a mut [i32],
    shifts32: &'a mut [i32],
}

impl Panel {
    pub(super) fn new(int8: Int8, cols: usize, terms: usize) -> Self {
        let k = cols.next_multiple_of(GROUP);
        let code_bytes = if int8.wide { 2 } else { 1 };
        let len = int8.mr * (k * code_bytes / 4 + k / 32 + 2 * (k / 16 + k / 32));
        Self { mr: int8.mr, k, code_bytes, len: len.next_multiple_of(16), terms }
    }

    fn lens(&self) -> [usize; 6] {
        let (k, mr) = (self.k, self.mr);
        [mr * k * self.code_bytes / 4, mr * k / 32, mr * k / 16, mr * k / 32, mr * k / 16, mr * k / 32]
    }

    pub(super) fn split<'a>(&self, mut rest: &'a [f32]) -> PanelParts<'a> {
        let [codes, scales, sums16, sums32, shifts16, shifts32] = self.lens().map(|len| {
            let (head, tail) = rest.split_at(len);
            rest = tail;
            head
        });
        // SAFETY: any bytes are codes and integers; the lengths in bytes are the same.
        unsafe {
            PanelParts {
                codes: std::slice::from_raw_parts(codes.as_ptr().cast(), codes.len() * 4),
                scales,
                sums16,
                sums32,
                shifts16: std::slice::from_raw_parts(shifts16.as_ptr().cast(), shifts16.len()),
                shifts32: std::slice::from_raw_parts(shifts32.as_ptr().cast(), shifts32.len()),
            }
        }
    }

    pub(super) fn split_mut<'a>(&self, mut rest: &'a mut [f32]) -> PanelPartsMut<'a> {
        let [codes, scales, sums16, sums32, shifts16, shifts32] = self.lens().map(|len| cut(&mut rest, len));
        // SAFETY: any bytes are codes, integers and floats; the lengths in bytes are the same.
        unsafe {
            PanelPartsMut {
                codes: std::slice::from_raw_parts_mut(codes.as_mut_ptr().cast(), codes.len() * 4),
                scales,
                sums16,
                sums32,
                shifts16: std::slice::from_raw_parts_mut(shifts16.as_mut_ptr().cast(), shifts16.len()),
                shifts32: std::slice::from_raw_parts_mut(shifts32.as_mut_ptr().cast(), shifts32.len()),
            }
        }
    }
}

impl PanelParts<'_> {
    pub(super) fn sums(&self, group: usize) -> &[f32] {
        if group == 16 { self.sums16 } else { self.sums32 }
    }

    pub(super) fn shifts(&self, group: usize) -> &[i32] {
        if group == 16 { self.shifts16 } else { self.shifts32 }
    }
}

impl PanelPartsMut<'_> {
    /// Fills in everything beside the codes of row `r`; `sums` are those of 16 codes.
    pub(super) fn put_scales(&mut self, r: usize, mr: usize, sums: &[i32], scales: &[f32]) {
        for (g, (&[low, high], &scale)) in sums.as_chunks::<2>().0.iter().zip(scales).enumerate() {
            self.scales[g * mr + r] = scale;
            self.sums16[2 * g * mr + r] = scale * low as f32;
            self.sums16[(2 * g + 1) * mr + r] = scale * high as f32;
            self.sums32[g * mr + r] = scale * (low + high) as f32;
            self.shifts16[2 * g * mr + r] = -128 * low;
            self.shifts16[(2 * g + 1) * mr + r] = -128 * high;
            self.shifts32[g * mr + r] = -128 * (low + high);
        }
    }
}

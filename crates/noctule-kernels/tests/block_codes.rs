//! Properties of the integer form, for arbitrary bytes of every type.

use noctule_kernels::block::{GgmlType, group_len, has_min, is_exact_in_i8, unpack_f32, unpack_i8};

/// xorshift64*, enough to vary bytes.
fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
        })
        .collect()
}

/// The integer form of packed weights.
struct Codes {
    q: Vec<i8>,
    scale: Vec<f32>,
    min: Vec<f32>,
}

fn codes(ty: GgmlType, bytes: &[u8], len: usize) -> Codes {
    let groups = len.div_ceil(group_len(ty));
    let mut codes = Codes { q: vec![-128; len], scale: vec![f32::NAN; groups], min: vec![f32::NAN; groups] };
    unpack_i8(ty, bytes, &mut codes.q, &mut codes.scale, &mut codes.min);
    codes
}

fn values(ty: GgmlType, bytes: &[u8], len: usize) -> Vec<f32> {
    let mut out = vec![0.0; len];
    unpack_f32(ty, bytes, &mut out);
    out
}

/// 512 weights of `ty`, or 500 where a row need not be whole groups.
fn row_len(ty: GgmlType) -> usize {
    if ty.block_len() == 1 { 500 } else { 512 }
}

/// Every type with a row of packed bytes: random ones, all clear, all set.
fn rows() -> impl Iterator<Item = (GgmlType, Vec<u8>)> {
    GgmlType::ALL.into_iter().flat_map(|ty| {
        let len = ty.row_bytes(row_len(ty)).expect("whole blocks");
        let random = (0..300).map(move |seed| random_bytes(seed, len));
        let fixed = [vec![0; len], vec![0xff; len], vec![0x80; len]];
        random.chain(fixed).map(move |bytes| (ty, bytes))
    })
}

/// Equal bits, or both not a number.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

#[test]
fn codes_stay_in_range_for_any_bytes() {
    for (ty, bytes) in rows() {
        let Codes { q, min, .. } = codes(ty, &bytes, row_len(ty));
        assert!(q.iter().all(|&q| q >= -127), "{ty}");
        if !has_min(ty) {
            assert!(min.iter().all(|m| m.to_bits() == 0), "{ty}");
        }
    }
}

#[test]
fn exact_types_lose_nothing() {
    for (ty, bytes) in rows().filter(|(ty, _)| is_exact_in_i8(*ty)) {
        let len = row_len(ty);
        let Codes { q, scale, min } = codes(ty, &bytes, len);
        for (i, want) in values(ty, &bytes, len).into_iter().enumerate() {
            let g = i / group_len(ty);
            let product = scale[g] * f32::from(q[i]);
            let got = if has_min(ty) { product + min[g] } else { product };
            assert!(same(got, want), "{ty} weight {i}: {got} instead of {want}");
        }
    }
}

#[test]
fn eight_bit_types_lose_only_the_lowest_code() {
    use GgmlType::{Q8_0, Q8_1, Q8_K};
    let mut lowest = 0;
    for (ty, bytes) in rows().filter(|(ty, _)| matches!(ty, Q8_0 | Q8_1 | Q8_K)) {
        let len = row_len(ty);
        let Codes { q, scale, .. } = codes(ty, &bytes, len);
        for (i, want) in values(ty, &bytes, len).into_iter().enumerate() {
            let scale = scale[i / group_len(ty)];
            let got = scale * f32::from(q[i]);
            let low = scale * -128.0;
            if same(got, want) {
                continue;
            }
            assert!(q[i] == -127 && same(want, low), "{ty} weight {i}: {want}");
            lowest += 1;
        }
    }
    assert!(lowest > 0, "random bytes contain the code -128");
}

#[test]
fn floats_are_within_half_a_step() {
    use GgmlType::{BF16, F16, F32};
    let half_step = 0.5 + 2f64.powi(-14);
    let mut checked = 0;
    for (ty, bytes) in rows().filter(|(ty, _)| matches!(ty, F32 | F16 | BF16)) {
        let len = row_len(ty);
        let Codes { q, scale, .. } = codes(ty, &bytes, len);
        let values = values(ty, &bytes, len);
        for (g, group) in values.chunks(32).enumerate() {
            if group.iter().any(|x| !x.is_finite()) {
                continue;
            }
            let scale = f64::from(scale[g]);
            for (&want, &q) in group.iter().zip(&q[32 * g..]) {
                let error = (f64::from(want) - scale * f64::from(q)).abs();
                let bound = if scale == 0.0 { 2f64.powi(-119) } else { scale * half_step };
                assert!(error <= bound, "{ty}: {want} became {q} of {scale}");
                checked += 1;
            }
        }
    }
    assert!(checked > 10_000, "most groups are finite");
}

#[test]
fn odd_floats_are_defined() {
    let pack = |x: [f32; 32]| x.map(f32::to_le_bytes).concat();
    let group = |x| {
        let codes = codes(GgmlType::F32, &pack(x), 32);
        (codes.q, codes.scale[0])
    };
    assert_eq!(group([0.0; 32]), (vec![0; 32], 0.0));
    assert_eq!(group([1e-40; 32]), (vec![0; 32], 0.0));
    assert_eq!(group([-1e-30; 32]).0, vec![-127; 32]);
    assert_eq!(group([f32::MAX; 32]).0, vec![127; 32]);

    let mut x = [1.0; 32];
    let signalling = f32::from_bits(0x7fa0_0000);
    for nan in [f32::NAN, -f32::NAN, signalling] {
        x[3] = nan;
        let (q, scale) = group(x);
        assert_eq!((q[2], q[3], scale), (127, 0, 1.0 / 127.0));
    }
    x[4] = f32::NEG_INFINITY;
    assert_eq!(group(x).1, f32::INFINITY);
}

#[test]
fn q8_1_multiplies_codes_by_its_scale() {
    let mut block = vec![0u8; 36];
    block[..2].copy_from_slice(&0x3800u16.to_le_bytes());
    block[2..4].copy_from_slice(&[0xff; 2]);
    for (i, byte) in block[4..].iter_mut().enumerate() {
        *byte = (i as i8 - 16) as u8;
    }
    let want: Vec<f32> = (0..32).map(|i| (i as f32 - 16.0) / 2.0).collect();
    assert_eq!(values(GgmlType::Q8_1, &block, 32), want);
}

#[test]
fn group_lengths_divide_blocks() {
    for ty in GgmlType::ALL {
        assert!(matches!(group_len(ty), 16 | 32));
        assert!(ty.block_len() == 1 || ty.block_len() % group_len(ty) == 0);
    }
}

#[test]
#[should_panic(expected = "cannot hold 32 weights of q4_0")]
fn a_short_slice_is_a_programming_error() {
    unpack_f32(GgmlType::Q4_0, &[0; 17], &mut [0.0; 32]);
}

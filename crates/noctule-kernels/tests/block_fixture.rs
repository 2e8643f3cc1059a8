//! Compares the scalar unpackers with values that ggml itself computed, bit for bit.

use noctule_kernels::block::{GgmlType, bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16, unpack_f32};

const FIXTURE: &[u8] = include_bytes!("data/dequant.bin");

/// Reads the fixture front to back; `data/README.md` describes it.
struct Reader(&'static [u8]);

impl Reader {
    fn bytes(&mut self, len: usize) -> &'static [u8] {
        let (head, tail) = self.0.split_at(len);
        self.0 = tail;
        head
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes(4).try_into().expect("four bytes"))
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes(8).try_into().expect("eight bytes"))
    }
}

/// What the fixture says about one type.
struct Case {
    ty: GgmlType,
    packed: &'static [u8],
    values: Vec<u32>,
    more_blocks: usize,
    more_hash: u64,
}

/// Every type, and the reader at the conversions that follow.
fn cases() -> (Vec<Case>, Reader) {
    let mut reader = Reader(FIXTURE);
    assert_eq!(reader.bytes(4), b"NDQ1");
    let count = reader.u32();
    let cases = (0..count)
        .map(|_| {
            let ty = GgmlType::from_id(reader.u32()).expect("a known type");
            let blocks = reader.u32() as usize;
            let packed = reader.bytes(blocks * ty.block_bytes());
            let values = (0..blocks * ty.block_len()).map(|_| reader.u32()).collect();
            Case { ty, packed, values, more_blocks: reader.u32() as usize, more_hash: reader.u64() }
        })
        .collect();
    (cases, reader)
}

/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// 64-bit FNV-1a.
fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Where the highest bytes of a block's float scales lie.
fn scale_tops(ty: GgmlType) -> &'static [usize] {
    use GgmlType::*;
    match ty {
        F32 | Q8_K => &[3],
        Q4_1 | Q5_1 | Q4_K | Q5_K => &[1, 3],
        Q2_K => &[81, 83],
        Q3_K => &[109],
        Q6_K => &[209],
        IQ1_M => &[55],
        TQ1_0 => &[53],
        TQ2_0 => &[65],
        MXFP4 | NVFP4 => &[],
        _ => &[1],
    }
}

#[test]
fn every_weight_type_is_bit_equal_to_ggml() {
    let (cases, _) = cases();
    for case in &cases {
        let ty = case.ty;
        let mut out = vec![f32::NAN; case.values.len()];
        unpack_f32(ty, case.packed, &mut out);
        for (i, (got, &want)) in out.iter().zip(&case.values).enumerate() {
            assert_eq!(got.to_bits(), want, "{ty} weight {i}: {got} instead of {}", f32::from_bits(want));
        }
    }
    let weights = GgmlType::ALL.into_iter().filter(|ty| ty.is_weight());
    for ty in weights {
        assert!(cases.iter().any(|case| case.ty == ty), "{ty} is in the fixture");
    }
}

#[test]
fn many_random_blocks_hash_to_what_ggml_gives() {
    for case in cases().0 {
        let ty = case.ty;
        let mut packed = vec![0; case.more_blocks * ty.block_bytes()];
        SplitMix64(1000 + u64::from(ty.id())).fill(&mut packed);
        for block in packed.chunks_exact_mut(ty.block_bytes()) {
            for &top in scale_tops(ty) {
                block[top] &= 0xbf;
            }
        }
        let mut out = vec![0.0; case.more_blocks * ty.block_len()];
        unpack_f32(ty, &packed, &mut out);
        let got = hash(out.iter().flat_map(|x| x.to_le_bytes()));
        assert_eq!(got, case.more_hash, "{ty}");
    }
}

#[test]
fn half_conversions_are_bit_equal_to_ggml() {
    let mut reader = cases().1;
    let all = (0..=u16::MAX).flat_map(|h| f16_to_f32(h).to_le_bytes());
    assert_eq!(hash(all), reader.u64(), "f16 to f32");

    let mut random = SplitMix64(77);
    let inputs: Vec<f32> = (0..1 << 20).map(|_| f32::from_bits(random.next() as u32)).collect();
    let f16 = inputs.iter().flat_map(|&x| f32_to_f16(x).to_le_bytes());
    assert_eq!(hash(f16), reader.u64(), "f32 to f16");
    let bf16 = inputs.iter().flat_map(|&x| f32_to_bf16(x).to_le_bytes());
    assert_eq!(hash(bf16), reader.u64(), "f32 to bf16");

    assert_eq!(hash(f16_rounding_edges()), reader.u64(), "f16 rounding");
    assert!(reader.0.is_empty(), "the fixture ends here");
}

/// For each finite binary16 and both signs: itself, and the float below, at and above the middle
/// between it and the next one up.
fn f16_rounding_edges() -> impl Iterator<Item = u8> {
    (0..0x7c00u16).flat_map(|h| {
        let low = f16_to_f32(h);
        let high = if h == 0x7bff { 65536.0 } else { f16_to_f32(h + 1) };
        let middle = ((f64::from(low) + f64::from(high)) / 2.0) as f32;
        [low, middle.next_down(), middle, middle.next_up()]
            .into_iter()
            .flat_map(|x| [x, -x])
            .flat_map(|x| f32_to_f16(x).to_le_bytes())
    })
}

#[test]
fn halves_survive_the_way_up_and_down() {
    for h in 0..=u16::MAX {
        if !f16_to_f32(h).is_nan() {
            assert_eq!(f32_to_f16(f16_to_f32(h)), h);
        }
        if !bf16_to_f32(h).is_nan() {
            assert_eq!(f32_to_bf16(bf16_to_f32(h)), h);
        }
    }
}

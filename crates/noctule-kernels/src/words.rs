//! The operations on 16-bit integers that the softmax of integer scores is written in.

/// A vector of 16-bit integers and the operations on it. From [`narrow`](Words::narrow) to [`store`](Words::store) lanes have an
/// order of the tier's own.
///
/// # Safety
/// As for [`Simd`](crate::simd::Simd): every function requires the instructions of the tier and is meant to be
/// inlined into a function that enables them; a load or store touches exactly [`WORDS`](Self::WORDS) elements.
pub(crate) unsafe trait Words: Copy + 'static {
    /// A vector of [`WORDS`](Self::WORDS) integers.
    type W: Copy;
    /// Integers in a vector.
    const WORDS: usize;
    /// Whether four rows are added up in less time together than each by itself.
    const BY_FOURS: bool = false;

    /// The largest of 64 integers.
    unsafe fn largest(from: *const i32) -> i32;
    /// The same of each of four times 64 integers that follow each other.
    #[inline(always)]
    unsafe fn largest_of_four(from: *const i32) -> [i32; 4] {
        // No closure: it would be compiled without the tier's instructions.
        // SAFETY: passed on to the caller.
        unsafe {
            [
                Self::largest(from),
                Self::largest(from.add(64)),
                Self::largest(from.add(128)),
                Self::largest(from.add(192)),
            ]
        }
    }
    /// Integers less `top`, shifted: right by `shift` with rounding where it is positive (half a unit is added first),
    /// left where it is negative; then saturated to 16 bits.
    unsafe fn narrow(from: *const i32, top: i32, shift: i32) -> Self::W;
    /// All lanes `x`.
    unsafe fn splat(x: i16) -> Self::W;
    /// `a + b`, saturated.
    unsafe fn add(a: Self::W, b: Self::W) -> Self::W;
    /// `(a · b + 2¹⁴) >> 15`; not both are −2¹⁵.
    unsafe fn mul(a: Self::W, b: Self::W) -> Self::W;
    /// `x`/2¹⁰ to the nearest integer, half of one upwards; below −15 it may be −15.
    unsafe fn whole(x: Self::W) -> Self::W;
    /// What `x`/2¹⁰ has beyond [`whole`](Self::whole), in parts of 2⁻¹⁶: from −½ up to ½.
    unsafe fn fraction(x: Self::W) -> Self::W;
    /// `a >> −n` for `n` from −15 to 0 and `a` ≥ 0.
    unsafe fn lower(a: Self::W, n: Self::W) -> Self::W;
    /// The low byte of each lane, exclusive-or `flip`, to memory, in the order in which [`narrow`](Words::narrow) read them.
    unsafe fn store(to: *mut u8, w: Self::W, flip: u8);
    /// The same in parts of eight bytes, each `apart` bytes from the one before: for tiers with [`Int8::chunk`] below
    /// [`WORDS`](Self::WORDS).
    ///
    /// [`Int8::chunk`]: crate::table::Int8::chunk
    unsafe fn store_parts(to: *mut u8, apart: usize, w: Self::W, flip: u8) {
        let _ = (to, apart, w, flip);
        unreachable!("a tier whose rows of codes are longer than its vectors");
    }
    /// The sum of all lanes, none of which is negative and which do not exceed 2¹⁵ together.
    unsafe fn total(w: Self::W) -> i32;
    /// The same of four vectors.
    #[inline(always)]
    unsafe fn total_of_four(w: [Self::W; 4]) -> [i32; 4] {
        // SAFETY: passed on to the caller.
        unsafe { [Self::total(w[0]), Self::total(w[1]), Self::total(w[2]), Self::total(w[3])] }
    }
}

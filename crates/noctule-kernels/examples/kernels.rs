//! How fast the kernels are on this machine.
//!
//! `cargo run --release -p noctule-kernels --example kernels -- [threads=N] [tier=NAME]
//! [seconds=N] [FILTER]`
//! prints, for each kernel, shape and tier, the shortest of several runs and the rate: 10⁹
//! multiply-adds per second (GMAC/s) and, for products of few rows, the bytes of weights read per
//! second. FILTER keeps the lines that contain it. The shapes are those of Whisper base. With one
//! thread on Linux the time is what the thread spent on the processor, so that a busy machine
//! disturbs it less.

use noctule_kernels::block::f32_to_f16;
use noctule_kernels::{
    Compute, GgmlType, Input, Keys, Matrix, Operand, Out, Precision, Product, Rows, RowsMut, Tier, Values,
};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Positions and floats of the base encoder.
const T: usize = 1500;
const D: usize = 512;

/// Time that this thread spent on the processor.
#[cfg(target_os = "linux")]
fn thread_time() -> Duration {
    #[repr(C)]
    struct Timespec {
        seconds: std::ffi::c_long,
        nanoseconds: std::ffi::c_long,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: std::ffi::c_int, time: *mut Timespec) -> std::ffi::c_int;
    }
    const CLOCK_THREAD_CPUTIME_ID: std::ffi::c_int = 3;
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the declaration is that of Linux with a C library, and the structure is writable.
    let status = unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(status, 0, "no processor time");
    Duration::new(time.seconds as u64, time.nanoseconds as u32)
}

#[cfg(not(target_os = "linux"))]
fn thread_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The time that `f` takes.
fn timed(threads: usize, f: impl FnOnce()) -> f64 {
    if threads == 1 {
        let start = thread_time();
        f();
        (thread_time() - start).as_secs_f64()
    } else {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64()
    }
}

struct Bench {
    compute: Compute,
    filter: String,
    seconds: f64,
}

impl Bench {
    fn full_name(&self, name: &str) -> String {
        format!("{:7} {:8} {name}", self.compute.tier(), self.compute.precision())
    }

    /// Runs `f` for some time and at least five times, and prints the shortest run.
    fn run(&self, name: &str, macs: usize, bytes: usize, mut f: impl FnMut(&Compute)) {
        let name = self.full_name(name);
        if !name.contains(&self.filter) {
            return;
        }
        let start = Instant::now();
        let mut best = f64::INFINITY;
        let mut runs = 0;
        while runs < 5 || start.elapsed().as_secs_f64() < self.seconds && runs < 5000 {
            best = best.min(timed(self.compute.threads(), || f(&self.compute)));
            runs += 1;
        }
        let rate = macs as f64 / best / 1e9;
        let read = bytes as f64 / best / 1e9;
        println!("{name:48} {:9.3} ms {rate:8.1} GMAC/s {read:7.1} GB/s", best * 1e3);
    }

    fn product(&self, ty: GgmlType, m: usize, k: usize, n: usize) {
        let name = format!("{ty} {m} x {k} x {n}");
        let Some(row) = ty.row_bytes(k) else { return };
        if !self.full_name(&name).contains(&self.filter) {
            return;
        }
        let bytes = weights(ty, row * n);
        let w = Matrix::new(ty, n, k, &bytes).expect("whole rows");
        let data = floats(m * k);
        let x = Rows::new(&data, m, k);
        let mut out = vec![0.0; m * n];
        let mut operand = Operand::default();
        self.run(&name, m * k * n, bytes.len(), |compute| {
            let out = RowsMut::new(&mut out, m, n);
            if m == T {
                compute.load(Input::Rows(x), false, &mut operand);
                compute.multiply(&operand, &mut [Product::new(w, out)]);
            } else {
                compute.linear(x, &mut [Product::new(w, out)]);
            }
        });
        black_box(out);
    }

    fn attentions(&self) {
        let [q, k, v] = [0; 3].map(|_| floats(T * D));
        let [q, k, v] = [&q, &k, &v].map(|x| Rows::new(x, T, D));
        let (mut queries, mut out) = (Operand::default(), Operand::default());
        let (mut keys, mut values) = (Keys::new(8, 64), Values::new(8, 64));
        let compute = &self.compute;
        compute.reserve_queries(&mut queries, T, 8, 64);
        compute.reserve_keys(&mut keys, T);
        compute.reserve_values(&mut values, T);
        compute.store(q, Out::Queries(&mut queries));
        compute.store(k, (&mut keys).into());
        compute.store(v, (&mut values).into());
        self.run("attention, 1500 positions, 8 heads", 2 * T * T * D, 0, |compute| {
            compute.attention(&queries, &keys, &values, false, &mut out);
        });
        compute.reserve_cross_keys(&mut keys, T);
        compute.reserve_cross_values(&mut values, T);
        compute.store(k, (&mut keys).into());
        compute.store(v, (&mut values).into());
        let bytes = (keys.size_bytes() + values.size_bytes()) as usize;
        let x = floats(100 * D);
        for m in [1, 5, 100] {
            let q = Rows::new(&x, m, D);
            let mut result = vec![0.0; m * D];
            self.run(&format!("cross-attention, {m} rows"), 2 * m * T * D, bytes, |compute| {
                compute.attention_cross(q, &keys, &values, RowsMut::new(&mut result, m, D), None);
            });
        }
        let cells: Vec<u32> = (0..100).collect();
        for m in [1, 5] {
            let mut result = vec![0.0; m * D];
            let lists = vec![&cells[..]; m];
            let (k, v) = (vec![f32_to_f16(0.5); 100 * D], vec![f32_to_f16(0.5); 100 * D]);
            self.run(&format!("100 cells, {m} rows"), 2 * m * 100 * D, 0, |compute| {
                let q = Rows::new(&x, m, D);
                compute.attention_cells(q, &lists, &k, &v, 8, RowsMut::new(&mut result, m, D));
            });
        }
    }

    fn rows(&self) {
        let x = floats(T * 4 * D);
        let mut out = x.clone();
        let bytes = x.len() * 8;
        self.run("gelu, 1500 x 2048", 0, bytes, |compute| {
            out.copy_from_slice(&x);
            compute.gelu(&mut out);
        });
        let (weight, bias) = (floats(D), floats(D));
        self.run("layer_norm, 1500 x 512", 0, T * D * 8, |compute| {
            let out = RowsMut::new(&mut out, T, D);
            compute.layer_norm(Rows::new(&x, T, D), &weight, &bias, 1e-5, out);
        });
        self.run("log_softmax, 51865", 0, 51_865 * 8, |compute| {
            compute.log_softmax(&mut out[..51_865]);
        });
        let mut few = [0u64; 16];
        self.run("an empty fork and join", 0, 0, |compute| {
            compute.par_chunks_mut(&mut few, 1, |i, x| x[0] = i as u64);
        });
    }
}

fn floats(len: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Bytes that are moderate numbers as floats and as scales alike.
fn weights(ty: GgmlType, len: usize) -> Vec<u8> {
    let mut state = 1u32;
    (0..len)
        .map(|i| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = i % ty.block_bytes();
            if at % 2 == 1 { 0x20 + (state >> 30) as u8 } else { (state >> 24) as u8 }
        })
        .collect()
}

fn main() {
    let (mut threads, mut tiers, mut filter) = (2, Tier::available(), String::new());
    let mut seconds = 1.0;
    for arg in std::env::args().skip(1) {
        if let Some(n) = arg.strip_prefix("threads=") {
            threads = n.parse().expect("threads=N takes a number");
        } else if let Some(name) = arg.strip_prefix("tier=") {
            tiers = vec![Tier::choose(name).unwrap_or_else(|error| panic!("{error}"))];
        } else if let Some(n) = arg.strip_prefix("seconds=") {
            seconds = n.parse().expect("seconds=N takes a number");
        } else {
            filter = arg;
        }
    }
    use GgmlType::*;
    for tier in tiers {
        for precision in [Precision::Accurate, Precision::Fast] {
            let compute = Compute::new(tier, threads, precision);
            let filter = filter.clone();
            let bench = Bench { compute, filter, seconds };
            for ty in [F16, Q8_0, Q4_0, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL] {
                for (k, n) in [(D, D), (D, 4 * D), (4 * D, D)] {
                    bench.product(ty, T, k, n);
                }
                for m in [1, 5] {
                    bench.product(ty, m, D, D);
                    bench.product(ty, m, D, 51_864);
                }
                bench.product(ty, 200, D, D);
            }
            bench.attentions();
            if precision == Precision::Accurate {
                bench.rows();
            }
        }
    }
}

//! `cargo xtask cycles`: multiply-adds a cycle of each inner kernel on both processors, by llvm-mca.
//!
//! The kernels' crate is compiled as it is released. In its machine code [`KERNELS`] names functions and loops.

use super::listing::{self, Function};
use super::loops::{Loop, loops};
use super::macs::{Unit, loaded, macs};
use super::mca::{self, Unknown};
use super::{PROCESSORS, Processor, table, tools};
use anyhow::{Result, ensure};

/// An inner kernel: a loop of a function.
#[derive(Debug)]
struct Kernel {
    /// Name in the table.
    name: &'static str,
    /// Short name of the processor that runs it.
    processor: &'static str,
    /// End of the function's path.
    function: &'static str,
    /// What it multiplies.
    unit: Unit,
    /// Multiply-adds of one round, which tells loops of one function apart; 0 takes the loop with the most.
    macs: usize,
    /// How often the loops inside it run in one round of it; 0 where it has none.
    inner: usize,
    /// An instruction that the loop has, which tells it from loops over what is left at the end; or nothing.
    with: &'static str,
}

const fn kernel(
    processor: &'static str,
    name: &'static str,
    function: &'static str,
    unit: Unit,
    macs: usize,
    inner: usize,
    with: &'static str,
) -> Kernel {
    Kernel { name, processor, function, unit, macs, inner, with }
}

/// Every inner kernel of the two boards. `cargo xtask cycles --all` lists all loops that multiply, to find a new one's line.
#[rustfmt::skip]
const KERNELS: &[Kernel] = &[
    kernel("a72", "8-bit block", "neon::block8::block", Unit::Int8, 1024, 0, ""),
    kernel("a72", "8-bit block, 64 codes and their scales", "neon::block8::block64", Unit::Int8, 1024, 0, "fmla"),
    kernel("a72", "8-bit block, 256 codes and their scales", "neon::block8::block256", Unit::Int8, 4096, 0, "fmla"),
    kernel("a72", "16-bit block, 256 words and their scales", "neon::block8::words", Unit::Int16, 4096, 7, "fmla"),
    kernel("a72", "few rows, one token", "neon::int8::gemv", Unit::Int16, 32, 0, ""),
    kernel("a72", "few rows, four beams", "neon::int8::gemv", Unit::Int16, 128, 0, ""),
    kernel("a72", "softmax weights of 64 keys", "neon_kernels::weigh", Unit::Int16, 320, 1, ""),
    kernel("a72", "f32 tile", "neon_kernels::tile", Unit::F32, 256, 0, ""),
    kernel("a72", "float rows, one token", "neon_kernels::gemv", Unit::F32, 16, 0, "prfm"),
    kernel("a72", "float rows, five beams", "neon_kernels::gemv", Unit::F32, 40, 0, "prfm"),
    kernel("a72", "cross-attention in floats", "neon_kernels::cross", Unit::F32, 0, 0, ""),
    kernel("a76", "8-bit block", "dotprod::block8::block", Unit::Int8, 1024, 0, ""),
    kernel("a76", "8-bit block, 256 codes, sums as they are", "dotprod::block8::block", Unit::Int8, 16384, 16, ""),
    kernel("a76", "few rows, one token, 16 to a scale", "dotprod::int8::gemv", Unit::Int8, 256, 0, "ld1\t"),
    kernel("a76", "few rows, five beams, 16 to a scale", "dotprod::int8::gemv", Unit::Int8, 1280, 0, ""),
    kernel("a76", "softmax weights of 64 keys", "dotprod_kernels::weigh", Unit::Int16, 320, 1, ""),
    kernel("a76", "f32 tile", "dotprod_kernels::tile", Unit::F32, 256, 0, ""),
    kernel("a76", "float rows, one token", "dotprod_kernels::gemv", Unit::F32, 16, 0, "prfm"),
    kernel("a76", "float rows, five beams", "dotprod_kernels::gemv", Unit::F32, 40, 0, "prfm"),
    kernel("a76", "cross-attention in floats", "dotprod_kernels::cross", Unit::F32, 0, 0, ""),
];

/// Loops of fewer multiply-adds a round are no kernels.
const WORTH_LISTING: usize = 8;

/// What one round of a loop does.
#[derive(Debug, Clone, PartialEq)]
struct Round {
    function: String,
    /// Addresses of its first and its last instruction.
    address: (u64, u64),
    code: Vec<String>,
    /// Multiply-adds of each unit.
    macs: Vec<(Unit, usize)>,
    /// Bytes that it loads.
    loaded: usize,
}

impl Round {
    fn new(function: &Function, found: &Loop, trips: usize) -> Self {
        let trace = found.trace(trips);
        let code: Vec<String> = trace.iter().map(|&i| function.code[i].text.clone()).collect();
        let mut sums: Vec<(Unit, usize)> = Vec::new();
        for (unit, count) in code.iter().filter_map(|text| macs(text)) {
            match sums.iter_mut().find(|(other, _)| *other == unit) {
                Some((_, sum)) => *sum += count,
                None => sums.push((unit, count)),
            }
        }
        let loaded = code.iter().map(|text| loaded(text)).sum();
        let address = (function.code[found.body.start].address, function.code[found.body.end - 1].address);
        Self { function: function.name.clone(), address, code, macs: sums, loaded }
    }

    fn of(&self, unit: Unit) -> usize {
        self.macs.iter().find(|(other, _)| *other == unit).map_or(0, |&(_, count)| count)
    }
}

/// Compiles, models and prints the table, and puts it into docs/KERNELS.md if `write`. `all` lists every loop instead.
pub fn run(all: bool, write: bool) -> Result<()> {
    let (triple, folder) = tools::arm()?.build_package("noctule-kernels")?;
    let functions = listing::parse(&tools::disassemble(&folder.join("libnoctule_kernels.rlib"))?);
    if all {
        return list(&functions);
    }
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    for processor in &PROCESSORS {
        let kernels: Vec<&Kernel> = KERNELS.iter().filter(|kernel| kernel.processor == processor.short).collect();
        for kernel in kernels {
            let found = rounds_of(&functions, kernel);
            match slowest(processor, &found)? {
                Some((round, cycles)) => rows.push(row(processor, kernel, round, cycles)),
                None => missing.push(format!("{} {}: {}", processor.short, kernel.name, kernel.function)),
            }
        }
    }
    let head = [
        "processor",
        "kernel",
        "multiplies",
        "MAC a round",
        "instructions",
        "cycles",
        "MAC/cycle",
        "limit",
        "share",
        "bytes loaded / MAC",
    ];
    let mut text = table(&head, &rows);
    text += &format!(
        "\n`cargo xtask cycles`: {triple}, llvm-mca {}, models {}.\n",
        tools::version(&tools::llvm("mca")?),
        PROCESSORS.each_ref().map(|p| format!("{} for the {}", p.model, p.name)).join(", ")
    );
    print!("{text}");
    if write {
        super::record("cycles", &text)?;
    }
    ensure!(
        missing.is_empty(),
        "no loop fits these lines of KERNELS in xtask/src/arm/cycles.rs; 'cargo xtask cycles --all' lists what there is:\n  {}",
        missing.join("\n  ")
    );
    Ok(())
}

/// The rounds of all loops that a line of the table means.
fn rounds_of(functions: &[Function], kernel: &Kernel) -> Vec<Round> {
    let is_meant = |function: &&Function| {
        function.name == kernel.function || function.name.ends_with(&format!("::{}", kernel.function))
    };
    let mut found: Vec<Round> = Vec::new();
    for function in functions.iter().filter(is_meant) {
        let fits = |found: &Loop| found.inner.is_empty() == (kernel.inner == 0);
        found.extend(
            loops(function).iter().filter(|found| fits(found)).map(|found| Round::new(function, found, kernel.inner)),
        );
    }
    let wanted =
        if kernel.macs > 0 { kernel.macs } else { found.iter().map(|round| round.of(kernel.unit)).max().unwrap_or(0) };
    found.retain(|round| wanted > 0 && round.of(kernel.unit) == wanted);
    // A loop around one that is meant, which multiplies nothing more, is not.
    let meant: Vec<(String, (u64, u64))> = found.iter().map(|round| (round.function.clone(), round.address)).collect();
    found.retain(|round| {
        let inside = |(first, last): (u64, u64)| round.address.0 <= first && last <= round.address.1;
        !meant.iter().any(|(name, at)| *name == round.function && *at != round.address && inside(*at))
    });
    found.retain(|round| kernel.with.is_empty() || round.code.iter().any(|text| text.starts_with(kernel.with)));
    found
}

/// The round that takes longest.
fn slowest<'a>(processor: &Processor, rounds: &'a [Round]) -> Result<Option<(&'a Round, f64)>> {
    let blocks: Vec<Vec<&str>> = rounds.iter().map(|round| round.code.iter().map(String::as_str).collect()).collect();
    let cycles = mca::cycles(processor.model, Unknown::Refuse, &blocks)?;
    Ok(rounds.iter().zip(cycles).max_by(|a, b| a.1.total_cmp(&b.1)))
}

fn row(processor: &Processor, kernel: &Kernel, round: &Round, cycles: f64) -> Vec<String> {
    let macs = round.of(kernel.unit) as f64;
    let (rate, limit) = (macs / cycles, processor.limit(kernel.unit));
    vec![
        processor.name.into(),
        kernel.name.into(),
        kernel.unit.name().into(),
        format!("{macs}"),
        format!("{}", round.code.len()),
        format!("{cycles:.1}"),
        format!("{rate:.2}"),
        format!("{limit}"),
        format!("{:.0} %", 100.0 * rate / limit),
        format!("{:.3}", round.loaded as f64 / macs),
    ]
}

/// Whether a function is of no other tier than that of the processor.
fn runs_on(processor: &Processor, function: &str) -> bool {
    ["scalar", "neon", "dotprod", "i8mm"].iter().all(|&tier| tier == processor.tier || !function.contains(tier))
}

/// Every innermost loop that multiplies, with what it takes on the processors that run it.
fn list(functions: &[Function]) -> Result<()> {
    for processor in &PROCESSORS {
        let belongs = |function: &&Function| runs_on(processor, &function.name);
        let mut rounds = Vec::new();
        for function in functions.iter().filter(belongs) {
            let innermost = loops(function).into_iter().filter(|found| found.inner.is_empty());
            rounds.extend(innermost.map(|found| Round::new(function, &found, 0)));
        }
        rounds.retain(|round| round.macs.iter().any(|&(_, count)| count >= WORTH_LISTING));
        let blocks: Vec<Vec<&str>> =
            rounds.iter().map(|round| round.code.iter().map(String::as_str).collect()).collect();
        let cycles = mca::cycles(processor.model, Unknown::Refuse, &blocks)?;
        for (round, cycles) in rounds.iter().zip(cycles) {
            let rates = round.macs.iter().map(|&(unit, macs)| {
                format!("{macs} {} ({:.2} of {})", unit.name(), macs as f64 / cycles, processor.limit(unit))
            });
            println!(
                "{} {}+{:#x}: {} instructions, {cycles:.1} cycles, {}",
                processor.short,
                round.function,
                round.address.0,
                round.code.len(),
                rates.collect::<Vec<_>>().join(", ")
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
0000000000000000 <x::neon::int8::tile::h6589ddc919a4de00>:
       0:      	ldp	q16, q20, [x14], #0x20
       4:      	smull	v0.8h, v5.8b, v16.8b
       8:      	smlal2	v0.8h, v5.16b, v16.16b
       c:      	sadalp	v1.4s, v0.8h
      10:      	b.ne	0x4 <x::neon::int8::tile::h6589ddc919a4de00+0x4>
      14:      	fmla	v2.4s, v1.4s, v3.4s
      18:      	b.ne	0x0 <x::neon::int8::tile::h6589ddc919a4de00>
      1c:      	fmla	v2.4s, v1.4s, v3.4s
      20:      	b.ne	0x1c <x::neon::int8::tile::h6589ddc919a4de00+0x1c>
";

    fn macs_of(kernel: &Kernel) -> Vec<(usize, usize)> {
        let functions = listing::parse(TEXT);
        rounds_of(&functions, kernel).iter().map(|round| (round.of(kernel.unit), round.code.len())).collect()
    }

    #[test]
    fn a_line_finds_its_loop() {
        let line = |unit, macs, inner| kernel("a72", "tile", "neon::int8::tile", unit, macs, inner, "");
        assert_eq!(macs_of(&line(Unit::Int8, 0, 0)), [(16, 4)]);
        assert_eq!(macs_of(&line(Unit::Int8, 0, 4)), [(64, 19)], "scales once, products four times");
        assert_eq!(macs_of(&line(Unit::F32, 0, 4)), [(4, 19)]);
        assert_eq!(macs_of(&line(Unit::F32, 4, 0)), [(4, 2)]);
        assert_eq!(macs_of(&line(Unit::Int8, 512, 0)), []);
        assert_eq!(macs_of(&Kernel { with: "sadalp", ..line(Unit::Int8, 0, 0) }), [(16, 4)]);
        assert_eq!(macs_of(&Kernel { with: "prfm", ..line(Unit::Int8, 0, 0) }), []);
        assert_eq!(macs_of(&kernel("a72", "tile", "int4::tile", Unit::Int8, 0, 0, "")), []);
        assert_eq!(macs_of(&kernel("a72", "tile", "t8::tile", Unit::Int8, 0, 0, "")), [], "whole names of a path only");
    }

    #[test]
    fn a_loop_around_the_one_that_is_meant_is_left_out() {
        let text = "
0000000000000000 <x::weigh::h6589ddc919a4de00>:
       0:      	nop
       4:      	nop
       8:      	smull	v0.8h, v5.8b, v16.8b
       c:      	b.ne	0x8 <x::weigh::h6589ddc919a4de00+0x8>
      10:      	b.ne	0x4 <x::weigh::h6589ddc919a4de00+0x4>
      14:      	b.ne	0x0 <x::weigh::h6589ddc919a4de00>
";
        let found = rounds_of(&listing::parse(text), &kernel("a72", "x", "weigh", Unit::Int8, 8, 1, ""));
        assert_eq!(found.iter().map(|round| (round.address, round.code.len())).collect::<Vec<_>>(), [((4, 0x10), 4)]);
    }

    #[test]
    fn processors_run_their_own_tier() {
        let [a72, a76] = &PROCESSORS;
        for (function, on_a72, on_a76) in [
            ("x::neon::block8::block", true, false),
            ("x::table::neon_kernels::weigh", true, false),
            ("x::dotprod::int8::gemv", false, true),
            ("x::i8mm::block8::block", false, false),
            ("x::scalar::int8::gemv", false, false),
            ("x::compute::rounded::halve", true, true),
        ] {
            assert_eq!((runs_on(a72, function), runs_on(a76, function)), (on_a72, on_a76), "{function}");
        }
    }

    #[test]
    fn rows_tell_rate_and_share() {
        let functions = listing::parse(TEXT);
        let kernel = kernel("a72", "tile", "neon::int8::tile", Unit::Int8, 0, 4, "");
        let round = &rounds_of(&functions, &kernel)[0];
        let row = row(&PROCESSORS[0], &kernel, round, 16.0);
        assert_eq!(row[3..], ["64", "19", "16.0", "4.00", "8", "50 %", "0.500"]);
    }

    #[test]
    fn every_line_names_a_processor_and_no_line_twice() {
        for (i, kernel) in KERNELS.iter().enumerate() {
            assert!(PROCESSORS.iter().any(|processor| processor.short == kernel.processor), "{kernel:?}");
            let same = |other: &Kernel| (other.processor, other.name) == (kernel.processor, kernel.name);
            assert!(!KERNELS[i + 1..].iter().any(same), "{kernel:?}");
        }
    }
}

//! From a profile to seconds on the board. docs/KERNELS.md explains the model and lists what it does not see.

use super::listing::Function;
use super::mca::{self, Unknown};
use super::profile::{Block, CACHES, Profile};
use super::{Processor, macs};
use anyhow::Result;
use std::collections::HashMap;

/// Share of the instructions whose blocks are modelled one by one; the rest take the mean of these.
const MODELLED: f64 = 0.995;
/// The longest block that is modelled as one.
const LONGEST: usize = 2000;
/// Bytes of a cache line.
const LINE: f64 = 64.0;
/// What four threads reach of four times one: parts of unequal length, waiting for each other, the system's own work.
const EFFICIENCY: f64 = 0.9;
/// Paths of functions whose work is split over all cores, ggml's too; everything else is taken to run on one.
const PARALLEL: [&str; 5] = ["noctule_kernels::", "noctule::mel", "rustfft", "realfft", "ggml_"];

/// Ends of the paths of two functions that take turns at a few rows of weights. The first asks for the bytes that the second
/// reads next, by instructions that the simulated caches do not see, so memory works while either of them computes.
const IN_TURN: (&str, &str) = ("::int8::gemv", "::unpack::unpack_i8");

/// What the functions of one path cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Path of the function.
    pub function: String,
    /// Executed instructions.
    pub instructions: f64,
    /// Multiply-adds of vectors.
    pub macs: f64,
    /// Cycles of one core, all data in the nearest cache.
    pub cycles: f64,
    /// Lines of 64 bytes that missed; see [`CACHES`].
    pub lines: [f64; CACHES],
}

/// Seconds on the board: with the best memory and a last cache that threads share as if they used the same data, and
/// with the worst and a quarter of that cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seconds {
    /// Best case.
    pub best: f64,
    /// Worst case.
    pub worst: f64,
}

/// Costs by function, the most cycles first.
pub fn costs(profile: &Profile, functions: &[Function], processor: &Processor) -> Result<Vec<Cost>> {
    let blocks = profile.joined().blocks;
    let map = Map::new(functions);
    let mut order: Vec<&Block> = blocks.iter().collect();
    let work = |block: &Block| block.instructions * block.runs;
    order.sort_by_key(|block| std::cmp::Reverse(work(block)));
    let total = profile.instructions() as f64;
    let mut modelled: Vec<(&Block, Vec<&str>)> = Vec::new();
    let mut covered = 0.0;
    for block in order {
        if covered >= MODELLED * total {
            break;
        }
        covered += work(block) as f64;
        let code = map.code(block);
        if !code.is_empty() && code.len() <= LONGEST {
            modelled.push((block, code));
        }
    }
    let code: Vec<Vec<&str>> = modelled.iter().map(|(_, code)| code.clone()).collect();
    let found = mca::cycles(processor.model, Unknown::Skip, &code)?;
    let known: HashMap<(u64, u64), f64> =
        modelled.iter().zip(found).map(|((block, _), cycles)| ((block.address, block.instructions), cycles)).collect();
    let (mut cycles, mut instructions) = (0.0, 0.0);
    for (block, _) in &modelled {
        cycles += block.runs as f64 * known[&(block.address, block.instructions)];
        instructions += work(block) as f64;
    }
    let mean = if instructions > 0.0 { cycles / instructions } else { 1.0 };
    let mut sums: HashMap<&str, Cost> = HashMap::new();
    for block in &blocks {
        let function = map.name(block.address);
        let empty =
            || Cost { function: function.into(), instructions: 0.0, macs: 0.0, cycles: 0.0, lines: [0.0; CACHES] };
        let sum = sums.entry(function).or_insert_with(empty);
        let runs = block.runs as f64;
        sum.instructions += work(block) as f64;
        sum.macs +=
            runs * map.code(block).iter().filter_map(|text| macs::macs(text)).map(|(_, n)| n as f64).sum::<f64>();
        let cycles = known.get(&(block.address, block.instructions)).copied();
        sum.cycles += runs * cycles.unwrap_or(mean * block.instructions as f64);
        sum.lines.iter_mut().zip(block.lines).for_each(|(sum, lines)| *sum += lines as f64);
    }
    let mut costs = in_turn(sums.into_values().collect());
    costs.sort_by(|a, b| b.cycles.total_cmp(&a.cycles).then_with(|| a.function.cmp(&b.function)));
    Ok(costs)
}

/// The two functions of [`IN_TURN`] as one, where both ran.
fn in_turn(mut costs: Vec<Cost>) -> Vec<Cost> {
    let find = |costs: &[Cost], end| costs.iter().position(|cost| cost.function.ends_with(end));
    if let (Some(_), Some(reading)) = (find(&costs, IN_TURN.0), find(&costs, IN_TURN.1)) {
        let reading = costs.swap_remove(reading);
        let asking = find(&costs, IN_TURN.0).expect("the other one is left");
        let both = &mut costs[asking];
        both.function = format!("{}, {}", both.function, reading.function);
        both.instructions += reading.instructions;
        both.macs += reading.macs;
        both.cycles += reading.cycles;
        both.lines.iter_mut().zip(reading.lines).for_each(|(sum, lines)| *sum += lines);
    }
    costs
}

impl Cost {
    /// Seconds of these functions: what takes longest of computing, the second level and memory, which overlap.
    pub fn seconds(&self, processor: &Processor) -> Seconds {
        let parallel = PARALLEL.iter().any(|path| self.function.contains(path));
        let cores = if parallel { EFFICIENCY * processor.cores } else { 1.0 };
        let hertz = processor.clock * 1e9;
        let computing = self.cycles / (cores * hertz);
        let near = LINE * self.lines[0] / (processor.l2_bytes * cores * hertz);
        let memory = |lines: f64, rate: f64| LINE * lines / (rate * 1e9);
        let (worst, best) = processor.memory;
        let longest = |memory: f64| computing.max(near).max(memory);
        Seconds { best: longest(memory(self.lines[2], best)), worst: longest(memory(self.lines[3], worst)) }
    }
}

/// The sum of all.
pub fn total(costs: &[Cost], processor: &Processor) -> Seconds {
    costs.iter().map(|cost| cost.seconds(processor)).fold(Seconds { best: 0.0, worst: 0.0 }, |sum, one| Seconds {
        best: sum.best + one.best,
        worst: sum.worst + one.worst,
    })
}

/// Functions by address.
struct Map<'a> {
    /// Address of the first instruction and index, in order.
    starts: Vec<(u64, usize)>,
    functions: &'a [Function],
}

impl<'a> Map<'a> {
    fn new(functions: &'a [Function]) -> Self {
        let start = |(i, function): (usize, &Function)| Some((function.code.first()?.address, i));
        let mut starts: Vec<(u64, usize)> = functions.iter().enumerate().filter_map(start).collect();
        starts.sort_unstable();
        Self { starts, functions }
    }

    fn at(&self, address: u64) -> Option<&'a Function> {
        let after = self.starts.partition_point(|&(start, _)| start <= address);
        Some(&self.functions[self.starts[after.checked_sub(1)?].1])
    }

    fn name(&self, address: u64) -> &'a str {
        self.at(address).map_or("unknown", |function| &function.name)
    }

    /// The instructions of a block; none where they are not in the program's file.
    fn code(&self, block: &Block) -> Vec<&'a str> {
        let Some(function) = self.at(block.address) else { return Vec::new() };
        let index = function.code.binary_search_by_key(&block.address, |instruction| instruction.address);
        let Ok(index) = index else { return Vec::new() };
        let code = function.code.get(index..index + block.instructions as usize).unwrap_or_default();
        code.iter().map(|instruction| instruction.text.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::{PROCESSORS, listing, tools};

    const TEXT: &str = "
0000000000000000 <noctule_kernels::neon::tile::h6589ddc919a4de00>:
       0:      	fmla	v0.4s, v30.4s, v31.4s
       4:      	fmla	v1.4s, v30.4s, v31.4s
       8:      	fmla	v2.4s, v30.4s, v31.4s
       c:      	fmla	v3.4s, v30.4s, v31.4s
      10:      	fmla	v4.4s, v30.4s, v31.4s
      14:      	fmla	v5.4s, v30.4s, v31.4s
      18:      	fmla	v6.4s, v30.4s, v31.4s
      1c:      	fmla	v7.4s, v30.4s, v31.4s
      20:      	b.ne	0x0 <noctule_kernels::neon::tile::h6589ddc919a4de00>
0000000000000040 <main>:
      40:      	nop
      44:      	ret
";

    fn block(address: u64, instructions: u64, runs: u64) -> Block {
        Block { address, instructions, runs, lines: [0; CACHES] }
    }

    #[test]
    fn blocks_find_their_functions() {
        let functions = listing::parse(TEXT);
        let map = Map::new(&functions);
        assert_eq!(map.name(0x40), "main");
        assert_eq!(map.name(0x1c), "noctule_kernels::neon::tile");
        assert_eq!(map.code(&block(0x1c, 2, 1)), ["fmla\tv7.4s, v30.4s, v31.4s", "b.ne\t0x0"]);
        assert!(map.code(&block(0x1c, 3, 1)).is_empty(), "no function is that long");
        assert!(map.code(&block(0x1d, 1, 1)).is_empty());
        assert_eq!(Map::new(&[]).name(0), "unknown");
    }

    #[test]
    fn a_multiplying_loop_costs_what_the_processor_allows() {
        if tools::llvm("mca").is_err() {
            eprintln!("skipped: there is no llvm-mca");
            return;
        }
        let profile = Profile { blocks: vec![block(0, 9, 1_000_000), block(0x40, 2, 1)] };
        let costs = costs(&profile, &listing::parse(TEXT), &PROCESSORS[0]).unwrap();
        assert_eq!(costs[0].function, "noctule_kernels::neon::tile");
        assert_eq!((costs[0].instructions, costs[0].macs), (9e6, 32e6));
        // Four accumulating additions in a row need longer than the pipes do.
        assert!((8e6..12e6).contains(&costs[0].cycles), "{costs:?}");
        assert_eq!(costs[1].instructions, 2.0);
    }

    #[test]
    fn functions_that_take_turns_are_one() {
        let cost = |function: &str, cycles: f64, lines: f64| {
            let function = function.into();
            Cost { function, instructions: cycles, macs: 0.0, cycles, lines: [lines; CACHES] }
        };
        let gemv = || cost("noctule_kernels::neon::int8::gemv", 3.0, 1.0);
        let unpack = || cost("noctule_kernels::neon::unpack::unpack_i8", 1.0, 4.0);
        let joined = in_turn(vec![unpack(), cost("main", 1.0, 0.0), gemv()]);
        let names = "noctule_kernels::neon::int8::gemv, noctule_kernels::neon::unpack::unpack_i8";
        assert!(joined.contains(&cost(names, 4.0, 5.0)), "{joined:?}");
        assert_eq!(joined.len(), 2);
        assert_eq!(in_turn(vec![unpack()]), [unpack()]);
        assert_eq!(in_turn(vec![gemv()]), [gemv()]);
    }

    #[test]
    fn the_slowest_of_computing_and_memory_counts() {
        let pi4 = &PROCESSORS[0];
        let cost = |function: &str, cycles: f64, lines: [f64; CACHES]| {
            Cost { function: function.into(), instructions: 0.0, macs: 0.0, cycles, lines }.seconds(pi4)
        };
        let seconds = cost("main", 1.5e9, [0.0; CACHES]);
        assert_eq!((seconds.best, seconds.worst), (1.0, 1.0));
        let seconds = cost("noctule_kernels::x", 1.5e9 * 3.6, [0.0; CACHES]);
        assert!((seconds.best - 1.0).abs() < 1e-9, "{seconds:?}");
        let seconds = cost("main", 1.5e9, [0.0, 0.0, 10e9 / 64.0, 20e9 / 64.0]);
        assert_eq!((seconds.best, seconds.worst), (2.0, 5.0));
        let seconds = cost("main", 1.5e9, [24e9 / 64.0, 0.0, 0.0, 0.0]);
        assert_eq!((seconds.best, seconds.worst), (2.0, 2.0));
        let costs = [1.0, 2.0].map(|seconds| Cost {
            function: "main".into(),
            instructions: 0.0,
            macs: 0.0,
            cycles: seconds * 1.5e9,
            lines: [0.0; CACHES],
        });
        assert_eq!(total(&costs, pi4), Seconds { best: 3.0, worst: 3.0 });
    }
}

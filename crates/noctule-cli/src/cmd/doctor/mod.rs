//! `noctule doctor`: what this board is, what it can do, which models fit, and what stands in its way.

mod findings;
mod kernels;
mod models;
mod tune;

use super::eval::{print, print_json, root, speed};
use crate::args::DoctorArgs;
use crate::failure::Failure;
use crate::store::{Store, space};
use findings::Finding;
use kernels::Kernel;
use models::Fit;
use noctule::Tier;
use noctule_eval::board::{Board, Drive, Heat, Memory, Root, Throttle, drive_of};
use noctule_eval::plan::{Speed, size};
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// Everything that is told.
#[derive(Debug, Serialize)]
struct Diagnosis {
    board: Board,
    /// Instruction tier of the kernels, and the others that would run.
    tier: &'static str,
    tiers: Vec<&'static str>,
    speed: Speed,
    kernels: Vec<Kernel>,
    memory: Option<Memory>,
    /// Clock, MHz, and temperature, °C.
    mhz: Option<f64>,
    celsius: Option<f64>,
    /// The firmware's word of throttling bits: 0 to 3 tell of now, 16 to 19 of any time since the start.
    throttled: Option<u32>,
    /// Load average of a minute.
    load: Option<f64>,
    store: Option<Shelf>,
    models: Vec<Fit>,
    findings: Vec<Finding>,
}

/// Where models lie.
#[derive(Debug, Serialize)]
struct Shelf {
    folder: PathBuf,
    drive: Drive,
    free_bytes: Option<u64>,
}

/// Looks and tells.
///
/// # Errors
/// [`Failure::Usage`] for a tier in `NOCTULE_CPU` that is not there.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    if args.tune {
        return tune::run(args);
    }
    let diagnosis = look()?;
    match args.json {
        true => print_json(&diagnosis),
        false => print(&diagnosis.told()),
    }
}

fn look() -> Result<Diagnosis, Failure> {
    let root = root();
    let tier = Tier::detect().map_err(Failure::usage)?;
    let heat = Heat::find(&root);
    let (speed, memory) = (speed(), Memory::now(&root));
    let store = Store::open().ok().map(|store| {
        let folder = store.root().to_path_buf();
        Shelf { drive: drive_of(&root, &folder), free_bytes: folder.ancestors().find_map(space::free), folder }
    });
    let mut diagnosis = Diagnosis {
        board: Board::look(&root),
        tier: tier.name(),
        tiers: Tier::available().into_iter().map(Tier::name).collect(),
        speed,
        kernels: kernels::measure(tier),
        memory,
        mhz: heat.measured_megahertz().or_else(|| heat.megahertz()),
        celsius: heat.celsius(),
        throttled: Throttle::find(&root).word(),
        load: load(&root),
        store,
        models: models::fits(&speed, memory.map(|memory| memory.available_bytes)),
        findings: Vec::new(),
    };
    diagnosis.findings = findings::find(&diagnosis);
    Ok(diagnosis)
}

/// Load average of a minute.
fn load(root: &Root) -> Option<f64> {
    root.read("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok())
}

impl Diagnosis {
    /// For people.
    fn told(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:10} {value}");
        };
        let board = &self.board;
        line("board", format!("{}, {} cores ({})", board.name(), board.cores, board.cpu));
        line("system", format!("{}, Linux {}, {}", board.os, board.kernel, board.arch));
        let others: Vec<&str> = self.tiers.iter().copied().filter(|tier| *tier != self.tier).collect();
        line("kernels", format!("{} (NOCTULE_CPU can choose {})", self.tier, others.join(", ")));
        let (giga, speed) = (|value: f64| format!("{:.1}", value / 1e9), &self.speed);
        line(
            "speed",
            format!(
                "{} billion multiply-adds and {} GB of weights a second with one thread; {:.1} times that with {}",
                giga(speed.macs),
                giga(speed.bytes),
                speed.scaling,
                speed.cores
            ),
        );
        if let Some(memory) = self.memory {
            line("memory", format!("{} of {} available", size(memory.available_bytes), size(memory.total_bytes)));
        }
        for swap in &board.swap {
            line(
                "swap",
                format!(
                    "{} of {} used, on {} ({})",
                    size(swap.used_bytes),
                    size(swap.size_bytes),
                    swap.path,
                    swap.drive.name()
                ),
            );
        }
        let clock = [
            self.mhz.map(|mhz| format!("{mhz:.0} MHz")),
            board.max_mhz.map(|mhz| format!("{mhz:.0} MHz at most")),
            board.governor.as_ref().map(|governor| format!("governor {governor}")),
        ];
        let clock: Vec<String> = clock.into_iter().flatten().collect();
        line("clock", if clock.is_empty() { "this machine does not tell".into() } else { clock.join(", ") });
        line("heat", self.celsius.map_or("this machine does not tell".into(), |celsius| format!("{celsius:.0} °C")));
        if let Some(store) = &self.store {
            let free = store.free_bytes.map_or("unknown".into(), size);
            line("models", format!("{}: {free} free ({})", store.folder.display(), store.drive.name()));
        }
        text += "\n";
        text += &kernels::table(self.tier.parse().unwrap_or(Tier::Scalar), &self.kernels);
        text += "\n";
        text += &models::table(&self.models);
        for finding in &self.findings {
            let _ = write!(text, "\n! {}\n", finding.what);
            finding.command.iter().for_each(|command| {
                let _ = writeln!(text, "  {command}");
            });
        }
        if self.findings.is_empty() {
            text += "\nNothing stands in the way.\n";
        }
        text
    }
}

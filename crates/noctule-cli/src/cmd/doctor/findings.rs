//! What stands in the way, each with the command that helps.

use super::Diagnosis;
use noctule_eval::board::{Drive, Swap, describe_throttle};
use noctule_eval::plan::size;
use serde::Serialize;

/// Something that costs time, memory or trust.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A short name that stays.
    pub id: &'static str,
    /// What is so, and what it costs.
    pub what: String,
    /// What to type, where typing helps.
    pub command: Option<String>,
}

/// Bits of the firmware's word that tell of now.
const NOW: u32 = 15;
/// Processors start to throttle at 80 °C on Raspberry Pis.
const HOT: f64 = 75.0;
/// Room for a small model.
const LITTLE_SPACE: u64 = 500_000_000;

/// Everything that is found, the worst first.
pub fn find(of: &Diagnosis) -> Vec<Finding> {
    let found = [power(of), heat(of), governor(of), load(of), tier(of), swap(of), space(of), firmware(of)];
    found.into_iter().flatten().collect()
}

fn power(of: &Diagnosis) -> Option<Finding> {
    let word = of.throttled.filter(|word| word & NOW != 0 || (word >> 16) & NOW != 0)?;
    let (when, bits) = match word & NOW {
        0 => ("Since it was started this board was", word >> 16),
        now => ("This board is", now),
    };
    let what = format!(
        "{when} not at its best: {}. A supply that holds its voltage (27 W for a Raspberry Pi 5, 15 W for a 4) helps \
         against the first, a fan against heat; times that are measured now are too long.",
        describe_throttle(bits & NOW).join(", ")
    );
    Some(Finding { id: "throttled", what, command: Some("vcgencmd get_throttled".into()) })
}

fn heat(of: &Diagnosis) -> Option<Finding> {
    let celsius = of.celsius.filter(|celsius| *celsius >= HOT)?;
    let what = format!(
        "It is {celsius:.0} °C hot; from 80 °C on a Raspberry Pi lowers its clock. A fan or a larger heat sink helps."
    );
    Some(Finding { id: "hot", what, command: None })
}

fn governor(of: &Diagnosis) -> Option<Finding> {
    let governor = of.board.governor.as_deref().filter(|governor| !["performance", "schedutil"].contains(governor))?;
    let what = format!(
        "The clock is set by the governor '{governor}', which takes a while to speed up: short recordings pay for it."
    );
    let command = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor";
    Some(Finding { id: "governor", what, command: Some(command.into()) })
}

fn load(of: &Diagnosis) -> Option<Finding> {
    let what = busy(of.load, of.board.cores)?;
    Some(Finding { id: "busy", what, command: Some("top".into()) })
}

/// Says that other programs are running, if they want half of the processors.
pub fn busy(load: Option<f64>, cores: usize) -> Option<String> {
    let load = load.filter(|load| *load > 0.5 * cores as f64)?;
    Some(format!("Other programs are running: {load:.1} on average want a processor, and there are {cores}."))
}

fn tier(of: &Diagnosis) -> Option<Finding> {
    let best = of.tiers.last().filter(|best| **best != of.tier)?;
    let chosen = std::env::var("NOCTULE_CPU").ok()?;
    let what = format!("NOCTULE_CPU={chosen} keeps the kernels at '{}', and this processor can do '{best}'.", of.tier);
    Some(Finding { id: "tier", what, command: Some("unset NOCTULE_CPU".into()) })
}

fn swap(of: &Diagnosis) -> Option<Finding> {
    let card = |swap: &&Swap| swap.drive == Drive::Card;
    let swap = of.board.swap.iter().find(card)?;
    let what = format!(
        "Swap lies on a microSD card ({}): a model that does not fit the memory takes minutes for seconds and wears the card. \
         Compressed memory (zram) is better.",
        swap.path
    );
    Some(Finding {
        id: "card_swap",
        what,
        command: Some(format!("sudo swapoff {} && sudo apt install zram-tools", swap.path)),
    })
}

fn space(of: &Diagnosis) -> Option<Finding> {
    let store = of.store.as_ref()?;
    let free = store.free_bytes.filter(|free| *free < LITTLE_SPACE)?;
    let what =
        format!("Only {} are free in {}: a model of the size of small needs more.", size(free), store.folder.display());
    Some(Finding { id: "little_space", what, command: Some("noctule models list".into()) })
}

fn firmware(of: &Diagnosis) -> Option<Finding> {
    let is_pi = of.board.model.as_deref().is_some_and(|model| model.contains("Raspberry Pi"));
    if !is_pi || of.throttled.is_some() {
        return None;
    }
    let what = "The firmware does not tell whether it throttles: without it, slow runs cannot be told from hot ones."
        .to_owned();
    Some(Finding { id: "no_firmware", what, command: Some("sudo apt install raspi-utils".into()) })
}

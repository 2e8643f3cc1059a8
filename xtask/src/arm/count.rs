//! `cargo xtask count`: executed instructions of fixed jobs under emulation, and seconds predicted from them.
//!
//! Runs are kept in a folder under the digest of the program, so that a second call only renders tables.

use super::jobs::Job;
use super::predict::{self, Cost, Seconds};
use super::profile::{Emulator, Profile};
use super::{PROCESSORS, Processor, listing, table, tools};
use crate::target::target_folder;
use anyhow::{Result, ensure};
use clap::Args;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Functions of a profile that are printed.
const TOP: usize = 12;

/// Arguments of `count`.
#[derive(Debug, Args)]
pub struct CountArgs {
    /// Models whose encoder and language detection are counted: one ggml file for each type.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    model: Vec<PathBuf>,
    /// Models for which a whole clip is run with simulated caches, and its seconds on the boards predicted.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    predict: Vec<PathBuf>,
    /// Only these of the jobs that are counted.
    #[arg(long, value_enum, value_delimiter = ',')]
    jobs: Vec<Job>,
    /// The clip.
    #[arg(long, value_name = "AUDIO", default_value = CLIP)]
    clip: PathBuf,
    /// Only these processors: a72, a76.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    processor: Vec<String>,
    /// Seconds that one run may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    timeout: u64,
    /// Only print: leave docs/KERNELS.md and bench/predicted.csv alone.
    #[arg(long)]
    dry_run: bool,
}

/// A clip of this repository with one window and no fewer tokens than JFK's sentence (11 s, 27 tokens), which everybody
/// measures.
const CLIP: &str = "testdata/speech/ls-1995-1837-0001.flac";

/// Arguments of `profile`.
#[derive(Debug, Args)]
pub struct ProfileArgs {
    /// A static program for 64-bit ARM [default: noctule as it is released].
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Processor: a72 or a76.
    #[arg(long, value_name = "NAME", default_value = "a72")]
    processor: String,
    /// Seconds that the run may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    timeout: u64,
    /// Simulate the caches, which takes longer.
    #[arg(long)]
    caches: bool,
    /// What the program is told; one thread.
    #[arg(value_name = "ARGUMENT", last = true)]
    arguments: Vec<String>,
}

/// What came of a job: its profile, or why there is none.
type Outcome = Result<Profile, String>;

/// Runs what has not been run, prints the tables and records them.
pub fn run(args: &CountArgs) -> Result<()> {
    ensure!(!args.model.is_empty() || !args.predict.is_empty(), "nothing to count: --model FILE or --predict FILE");
    let processors = chosen(&args.processor)?;
    let (_, program) = tools::arm()?.build()?;
    let emulator = Emulator::new(&program, &folder(), Duration::from_secs(args.timeout))?;
    let clip = crate::root().join(&args.clip);
    ensure!(clip.is_file(), "there is no {}", clip.display());
    if !args.model.is_empty() {
        let text = counts(&emulator, &processors, &args.model, &args.jobs, &clip);
        print!("{text}");
        if !args.dry_run {
            super::record("count", &text)?;
        }
    }
    if !args.predict.is_empty() {
        let (text, csv) = predictions(&emulator, &program, &processors, &args.predict, &clip)?;
        print!("{text}");
        if !args.dry_run {
            super::record("predict", &text)?;
            std::fs::write(crate::root().join("bench/predicted.csv"), csv)?;
        }
    }
    Ok(())
}

fn folder() -> PathBuf {
    target_folder().join("count")
}

fn chosen(names: &[String]) -> Result<Vec<&'static Processor>> {
    let known = |name: &String| PROCESSORS.iter().any(|processor| processor.short == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        anyhow::bail!("no processor is called {unknown}: use a72 or a76");
    }
    let wanted = |processor: &&Processor| names.is_empty() || names.iter().any(|name| name == processor.short);
    Ok(PROCESSORS.iter().filter(wanted).collect())
}

fn name(model: &Path) -> String {
    model.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A table of executed instructions, a row for each model.
fn counts(emulator: &Emulator, processors: &[&Processor], models: &[PathBuf], jobs: &[Job], clip: &Path) -> String {
    let jobs: Vec<(Job, &str)> =
        Job::COUNTED.into_iter().filter(|(job, _)| jobs.is_empty() || jobs.contains(job)).collect();
    let mut head = vec!["model".to_owned()];
    for processor in processors {
        head.extend(jobs.iter().map(|(_, title)| format!("{} {title}", processor.short)));
    }
    let mut rows = Vec::new();
    for model in models {
        let mut row = vec![name(model)];
        for processor in processors {
            for (job, title) in &jobs {
                if !job.suits(model) {
                    row.push("–".into());
                    continue;
                }
                eprintln!("{} on {}: {title}", name(model), processor.name);
                let outcome = job.run(emulator, processor, false, model, clip).map_err(|error| format!("{error:#}"));
                row.push(giga(&outcome));
            }
        }
        rows.push(row);
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    format!(
        "{}\n`cargo xtask count`: 10⁹ executed instructions, one thread, {}, {}.\n",
        table(&head, &rows),
        qemu_version(),
        name(clip)
    )
}

fn giga(outcome: &Outcome) -> String {
    match outcome {
        Ok(profile) => format!("{:.2}", profile.instructions() as f64 / 1e9),
        Err(why) => format!("failed: {}", why.replace('|', "/")),
    }
}

fn qemu_version() -> String {
    format!("qemu-aarch64 {}", tools::version("qemu-aarch64"))
}

/// Tables of predicted seconds and of where they go, and the same as CSV for `noctule-bench`.
fn predictions(
    emulator: &Emulator,
    program: &Path,
    processors: &[&Processor],
    models: &[PathBuf],
    clip: &Path,
) -> Result<(String, String)> {
    let functions = listing::parse(&tools::disassemble(program)?);
    let (mut rows, mut details) = (Vec::new(), String::new());
    let mut csv = String::from("board,model,clip,best_s,worst_s\n");
    for processor in processors {
        for model in models {
            eprintln!("{} on {}: the whole clip, with caches", name(model), processor.name);
            let outcome = Job::Clip.run(emulator, processor, true, model, clip);
            let costs = match outcome.and_then(|profile| predict::costs(&profile, &functions, processor)) {
                Ok(costs) => costs,
                Err(error) => {
                    rows.push(vec![processor.board.into(), name(model), format!("failed: {error:#}")]);
                    continue;
                }
            };
            let seconds = predict::total(&costs, processor);
            rows.push(summary(processor, model, &costs, seconds));
            let _ = writeln!(
                csv,
                "{},{},{},{:.3},{:.3}",
                processor.board,
                name(model),
                name(clip),
                seconds.best,
                seconds.worst
            );
            let _ =
                write!(details, "\n{} on the {}:\n\n{}", name(model), processor.board, breakdown(&costs, processor));
        }
    }
    let head = [
        "board",
        "model",
        "10⁹ instructions",
        "10⁹ cycles",
        "from the second level, GB",
        "memory, GB",
        "predicted seconds",
    ];
    let end = format!(
        "\n`cargo xtask count --predict`: {}, {}, llvm-mca {}.\n",
        name(clip),
        qemu_version(),
        tools::version(&tools::llvm("mca")?)
    );
    Ok((table(&head, &rows) + &details + &end, csv))
}

fn sum(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    costs.iter().map(of).sum()
}

fn summary(processor: &Processor, model: &Path, costs: &[Cost], seconds: Seconds) -> Vec<String> {
    let gigabytes = |cache: usize| sum(costs, |cost| cost.lines[cache]) * 64.0 / 1e9;
    vec![
        processor.board.into(),
        name(model),
        format!("{:.2}", sum(costs, |cost| cost.instructions) / 1e9),
        format!("{:.2}", sum(costs, |cost| cost.cycles) / 1e9),
        format!("{:.2}", gigabytes(0)),
        format!("{:.2} to {:.2}", gigabytes(2), gigabytes(3)),
        range(seconds),
    ]
}

fn range(seconds: Seconds) -> String {
    format!("{:.2} to {:.2}", seconds.best, seconds.worst)
}

/// The functions that take longest.
fn breakdown(costs: &[Cost], processor: &Processor) -> String {
    let mut order: Vec<(&Cost, Seconds)> = costs.iter().map(|cost| (cost, cost.seconds(processor))).collect();
    order.sort_by(|a, b| b.1.worst.total_cmp(&a.1.worst));
    let row = |&(cost, seconds): &(&Cost, Seconds)| {
        vec![
            format!("`{}`", cost.function),
            format!("{:.2}", cost.instructions / 1e9),
            if cost.macs > 0.0 { format!("{:.2}", cost.macs / cost.cycles) } else { "–".into() },
            format!("{:.2}", cost.instructions / cost.cycles),
            if cost.macs > 0.0 { format!("{:.3}", cost.lines[0] * 64.0 / cost.macs) } else { "–".into() },
            if cost.macs > 0.0 { format!("{:.3}", cost.lines[3] * 64.0 / cost.macs) } else { "–".into() },
            range(seconds),
        ]
    };
    let rows: Vec<Vec<String>> = order.iter().take(TOP).map(row).collect();
    let head = [
        "function",
        "10⁹ instructions",
        "MAC/cycle",
        "instructions/cycle",
        "bytes/MAC from the second level",
        "bytes/MAC from memory",
        "seconds",
    ];
    table(&head, &rows)
}

/// `cargo xtask profile`: one run of any program, printed by function.
pub fn profile(args: &ProfileArgs) -> Result<()> {
    let processor = chosen(std::slice::from_ref(&args.processor))?[0];
    let program = match &args.program {
        Some(program) => program.clone(),
        None => tools::arm()?.build()?.1,
    };
    let emulator = Emulator::new(&program, &folder(), Duration::from_secs(args.timeout))?;
    let words = args.arguments.join(" ");
    let kept: String = words.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
    let kept = if kept.len() > 120 { &kept[kept.len() - 120..] } else { &kept };
    let profile = emulator.run(processor, args.caches, &format!("profile-{kept}"), &args.arguments)?;
    let costs = predict::costs(&profile, &listing::parse(&tools::disassemble(&program)?), processor)?;
    println!("{:.3} 10⁹ instructions", profile.instructions() as f64 / 1e9);
    println!("predicted seconds on the {}: {}", processor.board, range(predict::total(&costs, processor)));
    print!("{}", breakdown(&costs, processor));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::profile::Block;

    #[test]
    fn counts_and_failures_fill_a_cell() {
        let block = Block { address: 0, instructions: 4, runs: 1_000_000_000, lines: [0; 4] };
        assert_eq!(giga(&Ok(Profile { blocks: vec![block] })), "4.00");
        assert_eq!(giga(&Err("signal 4 | x".into())), "failed: signal 4 / x");
    }

    #[test]
    fn processors_are_chosen_by_their_short_names() {
        assert_eq!(chosen(&[]).unwrap().len(), 2);
        assert_eq!(chosen(&["a76".into()]).unwrap()[0].board, "Raspberry Pi 5");
        assert!(chosen(&["a53".into()]).unwrap_err().to_string().contains("a72 or a76"));
    }

    #[test]
    fn the_clip_is_in_the_repository() {
        assert!(crate::root().join(CLIP).is_file());
    }

    #[test]
    fn functions_are_listed_by_their_time() {
        let cost = |function: &str, cycles: f64, macs: f64| Cost {
            function: function.into(),
            instructions: cycles,
            macs,
            cycles,
            lines: [1e6; 4],
        };
        let costs = [cost("main", 1.5e9, 0.0), cost("noctule_kernels::tile", 1.5e9, 3e9)];
        let text = breakdown(&costs, &PROCESSORS[0]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2], "| `main` | 1.50 | – | 1.00 | – | – | 1.00 to 1.00 |");
        assert_eq!(lines[3], "| `noctule_kernels::tile` | 1.50 | 2.00 | 1.00 | 0.021 | 0.021 | 0.28 to 0.28 |");
        let row = summary(&PROCESSORS[0], Path::new("/x/base-q5_k.bin"), &costs, Seconds { best: 1.0, worst: 2.0 });
        assert_eq!(row, ["Raspberry Pi 4", "base-q5_k", "3.00", "3.00", "0.13", "0.13 to 0.13", "1.00 to 2.00"]);
    }
}

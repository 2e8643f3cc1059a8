//! whisper.cpp: its programs' words, and the lines that they print.

use crate::metric::{Job, Metric};
use crate::process::Finished;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// The command of `job` with the programs in `folder`.
pub fn command(folder: &Path, job: Job, model: &Path, threads: usize, clip: &Path) -> Command {
    let program = if job == Job::Network { "whisper-bench" } else { "whisper-cli" };
    let mut command = Command::new(folder.join(program));
    command.arg("-m").arg(model).args(["-t", &threads.to_string()]);
    if job != Job::Network {
        let beams = job.beams().to_string();
        // One attempt: how often others try again is not what is compared.
        command.args(["-l", "en", "-bs", &beams, "-bo", &beams, "-nf", "-f"]).arg(clip);
    }
    command
}

/// Total milliseconds and runs of each line of `whisper_print_timings`; lines of one run only have no count.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timings {
    lines: Vec<(String, f64, f64)>,
}

impl Timings {
    /// Reads the lines from what a program said. It is an error if there is none.
    pub fn parse(text: &str) -> Result<Self> {
        let lines: Vec<_> = text.lines().filter_map(line).collect();
        ensure!(!lines.is_empty(), "it printed no timings");
        Ok(Self { lines })
    }

    /// Milliseconds.
    pub fn total(&self, name: &str) -> Result<f64> {
        self.find(name).map(|&(_, total, _)| total)
    }

    /// Milliseconds a run, with all the digits that the total has.
    pub fn each(&self, name: &str) -> Result<f64> {
        let (_, total, runs) = self.find(name)?;
        ensure!(*runs > 0.0, "no runs of {name}");
        Ok(total / runs)
    }

    fn find(&self, name: &str) -> Result<&(String, f64, f64)> {
        self.lines.iter().find(|line| line.0 == name).with_context(|| format!("it printed no time of {name}"))
    }
}

/// `whisper_print_timings:   encode time =   755.90 ms /     1 runs (   755.90 ms per run)`
fn line(text: &str) -> Option<(String, f64, f64)> {
    let (name, rest) = text.strip_prefix("whisper_print_timings:")?.split_once(" time =")?;
    let (total, rest) = rest.split_once(" ms")?;
    let runs = rest.trim_start().strip_prefix('/').and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    Some((name.trim().to_owned(), total.trim().parse().ok()?, runs.unwrap_or(1.0)))
}

/// The quantities of a job.
pub fn metrics(job: Job, finished: &Finished) -> Result<Vec<(Metric, f64)>> {
    let timings = Timings::parse(&finished.stderr)?;
    if job == Job::Network {
        return Ok(vec![
            (Metric::Load, timings.total("load")?),
            (Metric::Encode, timings.each("encode")?),
            (Metric::Single, timings.each("decode")?),
            (Metric::Batch, timings.each("batchd")?),
            (Metric::Prompt, timings.each("prompt")?),
        ]);
    }
    let (clip, rss) = job.clip_metrics();
    let mut found = vec![(Metric::Mel, timings.total("mel")?), (clip, finished.seconds)];
    found.extend(finished.peak_rss.map(|peak| (rss, peak as f64 / 1e6)));
    Ok(found)
}

/// The line that says for which instructions the program was built.
pub fn system_info(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("system_info:"))?;
    Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What whisper-bench of commit 233fe1fc prints, shortened.
    pub const BENCH: &str = "
system_info: n_threads = 2 / 2 | WHISPER : COREML = 0 |  CPU : AVX2 = 1 |

whisper_print_timings:     load time =   300.98 ms
whisper_print_timings:     fallbacks =   0 p /   0 h
whisper_print_timings:      mel time =     0.00 ms
whisper_print_timings:   sample time =     0.00 ms /     1 runs (     0.00 ms per run)
whisper_print_timings:   encode time =   755.90 ms /     1 runs (   755.90 ms per run)
whisper_print_timings:   decode time =   949.76 ms /   256 runs (     3.71 ms per run)
whisper_print_timings:   batchd time =   643.20 ms /   320 runs (     2.01 ms per run)
whisper_print_timings:   prompt time =  3973.12 ms /  4096 runs (     0.97 ms per run)
whisper_print_timings:    total time =  6322.10 ms
";

    fn said(text: &str) -> Finished {
        Finished { stderr: text.into(), seconds: 1.5, peak_rss: Some(243_000_000), ..Finished::default() }
    }

    #[test]
    fn times_are_divided_by_their_runs() {
        let found = metrics(Job::Network, &said(BENCH)).unwrap();
        let of = |metric| found.iter().find(|(other, _)| *other == metric).unwrap().1;
        assert_eq!((of(Metric::Load), of(Metric::Encode)), (300.98, 755.90));
        for (metric, expected) in [(Metric::Single, 3.71), (Metric::Batch, 2.01), (Metric::Prompt, 0.97)] {
            assert!((of(metric) - expected).abs() < 1e-9, "{metric}: {}", of(metric));
        }
        let clip = metrics(Job::Beam5, &said(BENCH)).unwrap();
        assert_eq!(clip, [(Metric::Mel, 0.0), (Metric::BeamClip, 1.5), (Metric::BeamRss, 243.0)]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text: &str| metrics(Job::Network, &said(text)).unwrap_err().to_string();
        assert!(error("whisper_init: failed").contains("no timings"));
        let without: String =
            BENCH.lines().filter(|line| !line.contains("batchd")).map(|line| format!("{line}\n")).collect();
        assert!(error(&without).contains("batchd"));
        assert!(error(&BENCH.replace("755.90 ms", "fast")).contains("encode"));
        assert!(error(&BENCH.replace("   256 runs", "     0 runs")).contains("decode"));
    }

    #[test]
    fn the_build_is_known() {
        assert_eq!(system_info(BENCH).unwrap(), "n_threads = 2 / 2 | WHISPER : COREML = 0 | CPU : AVX2 = 1 |");
        assert_eq!(system_info(""), None);
    }

    #[test]
    fn commands_ask_for_the_same_work() {
        let words = |job| {
            let command = command(Path::new("/bin"), job, Path::new("m.bin"), 2, Path::new("a.wav"));
            let words =
                command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
            format!("{} {words}", command.get_program().display())
        };
        assert_eq!(words(Job::Network), "/bin/whisper-bench -m m.bin -t 2");
        assert_eq!(words(Job::Beam5), "/bin/whisper-cli -m m.bin -t 2 -l en -bs 5 -bo 5 -nf -f a.wav");
    }
}

//! Cycles of straight code by llvm-mca, LLVM's static model of a processor's pipelines.

use super::tools;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// Two lengths of a run; their difference is the steady state, without how the pipeline fills.
const ROUNDS: [u32; 2] = [50, 150];

/// What to do about instructions that a model does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Nothing is modelled.
    Refuse,
    /// They take no time, and a block of nothing else a cycle for each.
    Skip,
}

/// Cycles of one round of each of `blocks`, when it is repeated, on llvm-mca's model of `processor`. A call costs what a
/// jump costs.
///
/// # Errors
/// There is no llvm-mca, or it does not know an instruction.
pub fn cycles(processor: &str, unknown: Unknown, blocks: &[Vec<&str>]) -> Result<Vec<f64>> {
    if blocks.is_empty() {
        return Ok(Vec::new());
    }
    let source = source(blocks);
    let [short, long] = [run(processor, unknown, &source, ROUNDS[0])?, run(processor, unknown, &source, ROUNDS[1])?];
    let rounds = f64::from(ROUNDS[1] - ROUNDS[0]);
    let steady = |(i, block): (usize, &Vec<&str>)| match (short.get(&i), long.get(&i), unknown) {
        (Some(short), Some(long), _) => Ok(long.saturating_sub(*short) as f64 / rounds),
        // A region without an instruction that the model knows is left out.
        (_, _, Unknown::Skip) => Ok(block.len() as f64),
        _ => bail!("llvm-mca says nothing of '{}'", block.join("; ")),
    };
    blocks.iter().enumerate().map(steady).collect()
}

/// The blocks as regions of one assembly file.
fn source(blocks: &[Vec<&str>]) -> String {
    let mut text: String = EXTENSIONS.iter().map(|name| format!("\t.arch_extension {name}\n")).collect();
    for (i, block) in blocks.iter().enumerate() {
        text += &format!("// LLVM-MCA-BEGIN {i}\n");
        block.iter().for_each(|line| text += &format!("\t{}\n", if is_call(line) { "b\t0x0" } else { line }));
        text += &format!("// LLVM-MCA-END {i}\n");
    }
    text
}

/// What the models leave out by themselves although programs ask for it at run time.
const EXTENSIONS: [&str; 4] = ["dotprod", "fp16", "lse", "crc"];

/// llvm-mca takes a call for a hundred cycles.
fn is_call(line: &str) -> bool {
    matches!(line.split_whitespace().next(), Some("bl" | "blr" | "ret" | "svc"))
}

/// Total cycles of each region, by its number.
fn run(processor: &str, unknown: Unknown, source: &str, rounds: u32) -> Result<HashMap<usize, u64>> {
    let program = tools::llvm("mca")?;
    let mut child = Command::new(&program)
        .args(["-mtriple=aarch64", &format!("-mcpu={processor}"), "-json", &format!("-iterations={rounds}")])
        .args([
            format!("-skip-unsupported-instructions={}", if unknown == Unknown::Skip { "any" } else { "none" }),
            "-".into(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    let mut stdin = child.stdin.take().context("llvm-mca has no input")?;
    // Both pipes are larger than what llvm-mca says before it has read everything.
    let wrote = stdin.write_all(source.as_bytes());
    drop(stdin);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} for {processor}: {}",
        said.lines().take(4).collect::<Vec<_>>().join(" ")
    );
    wrote.context("writing to llvm-mca")?;
    totals(&String::from_utf8_lossy(&output.stdout))
}

/// `CodeRegions[].SummaryView.TotalCycles` of llvm-mca's JSON, by the number that is the region's name.
fn totals(json: &str) -> Result<HashMap<usize, u64>> {
    let json: Value = serde_json::from_str(json).context("llvm-mca's JSON")?;
    let regions = json["CodeRegions"].as_array().context("llvm-mca names no code regions")?;
    let total = |region: &Value| {
        let name = region["Name"].as_str().and_then(|name| name.parse().ok()).context("a region has no name")?;
        let cycles = region["SummaryView"]["TotalCycles"].as_u64().context("a region has no total of cycles")?;
        Ok((name, cycles))
    };
    regions.iter().map(total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What llvm-mca 22 prints, shortened.
    const JSON: &str = r#"{
      "CodeRegions": [
        {
          "Instructions": ["ldr q0, [x0]"],
          "Name": "0",
          "SummaryView": { "BlockRThroughput": 1, "DispatchWidth": 3, "IPC": 0.9, "Instructions": 100, "Iterations": 100,
                           "TotalCycles": 104, "TotaluOps": 100, "uOpsPerCycle": 0.9 }
        },
        { "Name": "1", "SummaryView": { "TotalCycles": 4533 } }
      ],
      "SimulationParameters": { "-march": "aarch64", "-mcpu": "cortex-a72" }
    }"#;

    #[test]
    fn totals_stand_in_the_summary() {
        assert_eq!(totals(JSON).unwrap(), HashMap::from([(0, 104), (1, 4533)]));
        assert!(totals("{}").unwrap_err().to_string().contains("code regions"));
        assert!(totals(r#"{"CodeRegions":[{"Name":"0","SummaryView":{}}]}"#).is_err());
        assert!(totals(r#"{"CodeRegions":[{"Name":"","SummaryView":{"TotalCycles":1}}]}"#).is_err());
        assert!(totals("error: nothing").is_err());
    }

    #[test]
    fn every_block_is_a_region() {
        let text = source(&[vec!["nop"], vec!["sdot\tv0.4s, v1.16b, v2.16b", "bl\t0x8", "b.ne\t0x58"]]);
        assert_eq!(text.matches("LLVM-MCA-BEGIN").count(), 2);
        let second = "// LLVM-MCA-BEGIN 1\n\tsdot\tv0.4s, v1.16b, v2.16b\n\tb\t0x0\n\tb.ne\t0x58\n// LLVM-MCA-END 1\n";
        assert!(text.contains(second), "{text}");
    }

    #[test]
    fn the_models_know_their_processors() {
        if tools::llvm("mca").is_err() {
            eprintln!("skipped: there is no llvm-mca");
            return;
        }
        let fmla: Vec<String> = (0..16).map(|i| format!("fmla\tv{i}.4s, v30.4s, v31.4s")).collect();
        let fmla: Vec<&str> = fmla.iter().map(String::as_str).collect();
        for (processor, expected) in [("cortex-a72", 16.0), ("neoverse-n1", 8.0)] {
            let found = cycles(processor, Unknown::Refuse, &[vec!["nop"], fmla.clone()]).unwrap();
            assert!((found[1] - expected).abs() < 0.5, "{processor}: {found:?}");
        }
        let blocks = [vec!["nop"], vec!["no such instruction"]];
        assert!(cycles("cortex-a72", Unknown::Refuse, &blocks).is_err());
        assert_eq!(cycles("cortex-a72", Unknown::Skip, &blocks).unwrap()[1], 1.0, "it counts as one cycle");
    }
}

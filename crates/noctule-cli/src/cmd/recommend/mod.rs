//! `noctule recommend`: an evaluation and a budget → one command to run.

use super::eval::{print, print_json};
use crate::args::RecommendArgs;
use crate::failure::Failure;
use noctule_eval::recommend::{Budget, Candidate, Nearest, Recommendation, Ties, candidates, recommend};
use noctule_eval::report::{command, describe, interval_percent, megabytes, minutes, seconds};
use noctule_eval::summary::{Evidence, Scores, summarize};

/// Does what the arguments say; `false` if nothing fits.
///
/// # Errors
/// [`Failure::Usage`] for a wish that is not understood, [`Failure::Work`] for an evaluation that cannot be read.
pub fn run(args: &RecommendArgs) -> Result<bool, Failure> {
    let budget = Budget::parse(&args.wish.join(" ")).map_err(Failure::Usage)?;
    let evidence = Evidence::read(&args.from)?;
    let (scores, summary) = (Scores::of(&evidence), summarize(&evidence));
    let ties = Ties::of(&evidence, &scores, &summary.rows);
    let found = recommend(&candidates(&summary.rows, &ties), &ties, budget);
    match args.json {
        true => print_json(&found)?,
        false => print(&told(&found))?,
    }
    Ok(found.choice.is_some())
}

/// The recommendation in sentences.
fn told(found: &Recommendation) -> String {
    let Some(choice) = &found.choice else {
        return format!(
            "Nothing that was measured fits ({}).\n{}",
            found.budget,
            found.nearest.iter().map(near).collect::<String>()
        );
    };
    let mut text = format!("{}: {}.\n  {}\n", describe(choice), facts(choice), command(choice));
    if !found.tied.is_empty() {
        text += &format!("As good as far as can be told, and larger: {}.\n", found.tied.join(", "));
    }
    if let Some(next) = &found.runner_up {
        text += &format!("Runner-up: {}: {}.\n", describe(next), facts(next));
    }
    for relaxed in &found.relaxed {
        let choice = &relaxed.choice;
        text += &format!("With {} ({}): {}: {}.\n", relaxed.limit, relaxed.to, describe(choice), facts(choice));
    }
    text
}

fn near(nearest: &Nearest) -> String {
    let Nearest { candidate, excess, limit } = nearest;
    let over = 100.0 * (excess - 1.0);
    format!("Nearest is {}: {over:.0} % too much {limit}: {}.\n", describe(candidate), facts(candidate))
}

fn facts(of: &Candidate) -> String {
    let parts = [
        of.error_rate.map(|rate| format!("{} of the words wrong", interval_percent(&rate))),
        of.real_time_factor.map(|factor| format!("{} for a second of audio", seconds(factor.estimate))),
        of.hour_s.map(|hour| format!("an hour in {}", minutes(hour.estimate))),
        of.peak_bytes.map(|bytes| format!("{} of memory", megabytes(bytes))),
        Some(format!("a file of {}", megabytes(of.file_bytes))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

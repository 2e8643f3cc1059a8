//! `noctule recommend`: an evaluation, or a look at the board, and a budget → one command to run.

mod board;

use super::eval::{print, print_json};
use crate::args::RecommendArgs;
use crate::failure::Failure;
use crate::store::catalogue;
use noctule_eval::recommend::{Budget, Candidate, Nearest, Recommendation, Ties, candidates, recommend};
use noctule_eval::report::{command, describe, interval_percent, megabytes, minutes, percent, seconds};
use noctule_eval::summary::{Evidence, Scores, summarize};

/// Does what the arguments say; `false` if nothing fits.
///
/// # Errors
/// [`Failure::Usage`] for a wish that is not understood, [`Failure::Work`] for an evaluation that cannot be read.
pub fn run(args: &RecommendArgs) -> Result<bool, Failure> {
    let budget = Budget::parse(&args.wish.join(" ")).map_err(Failure::Usage)?;
    let found = match &args.from {
        Some(folder) => {
            let evidence = Evidence::read(folder)?;
            let (scores, summary) = (Scores::of(&evidence), summarize(&evidence));
            let ties = Ties::of(&evidence, &scores, &summary.rows);
            recommend(&candidates(&summary.rows, &ties), &ties, budget)
        }
        None => recommend(&board::candidates()?, &Ties::default(), budget),
    };
    match (args.json, &args.from) {
        (true, _) => print_json(&found)?,
        (false, Some(_)) => print(&told(&found))?,
        (false, None) => print(&(told(&found) + &foretold(&found)))?,
    }
    Ok(found.choice.is_some())
}

/// The recommendation in sentences.
fn told(found: &Recommendation) -> String {
    let Some(choice) = &found.choice else {
        return format!("Nothing fits ({}).\n{}", found.budget, found.nearest.iter().map(near).collect::<String>());
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

/// What stands behind figures that were not measured, and how to measure them.
fn foretold(found: &Recommendation) -> String {
    let mut text = "\nForetold: times by a short calibration of this board, within a third or so; memory by the model's dimensions; \
                    words as whisper.cpp has them on LibriSpeech test-clean, clean read English.\n"
        .to_owned();
    if let Some(choice) = &found.choice {
        let model = &choice.model;
        // What nobody publishes is made from the float model.
        let wanted = match (catalogue::find(model), model.rsplit_once('-')) {
            (None, Some((family, kind))) => format!("{family}:{kind}"),
            _ => model.clone(),
        };
        text += &format!("  noctule models pull {wanted}\n  noctule eval {model}    # measures it\n");
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
        of.error_rate.map(|rate| match rate.level > 0.0 {
            true => format!("{} of the words wrong", interval_percent(&rate)),
            false => format!("{} of the words wrong", percent(rate.estimate)),
        }),
        of.real_time_factor.map(|factor| format!("{} for a second of audio", seconds(factor.estimate))),
        of.hour_s.map(|hour| format!("an hour in {}", minutes(hour.estimate))),
        of.peak_bytes.map(|bytes| format!("{} of memory", megabytes(bytes))),
        Some(format!("a file of {}", megabytes(of.file_bytes))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

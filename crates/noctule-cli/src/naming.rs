//! Where the results of each recording are written.
//!
//! Every recording gets its own stem, to which a format adds its ending. Two
//! recordings never share one, and no result takes the place of a recording.

use crate::args::TranscribeArgs;
use crate::failure::Failure;
use crate::inputs::Found;
use crate::plan::Input;
use noctule::format::Format;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `stem` with the ending of `format`: `talk.v2` gives `talk.v2.srt`.
pub fn with_ending(stem: &Path, format: Format) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(".");
    name.push(format.extension());
    name.into()
}

/// The stem of each recording, in their order.
///
/// # Errors
/// [`Failure::Usage`] for results that would replace each other or a recording.
pub fn stems(args: &TranscribeArgs, found: &[Found], formats: &[Format]) -> Result<Vec<PathBuf>, Failure> {
    let named = &args.beside.output_file;
    let stems: Vec<PathBuf> = if !named.is_empty() {
        if named.len() != found.len() {
            return Err(Failure::usage(format!(
                "{} --output-file for {} recordings: give one for each, or --output-dir DIR",
                named.len(),
                found.len()
            )));
        }
        named.clone()
    } else if let Some(folder) = &args.output.output_dir {
        in_folder(folder, found)
    } else {
        found.iter().map(|found| beside(&found.input)).collect()
    };
    check_endings(formats)?;
    check(&stems, found, formats)?;
    Ok(stems)
}

/// Stems in `folder`. Recordings that differ by their ending only keep it.
fn in_folder(folder: &Path, found: &[Found]) -> Vec<PathBuf> {
    let short: Vec<PathBuf> = found.iter().map(|found| found.below.join(name(&found.input, false))).collect();
    let mut uses: HashMap<&PathBuf, usize> = HashMap::new();
    short.iter().for_each(|stem| *uses.entry(stem).or_default() += 1);
    let stem = |(found, short): (&Found, &PathBuf)| match uses[short] {
        1 => folder.join(short),
        _ => folder.join(&found.below).join(name(&found.input, true)),
    };
    found.iter().zip(&short).map(stem).collect()
}

fn name(input: &Input, ending: bool) -> OsString {
    match input {
        Input::Stdin => "stdin".into(),
        Input::File(path) => {
            let name = if ending { path.file_name() } else { path.file_stem() };
            name.map_or_else(|| "audio".into(), OsString::from)
        }
    }
}

/// As whisper-cli: the whole name of the audio stays.
fn beside(input: &Input) -> PathBuf {
    match input {
        Input::Stdin => "stdin".into(),
        Input::File(path) => path.clone(),
    }
}

/// Refuses two formats that end in the same letters.
fn check_endings(formats: &[Format]) -> Result<(), Failure> {
    for (i, a) in formats.iter().enumerate() {
        if let Some(b) = formats[i + 1..].iter().find(|b| b.extension() == a.extension()) {
            return Err(Failure::usage(format!(
                "{a} and {b} are both written as .{}: ask for one at a time",
                a.extension()
            )));
        }
    }
    Ok(())
}

/// Refuses two results in one file, and a result in place of a recording.
fn check(stems: &[PathBuf], found: &[Found], formats: &[Format]) -> Result<(), Failure> {
    let mut taken: HashMap<&PathBuf, &Input> = HashMap::new();
    for (stem, Found { input, .. }) in stems.iter().zip(found) {
        if let Some(other) = taken.insert(stem, input) {
            return Err(Failure::usage(format!(
                "'{}' and '{}' would both be written to {}: transcribe them into different folders",
                other.name(),
                input.name(),
                with_ending(stem, formats[0]).display(),
            )));
        }
        for format in formats {
            let output = with_ending(stem, *format);
            let replaced =
                found.iter().find(|found| matches!(&found.input, Input::File(audio) if same(&output, audio)));
            if let Some(replaced) = replaced {
                return Err(Failure::usage(format!(
                    "the {format} of '{}' would replace the audio '{}': choose another --output-dir",
                    input.name(),
                    replaced.input.name(),
                )));
            }
        }
    }
    Ok(())
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

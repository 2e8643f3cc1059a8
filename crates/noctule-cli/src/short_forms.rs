//! whisper-cli's short forms of several letters (`-bs 5`, `-sow`), which the
//! usual rules would read as bundles of one-letter options.
//!
//! The words of the user enter and leave, with such forms spelled out.

use std::ffi::OsString;

/// Short form and what it means here.
pub const SHORT_FORMS: [(&str, &str); 34] = [
    ("-tr", "--translate"),
    ("-bs", "--beam-size"),
    ("-bo", "--best-of"),
    ("-tp", "--temperature"),
    ("-tpi", "--temperature-inc"),
    ("-nf", "--no-fallback"),
    ("-et", "--entropy-thold"),
    ("-lpt", "--logprob-thold"),
    ("-nth", "--no-speech-thold"),
    ("-mc", "--max-context"),
    ("-nt", "--no-timestamps"),
    ("-ml", "--max-len"),
    ("-sow", "--split-on-word"),
    ("-sns", "--suppress-non-speech"),
    ("-ac", "--audio-ctx"),
    ("-di", "--diarize"),
    ("-tdrz", "--tinydiarize"),
    ("-otxt", "--output-txt"),
    ("-osrt", "--output-srt"),
    ("-ovtt", "--output-vtt"),
    ("-olrc", "--output-lrc"),
    ("-ocsv", "--output-csv"),
    ("-oj", "--output-json"),
    ("-ojf", "--output-json-full"),
    ("-of", "--output-file"),
    ("-pc", "--print-colors"),
    ("-np", "--quiet"),
    ("-vm", "--vad-model"),
    ("-vt", "--vad-threshold"),
    ("-vspd", "--vad-min-speech-duration-ms"),
    ("-vsd", "--vad-min-silence-duration-ms"),
    ("-vmsd", "--vad-max-speech-duration-s"),
    ("-vp", "--vad-speech-pad-ms"),
    ("-vo", "--vad-samples-overlap"),
];

/// Forms whose meaning differs here, with what to write instead. Read as
/// bundles they would quietly do something else (`-ot` is `-o t`).
const DIFFERENT: [(&str, &str); 6] = [
    ("-ot", "--offset TIME (in seconds)"),
    ("-d", "--duration TIME (in seconds)"),
    ("-on", "nothing: captions are numbered from 1"),
    ("-owts", "--highlight-words -f vtt"),
    ("-dtw", "--word-timestamps"),
    ("-dl", "-l auto --json, which names the language"),
];

/// Spells out the short forms before `--`.
///
/// # Errors
/// A sentence for a form that means something else here.
pub fn expand(words: impl Iterator<Item = OsString>) -> Result<Vec<OsString>, String> {
    let mut options_over = false;
    let mut expanded: Vec<OsString> = Vec::new();
    for word in words {
        options_over |= word == "--";
        if !options_over {
            // whisper-cli's `-f FILE`; no format has a point or a slash in its name.
            let after_f = expanded.last().is_some_and(|before| before == "-f");
            if after_f && word.to_string_lossy().contains(['.', '/']) {
                return Err("'-f' names formats, such as srt; give audio files without an option".into());
            }
            if let Some((form, instead)) = DIFFERENT.iter().find(|(form, _)| word == *form) {
                return Err(format!("'{form}' is whisper-cli's; write {instead}"));
            }
            if let Some((_, long)) = SHORT_FORMS.iter().find(|(form, _)| word == *form) {
                expanded.push((*long).into());
                continue;
            }
        }
        expanded.push(word);
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand_text(text: &str) -> Result<Vec<String>, String> {
        let words = expand(text.split(' ').map(OsString::from))?;
        Ok(words.into_iter().map(|w| w.into_string().unwrap()).collect())
    }

    #[test]
    fn forms_are_spelled_out_up_to_the_dashes() {
        assert_eq!(
            expand_text("noctule transcribe -bs 2 -nt -t 2 -- -nt").unwrap(),
            ["noctule", "transcribe", "--beam-size", "2", "--no-timestamps", "-t", "2", "--", "-nt"]
        );
    }

    #[test]
    fn what_differs_is_refused() {
        assert!(expand_text("noctule transcribe -ot 500 a.wav").unwrap_err().contains("--offset"));
        assert!(expand_text("noctule transcribe -f a.wav").unwrap_err().contains("formats"));
        assert!(expand_text("noctule transcribe -f srt a.wav").is_ok());
        assert!(expand_text("noctule transcribe -d 5000 a.wav").unwrap_err().contains("--duration"));
    }

    #[test]
    fn every_long_form_exists() {
        use clap::CommandFactory;
        let command = crate::args::Cli::command();
        let transcribe = command.find_subcommand("transcribe").unwrap();
        for (form, long) in SHORT_FORMS {
            let known = transcribe.get_arguments().any(|a| a.get_long() == long.strip_prefix("--"));
            assert!(known, "{form} means {long}");
        }
    }
}

//! whisper-cli's flags (whisper.cpp, examples/cli/cli.cpp, commit 233fe1fc) and what each of them means here.

/// One flag.
#[derive(Debug)]
pub struct Flag {
    /// The form with one dash, if there is one.
    pub short: Option<&'static str>,
    /// The form with two dashes.
    pub long: &'static str,
    /// What follows it.
    pub value: Option<&'static str>,
    /// What is done about it.
    pub meaning: Meaning,
}

/// What a flag means for `noctule transcribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The option of this name, with the same value.
    Same(&'static str),
    /// The option of this name with a time: milliseconds there; 0 is the default.
    Milliseconds(&'static str),
    /// The option of this name; this value is the default.
    Unless(&'static str, &'static str),
    /// Something that only this face does.
    Own(Own),
    /// The only value that is accepted, because it is what is done anyway, and why no other is.
    Only(&'static str, &'static str),
    /// What is done anyway: it changes how, never what.
    Always(&'static str),
    /// Not done here, and what to do instead.
    Refused(&'static str),
}

/// Flags that are no options of `transcribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Usage.
    Help,
    /// Version.
    Version,
    /// An input.
    File,
    /// Where the results of the next input go.
    OutputFile,
    /// The model.
    Model,
    /// Nothing but results.
    NoPrints,
    /// Text without times.
    NoTimestamps,
    /// Words in colours.
    Colours,
    /// Words in styles.
    Confidence,
    /// Lines that say how far the work is.
    Progress,
    /// Only the language.
    DetectLanguage,
    /// Times of tokens by attention.
    Dtw,
}

use Meaning::{Always, Milliseconds, Only, Refused, Same, Unless};

const NUMBERED: &str = "captions are numbered from 1";
const KARAOKE: &str = "there is no karaoke script; 'noctule transcribe --highlight-words -f vtt' marks the spoken word";
const ATTENTION: &str = "there is one attention, exact and without a padded length";

const fn with(short: &'static str, long: &'static str, value: &'static str, meaning: Meaning) -> Flag {
    Flag { short: Some(short), long, value: Some(value), meaning }
}

const fn long(long: &'static str, value: &'static str, meaning: Meaning) -> Flag {
    Flag { short: None, long, value: Some(value), meaning }
}

const fn flag(short: &'static str, long: &'static str, meaning: Meaning) -> Flag {
    Flag { short: Some(short), long, value: None, meaning }
}

const fn bare(long: &'static str, meaning: Meaning) -> Flag {
    Flag { short: None, long, value: None, meaning }
}

/// All of them, in the order of its usage text.
pub const FLAGS: &[Flag] = &[
    flag("-h", "--help", Meaning::Own(Own::Help)),
    bare("--version", Meaning::Own(Own::Version)),
    with("-t", "--threads", "N", Same("--threads")),
    with(
        "-p",
        "--processors",
        "N",
        Only("1", "the audio is not cut for several processors, which harms words; use -t"),
    ),
    with("-ot", "--offset-t", "N", Milliseconds("--offset")),
    with("-on", "--offset-n", "N", Only("0", NUMBERED)),
    with("-d", "--duration", "N", Milliseconds("--duration")),
    with("-mc", "--max-context", "N", Unless("--max-context", "-1")),
    with("-ml", "--max-len", "N", Same("--max-len")),
    flag("-sow", "--split-on-word", Same("--split-on-word")),
    with("-bo", "--best-of", "N", Same("--best-of")),
    with("-bs", "--beam-size", "N", Same("--beam-size")),
    with("-ac", "--audio-ctx", "N", Unless("--audio-ctx", "0")),
    with("-wt", "--word-thold", "N", Refused("times of words come from attention, which has no such threshold")),
    with("-et", "--entropy-thold", "N", Same("--entropy-thold")),
    with("-lpt", "--logprob-thold", "N", Same("--logprob-thold")),
    with("-nth", "--no-speech-thold", "N", Same("--no-speech-thold")),
    with("-tp", "--temperature", "N", Same("--temperature")),
    with("-tpi", "--temperature-inc", "N", Same("--temperature-inc")),
    flag("-debug", "--debug-mode", Refused("nothing is dumped")),
    flag("-tr", "--translate", Same("--translate")),
    flag("-di", "--diarize", Same("--diarize")),
    flag("-tdrz", "--tinydiarize", Same("--tinydiarize")),
    flag("-nf", "--no-fallback", Same("--no-fallback")),
    flag("-otxt", "--output-txt", Same("--output-txt")),
    flag("-ovtt", "--output-vtt", Same("--output-vtt")),
    flag("-osrt", "--output-srt", Same("--output-srt")),
    flag("-olrc", "--output-lrc", Same("--output-lrc")),
    flag("-owts", "--output-words", Refused(KARAOKE)),
    with("-fp", "--font-path", "PATH", Refused(KARAOKE)),
    flag("-ocsv", "--output-csv", Same("--output-csv")),
    flag("-oj", "--output-json", Same("--output-json")),
    flag("-ojf", "--output-json-full", Same("--output-json-full")),
    with("-of", "--output-file", "FNAME", Meaning::Own(Own::OutputFile)),
    flag("-np", "--no-prints", Meaning::Own(Own::NoPrints)),
    flag("-ps", "--print-special", Refused("special tokens are never text; -ojf has every token")),
    flag("-pc", "--print-colors", Meaning::Own(Own::Colours)),
    bare("--print-confidence", Meaning::Own(Own::Confidence)),
    flag("-pp", "--print-progress", Meaning::Own(Own::Progress)),
    flag("-nt", "--no-timestamps", Meaning::Own(Own::NoTimestamps)),
    with("-l", "--language", "LANG", Same("--language")),
    flag("-dl", "--detect-language", Meaning::Own(Own::DetectLanguage)),
    long("--prompt", "PROMPT", Same("--prompt")),
    bare("--carry-initial-prompt", Same("--carry-prompt")),
    with("-m", "--model", "FNAME", Meaning::Own(Own::Model)),
    with("-f", "--file", "FNAME", Meaning::Own(Own::File)),
    with("-oved", "--ov-e-device", "DNAME", Refused("there is no OpenVINO")),
    with("-dtw", "--dtw", "MODEL", Meaning::Own(Own::Dtw)),
    flag("-ls", "--log-score", Refused("-ojf has the probability of every token")),
    flag("-ng", "--no-gpu", Always("no GPU is used")),
    with("-dev", "--device", "N", Only("0", "no GPU is used")),
    flag("-fa", "--flash-attn", Always(ATTENTION)),
    flag("-nfa", "--no-flash-attn", Always(ATTENTION)),
    flag("-sns", "--suppress-nst", Same("--suppress-non-speech")),
    long("--suppress-regex", "REGEX", Same("--suppress-regex")),
    long("--grammar", "GRAMMAR", Same("--grammar")),
    long("--grammar-rule", "RULE", Same("--grammar-rule")),
    long("--grammar-penalty", "N", Same("--grammar-penalty")),
    bare("--vad", Same("--vad")),
    with("-vm", "--vad-model", "FNAME", Same("--vad-model")),
    with("-vt", "--vad-threshold", "N", Same("--vad-threshold")),
    with("-vspd", "--vad-min-speech-duration-ms", "N", Same("--vad-min-speech-duration-ms")),
    with("-vsd", "--vad-min-silence-duration-ms", "N", Same("--vad-min-silence-duration-ms")),
    with("-vmsd", "--vad-max-speech-duration-s", "N", Same("--vad-max-speech-duration-s")),
    with("-vp", "--vad-speech-pad-ms", "N", Same("--vad-speech-pad-ms")),
    with("-vo", "--vad-samples-overlap", "N", Same("--vad-samples-overlap")),
];

/// whisper-bench's flags (examples/bench/bench.cpp).
pub const BENCH_FLAGS: &[Flag] = &[
    flag("-h", "--help", Meaning::Own(Own::Help)),
    with("-t", "--threads", "N", Same("--threads")),
    with("-m", "--model", "FNAME", Meaning::Own(Own::Model)),
    with("-w", "--what", "N", Only("0", "memcpy and single products are not measured; 0 is the network")),
    flag("-ng", "--no-gpu", Always("no GPU is used")),
    flag("-fa", "--flash-attn", Always(ATTENTION)),
    flag("-nfa", "--no-flash-attn", Always(ATTENTION)),
];

/// A flag as it was given.
pub type Given<'a> = (&'static Flag, Option<&'a str>);

impl Flag {
    fn is(&self, word: &str) -> bool {
        self.short == Some(word) || self.long == word
    }

    /// Both forms.
    pub fn forms(&self) -> String {
        self.short.map_or(self.long.to_owned(), |short| format!("{short}, {}", self.long))
    }

    /// What the usage text says of it.
    pub fn help(&self) -> String {
        match self.meaning {
            Same(option) if option == self.long => "as 'noctule transcribe' has it".into(),
            Same(option) => format!("{option} of 'noctule transcribe'"),
            Milliseconds(option) => format!("{option} of 'noctule transcribe', in milliseconds"),
            Unless(option, default) => format!("{option} of 'noctule transcribe'; {default} is the default"),
            Only(value, why) => format!("only {value}: {why}"),
            Always(why) => format!("changes nothing: {why}"),
            Refused(why) => format!("refused: {why}"),
            Meaning::Own(own) => own.help().into(),
        }
    }
}

impl Own {
    fn help(self) -> &'static str {
        match self {
            Self::Help => "this text",
            Self::Version => "the version",
            Self::File => "an audio file; files may also stand without a flag",
            Self::OutputFile => "where the results of the next file go, without ending; - is standard output",
            Self::Model => "path or name of the model [models/ggml-base.en.bin]",
            Self::NoPrints => "print nothing but the results",
            Self::NoTimestamps => "text without times, decoded without timestamps",
            Self::Colours => "words coloured by their probability",
            Self::Confidence => "unsure words inverse, likely ones underlined, sure ones dim",
            Self::Progress => "say every 5 % how far it is",
            Self::DetectLanguage => "tell the language and stop",
            Self::Dtw => "times of tokens by attention; the heads are those of the model itself",
        }
    }
}

/// Reads `words`, the program's name left out: flags with their values, and what is no flag.
///
/// # Errors
/// A sentence that names a flag that there is not, that has no value, or that is not done here.
pub fn parse<'a>(flags: &'static [Flag], words: &'a [String]) -> Result<(Vec<Given<'a>>, Vec<&'a str>), String> {
    let (mut given, mut others) = (Vec::new(), Vec::new());
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word == "-" || !word.starts_with('-') {
            others.push(word);
            continue;
        }
        let flag = flags.iter().find(|flag| flag.is(word)).ok_or_else(|| unknown(flags, word))?;
        let value = match flag.value {
            Some(name) => Some(words.next().ok_or_else(|| format!("argument {word} requires a value: {word} {name}"))?),
            None => None,
        };
        match (flag.meaning, value) {
            (Refused(why), _) => return Err(format!("argument {word} is whisper-cli's and is not done here: {why}")),
            (Only(only, why), Some(value)) if value != only => {
                return Err(format!("argument {word}: {value} is not done here, only {only}: {why}"));
            }
            _ => given.push((flag, value)),
        }
    }
    Ok((given, others))
}

fn unknown(flags: &[Flag], word: &str) -> String {
    let forms = flags.iter().flat_map(|flag| flag.short.into_iter().chain([flag.long]));
    let scored = forms.map(|form| (strsim::jaro(word, form), form));
    let near = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.75);
    let hint = near.map_or_else(|| "--help shows all".to_owned(), |(_, form)| format!("did you mean '{form}'?"));
    format!("unknown argument: {word}; {hint}")
}

/// The usage text of a program of this name.
fn usage(name: &str, operands: &str, flags: &[Flag]) -> String {
    let left =
        |flag: &Flag| format!("{}{}", flag.forms(), flag.value.map_or(String::new(), |value| format!(" {value}")));
    let width = flags.iter().map(|flag| left(flag).len()).max().unwrap_or(0);
    let lines = flags.iter().map(|flag| format!("  {:width$}  {}\n", left(flag), flag.help()));
    format!("usage: {name} [options]{operands}\n\noptions:\n{}", lines.collect::<String>())
}

/// The usage text of whisper-cli.
pub fn cli_usage() -> String {
    usage("whisper-cli", " file0 file1 ...", FLAGS)
}

/// The usage text of whisper-bench.
pub fn bench_usage() -> String {
    usage("whisper-bench", "", BENCH_FLAGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every flag that its parser compares with, both forms.
    const STOCK: &str = "-h --help --version -t --threads -p --processors -ot --offset-t -on --offset-n -d --duration \
        -mc --max-context -ml --max-len -bo --best-of -bs --beam-size -ac --audio-ctx -wt --word-thold \
        -et --entropy-thold -lpt --logprob-thold -nth --no-speech-thold -tp --temperature -tpi --temperature-inc \
        -debug --debug-mode -tr --translate -di --diarize -tdrz --tinydiarize -sow --split-on-word -nf --no-fallback \
        -otxt --output-txt -ovtt --output-vtt -osrt --output-srt -owts --output-words -olrc --output-lrc \
        -fp --font-path -ocsv --output-csv -oj --output-json -ojf --output-json-full -of --output-file \
        -np --no-prints -ps --print-special -pc --print-colors --print-confidence -pp --print-progress \
        -nt --no-timestamps -l --language -dl --detect-language --prompt --carry-initial-prompt -m --model -f --file \
        -oved --ov-e-device -dtw --dtw -ls --log-score -ng --no-gpu -dev --device -fa --flash-attn \
        -nfa --no-flash-attn -sns --suppress-nst --suppress-regex --grammar --grammar-rule --grammar-penalty --vad \
        -vm --vad-model -vt --vad-threshold -vspd --vad-min-speech-duration-ms -vsd --vad-min-silence-duration-ms \
        -vmsd --vad-max-speech-duration-s -vp --vad-speech-pad-ms -vo --vad-samples-overlap";

    fn forms(flags: &'static [Flag]) -> Vec<&'static str> {
        flags.iter().flat_map(|flag| flag.short.into_iter().chain([flag.long])).collect()
    }

    #[test]
    fn every_flag_of_stock_is_known_and_no_other() {
        let mut stock: Vec<&str> = STOCK.split_whitespace().collect();
        let mut known = forms(FLAGS);
        stock.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, stock);
    }

    #[test]
    fn what_is_done_elsewhere_names_an_option_of_transcribe() {
        use clap::CommandFactory;
        let command = crate::args::Cli::command();
        let transcribe = command.find_subcommand("transcribe").unwrap();
        for flag in FLAGS {
            let (Same(name) | Milliseconds(name) | Unless(name, _)) = flag.meaning else { continue };
            let option = transcribe.get_arguments().find(|arg| arg.get_long() == name.strip_prefix("--"));
            let option = option.unwrap_or_else(|| panic!("{name}"));
            assert_eq!(option.get_action().takes_values(), flag.value.is_some(), "{name}");
        }
    }

    #[test]
    fn what_is_not_done_is_refused_by_its_name() {
        for flag in FLAGS {
            for form in flag.short.into_iter().chain([flag.long]) {
                let mut words = vec![form.to_owned()];
                words.extend(flag.value.map(|_| "7".to_owned()));
                let parsed = parse(FLAGS, &words);
                let refused = matches!(flag.meaning, Refused(_) | Only(..));
                assert_eq!(parsed.is_err(), refused, "{form}");
                assert!(parsed.err().is_none_or(|message| message.contains(form)), "{form}");
                if flag.value.is_some() {
                    let message = parse(FLAGS, &words[..1]).unwrap_err();
                    assert!(message.contains(form) && message.contains("requires a value"), "{message}");
                }
            }
        }
    }

    #[test]
    fn slips_get_the_nearest() {
        for (word, near) in [("--no-print", "'--no-prints'"), ("-otx", "'-otxt'"), ("--beam", "'--beam-size'")] {
            let message = parse(FLAGS, &[word.to_owned()]).unwrap_err();
            assert!(message.contains(word) && message.contains(near), "{message}");
        }
        assert!(parse(FLAGS, &["-%%%".to_owned()]).unwrap_err().contains("--help"));
    }

    #[test]
    fn values_may_begin_with_a_dash() {
        let words = ["-mc", "-1", "-f", "-", "-", "a.wav"].map(str::to_owned);
        let (given, others) = parse(FLAGS, &words).unwrap();
        assert_eq!(given.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [Some("-1"), Some("-")]);
        assert_eq!(others, ["-", "a.wav"]);
    }
}

//! Ctrl-C and a polite request to end: the first asks the work to stop where
//! nothing is lost, the second ends the program at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Starts to listen. Where the system allows no handler, Ctrl-C just ends the program.
pub fn listen() {
    let requested = REQUESTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first one must not yet see its own mark.
        let second = flag::register_conditional_shutdown(signal, 1, requested.clone());
        let _ = second.and_then(|_| flag::register(signal, requested.clone()));
    }
}

/// Whether the work should stop.
pub fn requested() -> bool {
    REQUESTED.get().is_some_and(|requested| requested.load(Ordering::Relaxed))
}

/// The command of this run with `flags` after its verb, where they are missing, as a shell takes it; `None`
/// where it would be too long to read or cannot be written as text.
pub fn command_with(flags: &[&str]) -> Option<String> {
    let words: Option<Vec<String>> = std::env::args_os().map(|word| word.into_string().ok()).collect();
    let mut words = words?;
    let verb = words.iter().position(|word| word == "transcribe")?;
    for flag in flags.iter().rev() {
        if !words.iter().any(|word| word == flag) {
            words.insert(verb + 1, (*flag).to_owned());
        }
    }
    let command = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    (command.len() <= 1000).then_some(command)
}

/// A word as a POSIX shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("talk.mp3"), "talk.mp3");
        assert_eq!(quoted("my talk.mp3"), "'my talk.mp3'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}

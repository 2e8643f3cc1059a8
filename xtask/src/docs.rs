//! Man pages and shell completions, made from the definitions of the command line.

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use std::fs;
use std::path::{Path, PathBuf};

/// The shells that `clap_complete` knows.
const SHELLS: [Shell; 5] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell];

/// The version is a flag of our own, which the generators do not know as one.
fn command() -> Command {
    noctule_cli::command().version(env!("CARGO_PKG_VERSION"))
}

/// The man page of the program and one for each verb, also those below a verb: (file name, text).
///
/// # Errors
/// None but of memory.
pub fn man_pages() -> Result<Vec<(String, Vec<u8>)>> {
    let mut command = command();
    command.build();
    let mut pages = Vec::new();
    pages_below(&command, "noctule", &mut pages)?;
    Ok(pages)
}

fn pages_below(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let full: &'static str = name.to_owned().leak();
    pages.push((format!("{name}.1"), page(command.clone().name(full).version(env!("CARGO_PKG_VERSION")))?));
    for verb in verbs(command) {
        pages_below(verb, &format!("{name}-{}", verb.get_name()), pages)?;
    }
    Ok(())
}

fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| verb.get_name() != "help" && !verb.is_hide_set())
}

fn page(command: Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(command).manual("noctule").render(&mut text)?;
    Ok(text)
}

/// Writes the man pages to `folder`.
pub fn man(folder: &Path) -> Result<()> {
    make(folder)?;
    for (name, text) in man_pages()? {
        write(&folder.join(name), &text)?;
    }
    Ok(())
}

/// Writes a completion script for each shell to `folder`; returns their paths.
pub fn completion_scripts(folder: &Path) -> Result<Vec<PathBuf>> {
    make(folder)?;
    let script = |shell| clap_complete::generate_to(shell, &mut command(), "noctule", folder);
    SHELLS.into_iter().map(|shell| script(shell).context("writing completions")).collect()
}

/// The same, telling what was written.
pub fn completions(folder: &Path) -> Result<()> {
    completion_scripts(folder)?.iter().for_each(|path| println!("{}", path.display()));
    Ok(())
}

/// Makes a folder.
pub fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every verb as it is typed, "models pull" for one, with its long options.
    fn long_options() -> Vec<(String, Vec<String>)> {
        fn below(command: &Command, name: &str, found: &mut Vec<(String, Vec<String>)>) {
            let long = |arg: &clap::Arg| arg.get_long().filter(|_| !arg.is_hide_set()).map(str::to_owned);
            found.push((name.to_owned(), command.get_arguments().filter_map(long).collect()));
            verbs(command).for_each(|verb| below(verb, format!("{name} {}", verb.get_name()).trim(), found));
        }
        let mut found = Vec::new();
        below(&command(), "", &mut found);
        found
    }

    #[test]
    fn man_pages_have_every_option() {
        let pages = man_pages().unwrap();
        let options = long_options();
        assert_eq!(pages.len(), options.len());
        for ((file, text), (verb, options)) in pages.iter().zip(&options) {
            let name = format!("noctule {verb}").trim().replace(' ', "-");
            assert_eq!(*file, format!("{name}.1"));
            let text = String::from_utf8(text.clone()).unwrap().replace("\\-", "-");
            assert!(text.contains(&format!(".TH {name} 1")), "{}", &text[..200]);
            for option in options {
                assert!(text.contains(&format!("--{option}")), "{name}: {option}");
            }
        }
        let (_, transcribe) = pages.iter().find(|(file, _)| file == "noctule-transcribe.1").unwrap();
        assert!(String::from_utf8_lossy(transcribe).contains("Exit codes"));
    }

    #[test]
    fn completions_have_every_option() {
        let folder = std::env::temp_dir().join(format!("noctule-completions-{}", std::process::id()));
        let scripts = completion_scripts(&folder).unwrap();
        assert_eq!(scripts.len(), SHELLS.len());
        for path in &scripts {
            let text = fs::read_to_string(path).unwrap();
            for option in long_options().into_iter().flat_map(|(_, options)| options) {
                assert!(text.contains(&option), "{option} in {}", path.display());
            }
        }
        let bash = folder.join("noctule.bash");
        let checked = std::process::Command::new("bash").arg("-n").arg(bash).status();
        assert!(checked.is_ok_and(|status| status.success()), "bash reads its script");
        fs::remove_dir_all(folder).unwrap();
    }
}

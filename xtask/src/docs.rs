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

/// The man page of the program and one for each verb: (file name, text).
///
/// # Errors
/// None but of memory.
pub fn man_pages() -> Result<Vec<(String, Vec<u8>)>> {
    let mut command = command();
    command.build();
    let mut pages = vec![("noctule.1".to_owned(), page(command.clone())?)];
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let name = format!("noctule-{}", verb.get_name());
        let full: &'static str = name.clone().leak();
        pages.push((format!("{name}.1"), page(verb.clone().name(full).version(env!("CARGO_PKG_VERSION")))?));
    }
    Ok(pages)
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

    fn long_options() -> Vec<String> {
        let command = command();
        let verb = command.find_subcommand("transcribe").unwrap();
        verb.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
    }

    #[test]
    fn man_pages_have_every_option() {
        let pages = man_pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["noctule.1", "noctule-transcribe.1"]);
        let text = String::from_utf8(pages[1].1.clone()).unwrap().replace("\\-", "-");
        assert!(text.contains(".TH noctule-transcribe 1"), "{}", &text[..200]);
        for option in long_options() {
            assert!(text.contains(&format!("--{option}")), "{option}");
        }
        assert!(text.contains("Exit codes"));
    }

    #[test]
    fn completions_have_every_option() {
        let folder = std::env::temp_dir().join(format!("noctule-completions-{}", std::process::id()));
        let scripts = completion_scripts(&folder).unwrap();
        assert_eq!(scripts.len(), SHELLS.len());
        for path in &scripts {
            let text = fs::read_to_string(path).unwrap();
            for option in long_options() {
                assert!(text.contains(&option), "{option} in {}", path.display());
            }
        }
        let bash = folder.join("noctule.bash");
        let checked = std::process::Command::new("bash").arg("-n").arg(bash).status();
        assert!(checked.is_ok_and(|status| status.success()), "bash reads its script");
        fs::remove_dir_all(folder).unwrap();
    }
}

//! A Debian binary package (deb(5)): an `ar` archive of a version, control data and files.

use crate::dist::{Entry, VERSION, gzip, tarball};
use anyhow::Result;
use std::fmt::Write;

/// Packs `files` for Debian's architecture of this name.
pub fn package(architecture: &str, files: &[Entry]) -> Result<Vec<u8>> {
    let control = [Entry::new("control", control(architecture, files))];
    let mut builder = ar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", gzip(&tarball(&control)?)?),
        ("data.tar.gz", gzip(&tarball(files)?)?),
    ] {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mode(0o100_644);
        builder.append(&header, bytes.as_slice())?;
    }
    Ok(builder.into_inner()?)
}

/// The program is static, so the package depends on nothing.
fn control(architecture: &str, files: &[Entry]) -> String {
    let kib: usize = files.iter().map(|entry| entry.bytes.len().div_ceil(1024)).sum();
    format!(
        "Package: noctule\nVersion: {VERSION}\nArchitecture: {architecture}\n\
         Maintainer: The noctule developers <noctule@users.noreply.github.com>\nInstalled-Size: {kib}\n\
         Section: sound\nPriority: optional\nHomepage: https://github.com/noctule/noctule\n\
         Description: speech to text for small computers\n \
         Transcribes recordings with OpenAI's Whisper, reading the model files of whisper.cpp.\n \
         A small English model is part of the program.\n"
    )
}

/// The copyright file in Debian's machine-readable form (DEP 5).
pub fn copyright(mit: &str) -> String {
    let mut text = String::from(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: noctule\nSource: https://github.com/noctule/noctule\n\n\
         Files: *\nCopyright: The noctule developers\nLicense: Expat or Apache-2.0\n\n\
         Files: usr/bin/noctule\nCopyright: The noctule developers; OpenAI (the embedded model tiny.en)\n\
         License: Expat\nComment: The model's weights are OpenAI's, under the same licence.\n\n\
         License: Apache-2.0\n On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n\n\
         License: Expat\n",
    );
    for line in mit.lines() {
        let _ = writeln!(text, " {}", if line.trim().is_empty() { "." } else { line });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpkg_reads_the_package() {
        let files = [Entry::program("usr/bin/noctule", b"program"), Entry::new("usr/share/doc/noctule/copyright", "x")];
        let path = std::env::temp_dir().join(format!("noctule-{}.deb", std::process::id()));
        std::fs::write(&path, package("arm64", &files).unwrap()).unwrap();
        let ask = |option: &str| std::process::Command::new("dpkg-deb").arg(option).arg(&path).output();
        let Ok(info) = ask("--info") else {
            eprintln!("skipped: there is no dpkg-deb");
            return;
        };
        let text = String::from_utf8_lossy(&info.stdout).into_owned();
        assert!(info.status.success(), "{}", String::from_utf8_lossy(&info.stderr));
        assert!(text.contains("Package: noctule") && text.contains("Architecture: arm64"), "{text}");
        let contents = String::from_utf8_lossy(&ask("--contents").unwrap().stdout).into_owned();
        assert!(contents.contains("-rwxr-xr-x root/root") || contents.contains("-rwxr-xr-x 0/0"), "{contents}");
        assert!(contents.contains("usr/bin/noctule"), "{contents}");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn empty_lines_of_a_licence_are_dots() {
        assert!(copyright("a\n\nb").ends_with("License: Expat\n a\n .\n b\n"));
    }
}

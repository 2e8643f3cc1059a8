//! Documents to files and to standard output.

use crate::failure::Failure;
use noctule::Transcript;
use noctule::format::{self, Captions, Document, Format};
use noctule::report::{Kernels, Memory, Model, Timing};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Makes the folder for the output, if it is not there.
pub fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| {
        Failure::work(format!("cannot make the folder {}: {error}; choose another --output-dir", folder.display()))
    })
}

/// Writes a file whole or not at all: under another name in the same folder
/// first, renamed when its bytes are on the disk.
pub fn write_file(path: &Path, format: Format, document: &Document, captions: &Captions) -> Result<(), Failure> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    let aside = aside(path);
    let written = write_aside(&aside, format, document, captions).and_then(|()| fs::rename(&aside, path));
    written.map_err(|error| {
        // It may not be there; the first error is the one that matters.
        let _ = fs::remove_file(&aside);
        Failure::work(format!("cannot write {}: {error}; choose another --output-dir", path.display()))
    })
}

fn write_aside(aside: &Path, format: Format, document: &Document, captions: &Captions) -> io::Result<()> {
    let mut writer = BufWriter::new(File::create(aside)?);
    format::write_captioned(format, document, captions, &mut writer)?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// A hidden name beside `path` that no other run uses.
fn aside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

/// Writes a document to standard output.
pub fn print(format: Format, document: &Document, captions: &Captions) -> Result<(), Failure> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    format::write_captioned(format, document, captions, &mut stdout)
        .and_then(|()| stdout.flush())
        .map_err(stdout_failure)
}

/// The line that the text format makes of `transcript`; the facts about the run do not show in it.
pub fn text_line(transcript: &Transcript) -> Result<String, Failure> {
    let (model, timing, kernels) = (Model::default(), Timing::default(), Kernels::default());
    let document = Document {
        file: "",
        model: &model,
        transcript,
        timing: &timing,
        memory: Memory::default(),
        kernels: &kernels,
        origin: None,
    };
    let mut bytes = Vec::new();
    format::write(Format::Txt, &document, &mut bytes).map_err(Failure::work)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A reader that has seen enough is no error.
pub fn stdout_failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::work(format!("cannot write to standard output: {error}")),
    }
}

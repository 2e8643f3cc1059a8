//! Writing legacy ggml files that any reader of the format accepts, whole or not at all.
//!
//! A [`Header`] and the data of every tensor enter, a file leaves. The writer holds itself to the
//! reader's rules: a tensor that the reader would refuse is not written, and a file without all its
//! tensors is never finished. [`FileWriter`] writes beside the target and renames at the end, so
//! that nobody ever sees half a model and a mapped old one stays intact.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use noctule_kernels::block::GgmlType;

use crate::error::{Error, ErrorKind, TensorProblem};
use crate::ggml;
use crate::header::Header;
use crate::names::{self, Expected};

/// Writes a header alone, which lends its vocabulary.
///
/// # Errors
/// If the sink fails.
pub fn header(out: &mut impl Write, header: &Header) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    header.write(&mut bytes)?;
    out.write_all(&bytes)?;
    out.flush()
}

/// Writes one model to any byte sink, tensor by tensor.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    file: String,
    expected: Vec<Expected>,
    written: Vec<bool>,
    offset: u64,
    /// The tensor whose data are being written: its place in `expected`, and the bytes still missing.
    open: Option<(usize, u64)>,
}

impl<W: Write> Writer<W> {
    /// Begins a model by writing its header. `file` names the sink in errors.
    ///
    /// # Errors
    /// If the header is one that the reader would refuse, or the sink fails.
    pub fn new(out: W, file: &str, header: &Header) -> Result<Writer<W>, Error> {
        header.check().map_err(|kind| Error::new(file, kind))?;
        let mut head = Vec::new();
        let mut writer = Writer {
            out,
            file: file.to_string(),
            expected: names::expected(&header.hparams),
            written: Vec::new(),
            offset: 0,
            open: None,
        };
        writer.written = vec![false; writer.expected.len()];
        header.write(&mut head).map_err(|e| writer.io(e))?;
        writer.put(&head)?;
        Ok(writer)
    }

    /// The tensors that the model needs, in the usual order.
    pub fn expected(&self) -> &[Expected] {
        &self.expected
    }

    /// Writes one tensor. Its shape follows from its name; `data` are the packed values, row after
    /// row. Tensors may come in any order.
    ///
    /// # Errors
    /// [`ErrorKind::Tensor`] if the model has no such tensor, has it already, may not have it in
    /// this type, or if `data` is not exactly as long as type and shape need; [`ErrorKind::Io`] if
    /// the sink fails.
    pub fn tensor(&mut self, name: &str, ty: GgmlType, data: &[u8]) -> Result<(), Error> {
        let (i, needed) = self.check(name, ty)?;
        let given = data.len() as u64;
        if needed != given {
            return Err(self.problem(name, TensorProblem::DataSize { needed, given }));
        }
        self.begin_checked(i, ty, needed)?;
        self.data(data)
    }

    /// Begins a tensor whose data follow in pieces through [`data`](Self::data).
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn begin(&mut self, name: &str, ty: GgmlType) -> Result<(), Error> {
        let (i, needed) = self.check(name, ty)?;
        self.begin_checked(i, ty, needed)
    }

    /// Writes the next bytes of the tensor that was begun.
    ///
    /// # Errors
    /// [`TensorProblem::DataSize`] if the tensor is not that long, or none was begun;
    /// [`ErrorKind::Io`] if the sink fails.
    pub fn data(&mut self, data: &[u8]) -> Result<(), Error> {
        let given = data.len() as u64;
        let Some((i, missing)) = self.open else {
            return Err(self.problem("(none)", TensorProblem::DataSize { needed: 0, given }));
        };
        let Some(left) = missing.checked_sub(given) else {
            return Err(self.problem(&self.expected[i].name, TensorProblem::DataSize { needed: missing, given }));
        };
        self.put(data)?;
        if left == 0 {
            self.written[i] = true;
        }
        self.open = Some((i, left)).filter(|_| left > 0);
        Ok(())
    }

    /// The place of the tensor in `expected` and the bytes of its data.
    fn check(&self, name: &str, ty: GgmlType) -> Result<(usize, u64), Error> {
        if let Some((i, needed)) = self.open {
            return Err(self.problem(&self.expected[i].name, TensorProblem::DataSize { needed, given: 0 }));
        }
        let error = |problem| self.problem(name, problem);
        let i = self.expected.iter().position(|e| e.name == name).ok_or_else(|| error(TensorProblem::Unknown))?;
        let Expected { ne, role, .. } = &self.expected[i];
        if self.written[i] {
            return Err(error(TensorProblem::Duplicate));
        }
        ggml::allowed(ty, *role).map_err(error)?;
        Ok((i, ggml::data_size(ty, ne).map_err(error)?))
    }

    fn begin_checked(&mut self, i: usize, ty: GgmlType, needed: u64) -> Result<(), Error> {
        let Expected { name, ne, .. } = &self.expected[i];
        let mut head = Vec::with_capacity(32 + name.len());
        for value in [ne.len() as u32, name.len() as u32, ty.id()] {
            head.extend(value.to_le_bytes());
        }
        for &n in ne {
            head.extend((n as u32).to_le_bytes());
        }
        head.extend(name.as_bytes());
        self.put(&head)?;
        self.open = Some((i, needed));
        Ok(())
    }

    fn problem(&self, name: &str, problem: TensorProblem) -> Error {
        let kind = ErrorKind::Tensor { tensor: name.to_string(), offset: self.offset, problem };
        Error::new(&self.file, kind)
    }

    /// Ends the model and returns the sink, flushed.
    ///
    /// # Errors
    /// [`ErrorKind::MissingTensors`] if not all tensors were written; [`ErrorKind::Io`] if the sink
    /// fails.
    pub fn finish(mut self) -> Result<W, Error> {
        if let Some(first) = self.written.iter().position(|done| !done) {
            let kind = ErrorKind::MissingTensors {
                first: self.expected[first].name.clone(),
                count: self.written.iter().filter(|done| !**done).count(),
                expected: self.expected.len(),
            };
            return Err(Error::new(&self.file, kind));
        }
        self.out.flush().map_err(|e| self.io(e))?;
        Ok(self.out)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(|e| self.io(e))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn io(&self, source: std::io::Error) -> Error {
        let action = "write to";
        Error::new(&self.file, ErrorKind::Io { action, source })
    }
}

/// Writes one model to a file that appears under its name only when it is complete.
///
/// The bytes go to a hidden file `.NAME.PID.part` in the same folder, are forced to the disk, and
/// the file is then renamed over the target. Dropping an unfinished writer removes it.
#[derive(Debug)]
pub struct FileWriter {
    writer: Option<Writer<BufWriter<File>>>,
    aside: PathBuf,
    target: PathBuf,
}

impl FileWriter {
    /// Begins a model that will appear at `path`, replacing a file that is there.
    ///
    /// # Errors
    /// [`ErrorKind::NotAFile`] if `path` is a directory, pipe or device, [`ErrorKind::Io`] if the
    /// folder cannot be written, and what [`Writer::new`] refuses.
    pub fn create(path: &Path, header: &Header) -> Result<FileWriter, Error> {
        let shown = path.display().to_string();
        let error = |kind| Error::new(&shown, kind);
        let target = resolve_target(path).map_err(error)?;
        let aside = aside(&target);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&aside)
            .map_err(|source| error(ErrorKind::Io { action: "create", source }))?;
        let mut this = FileWriter { writer: None, aside, target };
        this.writer = Some(Writer::new(BufWriter::with_capacity(1 << 20, file), &shown, header)?);
        Ok(this)
    }

    /// Writes one tensor: see [`Writer::tensor`].
    ///
    /// # Errors
    /// Those of [`Writer::tensor`].
    pub fn tensor(&mut self, name: &str, ty: GgmlType, data: &[u8]) -> Result<(), Error> {
        self.writer().tensor(name, ty, data)
    }

    /// Begins a tensor: see [`Writer::begin`].
    ///
    /// # Errors
    /// Those of [`Writer::begin`].
    pub fn begin(&mut self, name: &str, ty: GgmlType) -> Result<(), Error> {
        self.writer().begin(name, ty)
    }

    /// Writes the next bytes of the tensor that was begun: see [`Writer::data`].
    ///
    /// # Errors
    /// Those of [`Writer::data`].
    pub fn data(&mut self, data: &[u8]) -> Result<(), Error> {
        self.writer().data(data)
    }

    fn writer(&mut self) -> &mut Writer<BufWriter<File>> {
        match &mut self.writer {
            Some(writer) => writer,
            None => unreachable!("only finish takes the writer, and it consumes self"),
        }
    }

    /// Forces the file to the disk and gives it its name.
    ///
    /// # Errors
    /// Those of [`Writer::finish`], and [`ErrorKind::Io`] if the disk or the rename fails. The
    /// target is then as it was.
    pub fn finish(mut self) -> Result<(), Error> {
        let Some(writer) = self.writer.take() else {
            unreachable!("only finish takes the writer, and it consumes self")
        };
        let shown = writer.file.clone();
        let io = |action| {
            let shown = &shown;
            move |source| Error::new(shown, ErrorKind::Io { action, source })
        };
        let out = writer.finish()?;
        let file = out.into_inner().map_err(|e| io("write to")(e.into_error()))?;
        file.sync_all().map_err(io("force to the disk"))?;
        drop(file);
        std::fs::rename(&self.aside, &self.target).map_err(io("rename to"))?;
        // A rename lasts when its folder is on the disk. Some file systems cannot do that for a
        // folder; the model itself is safe there all the same.
        #[cfg(unix)]
        if let Some(folder) = self.target.parent() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        // After a successful rename nothing is left under this name.
        let _ = std::fs::remove_file(&self.aside);
    }
}

/// Follows a link at `path` to the file that shall be replaced, and refuses to replace what is not
/// a file.
fn resolve_target(path: &Path) -> Result<PathBuf, ErrorKind> {
    match std::fs::metadata(path) {
        Ok(metadata) => {
            crate::source::refuse_irregular(&metadata)?;
            path.canonicalize().map_err(|source| ErrorKind::Io { action: "resolve", source })
        }
        Err(_) => Ok(path.to_path_buf()),
    }
}

/// The hidden name beside the target, with the process id so that two writers do not meet.
fn aside(target: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    target.with_file_name(name)
}

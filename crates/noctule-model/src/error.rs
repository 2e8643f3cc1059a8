//! What can be wrong with a model file, in types.
//!
//! Every [`Error`] names the file; its [`ErrorKind`] names the place (byte offset, header field or
//! tensor) and, where there is one, the remedy. The bytes of a file are hostile until checked:
//! names quoted from it are escaped and cut.

use std::fmt;
use std::io;

/// A model file that could not be read or written, and why.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {kind}")]
pub struct Error {
    file: String,
    #[source]
    kind: ErrorKind,
}

impl Error {
    pub(crate) fn new(file: impl Into<String>, kind: ErrorKind) -> Self {
        Error { file: file.into(), kind }
    }

    /// The path of the file, or the name that was given for bytes in memory.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What is wrong with it.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }
}

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused an operation on the file.
    #[error("cannot {action}: {source}")]
    Io {
        /// The operation, as a verb: "open", "map", "write to", "rename".
        action: &'static str,
        /// The operating system's reason.
        source: io::Error,
    },

    /// The path leads to something that is not a regular file.
    #[error("is {what}, not a file; give the path of a ggml model (.bin)")]
    NotAFile {
        /// What it is: "a directory", "a pipe", "a device".
        what: &'static str,
    },

    /// The first bytes are not those of a legacy ggml file.
    #[error("is not a ggml model: {found}")]
    NotGgml {
        /// What the bytes look like, and what to do.
        found: String,
    },

    /// The file ends inside something.
    #[error(
        "ends too early: {what} at byte {offset} needs {needed} bytes and {available} are left; \
         the file is damaged or was not downloaded to its end, fetch it again"
    )]
    Truncated {
        /// What was being read.
        what: String,
        /// Where it starts, in bytes from the beginning of the file.
        offset: u64,
        /// How many bytes it takes.
        needed: u64,
        /// How many bytes the file still has there.
        available: u64,
    },

    /// A number of the header is outside what a Whisper model can have.
    #[error("header field {field} (byte {offset}) is {value}: {expected}")]
    Header {
        /// The field's name as whisper.cpp and OpenAI call it.
        field: &'static str,
        /// Where it stands, in bytes from the beginning of the file.
        offset: u64,
        /// The value found.
        value: i64,
        /// What it must be, and why.
        expected: String,
    },

    /// The vocabulary contradicts the header.
    #[error("vocabulary (byte {offset}): {problem}")]
    Vocabulary {
        /// Where the offending entry starts, in bytes from the beginning of the file.
        offset: u64,
        /// What is wrong.
        problem: String,
    },

    /// A tensor is not what the header promises.
    #[error("tensor {tensor} (byte {offset}): {problem}")]
    Tensor {
        /// The tensor's name, or its number in the file where the name cannot be read.
        tensor: String,
        /// Where the tensor's header starts, in bytes from the beginning of the file.
        offset: u64,
        /// What is wrong with it.
        problem: TensorProblem,
    },

    /// Tensors that the header promises are not in the file.
    #[error(
        "{count} of {expected} tensors are missing, the first is {first}; \
         the file is damaged or its header does not belong to it"
    )]
    MissingTensors {
        /// The first missing tensor, in the usual order of files.
        first: String,
        /// How many are missing.
        count: usize,
        /// How many the model has.
        expected: usize,
    },

    /// The file has a header and no tensor at all.
    #[error("has a header and no weights (such files are made for tests); give a whole model")]
    NoWeights,

    /// A file of another format is not as its format says.
    #[error("{format}, byte {offset}: {problem}")]
    Malformed {
        /// The format's name.
        format: &'static str,
        /// Where, in bytes from the beginning of the file; 0 where the format has no places.
        offset: u64,
        /// What is wrong, and what to do where something can be done.
        problem: String,
    },

    /// A pickle asks for something that loading a state dictionary never needs.
    #[error(
        "refused: the pickle asks for {what} at byte {offset}, which no state dictionary needs; nothing was executed. \
         If you trust the file, load it with PyTorch and save its state_dict() alone"
    )]
    Forbidden {
        /// Where, in bytes from the beginning of the file.
        offset: u64,
        /// The opcode or name.
        what: String,
    },

    /// A checkpoint without token texts.
    #[error(
        "has no vocabulary: give a file that has the {n_vocab} tokens of its kind (any ggml model, vocab.json, or OpenAI's \
         .tiktoken file)"
    )]
    NoVocabulary {
        /// Tokens of the model.
        n_vocab: usize,
    },

    /// Bytes follow the last tensor.
    #[error(
        "{count} bytes follow the last tensor at byte {offset}; \
         the file is damaged or two files were joined"
    )]
    TrailingBytes {
        /// Where the model ends, in bytes from the beginning of the file.
        offset: u64,
        /// How many bytes follow.
        count: u64,
    },
}

/// What is wrong with one tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorProblem {
    /// More dimensions than ggml has.
    #[error("{0} dimensions; at most 4 exist")]
    Dimensions(i64),

    /// A name that is empty or longer than any tensor's.
    #[error("a name of {0} bytes; names have 1 to 128")]
    NameLength(i64),

    /// A name that a Whisper model of these dimensions does not have.
    #[error("no such tensor in a model with this header")]
    Unknown,

    /// The name occurred before.
    #[error("occurs twice")]
    Duplicate,

    /// The shape is not the one that the header implies.
    #[error("shape {found}, but the header implies {expected}")]
    Shape {
        /// The shape in the file, fastest dimension first.
        found: Shape,
        /// The shape that it must have.
        expected: Shape,
    },

    /// A type number that is not a ggml type, or one whose type was removed.
    #[error("type {0} is not a ggml type that this program knows")]
    UnknownType(i64),

    /// A type that exists but not for this tensor.
    #[error("type {found} cannot be used here: {reason}")]
    TypeNotAllowed {
        /// The type's name.
        found: &'static str,
        /// Why not, and what may stand here.
        reason: &'static str,
    },

    /// A value that is infinite or not a number, where that is checked.
    #[error("value {at} is not finite; the file is damaged")]
    NotFinite {
        /// The value's number in the tensor.
        at: usize,
    },

    /// A value that 16 bits cannot hold.
    #[error("value {at} is too large for f16; convert to f32")]
    TooLarge {
        /// The value's number in the tensor.
        at: usize,
    },

    /// An output layer of its own.
    #[error("differs from the token embedding, but a Whisper's output layer is its token embedding")]
    NotTied,

    /// Data for the writer that are not as long as type and shape need.
    #[error("{given} bytes of data where type and shape need {needed}")]
    DataSize {
        /// Bytes that type and shape need.
        needed: u64,
        /// Bytes that were given.
        given: u64,
    },

    /// Rows that are not whole blocks of the type.
    #[error(
        "a row has {row} values, which is not a multiple of the {block} in a block of {ty}; \
         such a file was quantised wrongly, use a type with a smaller block (q8_0, q5_1)"
    )]
    Row {
        /// Values in a row.
        row: usize,
        /// Values in a block.
        block: usize,
        /// The type's name.
        ty: &'static str,
    },
}

/// A tensor's dimensions for messages, fastest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape(pub Vec<i64>);

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, n) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{n}")?;
        }
        f.write_str("]")
    }
}

/// Bytes of a file as printable text: escaped, and cut after 64 bytes.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(64)];
    let dots = if shown.len() < bytes.len() { "…" } else { "" };
    format!("{}{dots}", shown.escape_ascii())
}

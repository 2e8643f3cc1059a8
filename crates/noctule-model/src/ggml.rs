//! The reader of whisper.cpp's legacy ggml file.
//!
//! The bytes of a file enter; hyperparameters, filters, vocabulary and a checked list of tensors
//! leave. Every tensor that [`crate::names::expected`] lists must occur exactly once with its shape,
//! a type allowed for its role, whole blocks in every row and all of its bytes. Nothing else may
//! occur. Memory beyond the bytes themselves is bounded by the limits of the header (a few
//! megabytes), whatever the file claims. The format is described in `docs/FORMATS.md`.

use std::collections::HashMap;

use noctule_kernels::block::GgmlType;

use crate::cursor::Cursor;
use crate::error::{ErrorKind, Shape, TensorProblem, printable};
use crate::header::Header;
use crate::names::{self, Expected, Role};
use crate::tensor::TensorInfo;

/// No tensor of a Whisper model has a name of more than 48 bytes.
const MAX_NAME_BYTES: i32 = 128;

/// A whole file: what stands before the tensors, and the tensors in the order of the file.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub header: Header,
    pub tensors: Vec<TensorInfo>,
}

/// Reads and checks a whole file.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, ErrorKind> {
    let mut cursor = Cursor::new(bytes);
    let header = Header::read(&mut cursor)?;
    let expected = names::expected(&header.hparams);
    let tensors = read_tensors(&mut cursor, &expected)?;
    Ok(Parsed { header, tensors })
}

fn read_tensors(cursor: &mut Cursor<'_>, expected: &[Expected]) -> Result<Vec<TensorInfo>, ErrorKind> {
    let index: HashMap<&[u8], usize> = expected.iter().enumerate().map(|(i, e)| (e.name.as_bytes(), i)).collect();
    let mut seen = vec![false; expected.len()];
    let mut tensors = Vec::with_capacity(expected.len());
    while cursor.left() > 0 {
        let complete = tensors.len() == expected.len();
        let (offset, left) = (cursor.offset() as u64, cursor.left() as u64);
        let trailing = ErrorKind::TrailingBytes { offset, count: left };
        let header = match RawTensor::read(cursor, tensors.len()) {
            Ok(header) => header,
            Err(_) if complete => return Err(trailing),
            Err(kind) => return Err(kind),
        };
        let error = |problem| ErrorKind::Tensor { tensor: printable(header.name), offset, problem };
        let Some(&i) = index.get(header.name) else {
            return Err(if complete { trailing } else { error(TensorProblem::Unknown) });
        };
        if std::mem::replace(&mut seen[i], true) {
            return Err(error(TensorProblem::Duplicate));
        }
        let (ty, size) = header.check(&expected[i]).map_err(error)?;
        let start = cursor.offset();
        cursor.take(size, &|| format!("the data of tensor {}", expected[i].name))?;
        tensors.push(TensorInfo {
            name: expected[i].name.clone(),
            ty,
            ne: header.ne.iter().map(|&n| n as usize).collect(),
            role: expected[i].role,
            range: start..cursor.offset(),
        });
    }
    match seen.iter().position(|&found| !found) {
        None => Ok(tensors),
        Some(_) if tensors.is_empty() => Err(ErrorKind::NoWeights),
        Some(first) => Err(ErrorKind::MissingTensors {
            first: expected[first].name.clone(),
            count: expected.len() - tensors.len(),
            expected: expected.len(),
        }),
    }
}

/// A tensor's header as the file has it, nothing checked but the lengths.
pub(crate) struct RawTensor<'a> {
    pub name: &'a [u8],
    pub ty: i32,
    pub ne: Vec<i32>,
}

impl<'a> RawTensor<'a> {
    /// Reads a header; `number` names the tensor in errors until its name is known.
    pub(crate) fn read(cursor: &mut Cursor<'a>, number: usize) -> Result<RawTensor<'a>, ErrorKind> {
        let offset = cursor.offset() as u64;
        let what = || format!("the header of tensor number {}", number + 1);
        let error = |problem| ErrorKind::Tensor { tensor: format!("number {}", number + 1), offset, problem };
        let n_dims = cursor.i32(&what)?;
        let name_len = cursor.i32(&what)?;
        let ty = cursor.i32(&what)?;
        if !(0..=4).contains(&n_dims) {
            return Err(error(TensorProblem::Dimensions(n_dims.into())));
        }
        if !(1..=MAX_NAME_BYTES).contains(&name_len) {
            return Err(error(TensorProblem::NameLength(name_len.into())));
        }
        let ne = (0..n_dims).map(|_| cursor.i32(&what)).collect::<Result<Vec<i32>, ErrorKind>>()?;
        let name = cursor.take(name_len as u64, &what)?;
        Ok(RawTensor { name, ty, ne })
    }

    /// Checks shape and type; returns the type and the size of the data in bytes.
    fn check(&self, expected: &Expected) -> Result<(GgmlType, u64), TensorProblem> {
        let matches = self.ne.len() == expected.ne.len()
            && self.ne.iter().zip(&expected.ne).all(|(&n, &e)| usize::try_from(n) == Ok(e));
        if !matches {
            return Err(TensorProblem::Shape {
                found: Shape(self.ne.iter().map(|&n| n.into()).collect()),
                expected: Shape(expected.ne.iter().map(|&n| n as i64).collect()),
            });
        }
        let ty = known_type(self.ty)?;
        allowed(ty, expected.role)?;
        let size = data_size(ty, &expected.ne)?;
        Ok((ty, size))
    }
}

/// The type with this number.
pub(crate) fn known_type(id: i32) -> Result<GgmlType, TensorProblem> {
    u32::try_from(id).ok().and_then(GgmlType::from_id).ok_or(TensorProblem::UnknownType(id.into()))
}

/// Whether a tensor of this role may have this type.
pub(crate) fn allowed(ty: GgmlType, role: Role) -> Result<(), TensorProblem> {
    let not = |reason| Err(TensorProblem::TypeNotAllowed { found: ty.name(), reason });
    if !ty.is_weight() {
        return not("it is for activations and never stands in a file");
    }
    let float = matches!(ty, GgmlType::F32 | GgmlType::F16 | GgmlType::BF16);
    match role {
        Role::Vector if !float => not("biases and norms are f32, f16 or bf16"),
        Role::Positional if !float => not("positional embeddings are f32, f16 or bf16"),
        Role::Convolution if !float => not("convolutions are f32, f16 or bf16, as their rows have 3 values"),
        _ => Ok(()),
    }
}

/// Bytes of a tensor of this type and shape. The shape has passed the limits of the header, so the
/// product fits 64 bits.
pub(crate) fn data_size(ty: GgmlType, ne: &[usize]) -> Result<u64, TensorProblem> {
    let row = ne[0];
    if !row.is_multiple_of(ty.block_len()) {
        return Err(TensorProblem::Row { row, block: ty.block_len(), ty: ty.name() });
    }
    let rows: u64 = ne[1..].iter().map(|&n| n as u64).product();
    Ok((row / ty.block_len() * ty.block_bytes()) as u64 * rows)
}

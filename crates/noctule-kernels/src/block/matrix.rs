//! A matrix of packed weights as it lies in a file: bytes with a checked shape.
//!
//! The model reader builds a [`Matrix`] over its memory map; the products read rows from it.

use super::GgmlType;

/// Why bytes cannot be a matrix of the stated type and shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatrixError {
    /// A row is not a whole number of blocks.
    PartialBlock {
        /// The type of the weights.
        ty: GgmlType,
        /// The weights in a row.
        cols: usize,
    },
    /// The size in bytes does not fit the address space.
    TooLarge {
        /// The type of the weights.
        ty: GgmlType,
        /// The number of rows.
        rows: usize,
        /// The weights in a row.
        cols: usize,
    },
    /// The slice is shorter or longer than the shape needs.
    WrongSize {
        /// The type of the weights.
        ty: GgmlType,
        /// The number of rows.
        rows: usize,
        /// The weights in a row.
        cols: usize,
        /// The bytes that the shape needs.
        needed: usize,
        /// The bytes that were given.
        given: usize,
    },
}

impl std::fmt::Display for MatrixError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::PartialBlock { ty, cols } => write!(
                f,
                "a row of {cols} weights is not a whole number of {ty} blocks of {}; use a type with a smaller block",
                ty.block_len()
            ),
            Self::TooLarge { ty, rows, cols } => {
                write!(f, "a {rows} x {cols} matrix of {ty} is too large to address")
            }
            Self::WrongSize { ty, rows, cols, needed, given } => {
                write!(f, "a {rows} x {cols} matrix of {ty} takes {needed} bytes, but {given} were given")
            }
        }
    }
}

impl std::error::Error for MatrixError {}

/// A row-major matrix of packed weights, borrowed from wherever the file lies.
///
/// The bytes need no alignment. ggml writes the shape as `ne = [cols, rows]`: a row is the run of
/// weights that one output multiplies.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    ty: GgmlType,
    rows: usize,
    cols: usize,
    row_bytes: usize,
    bytes: &'a [u8],
}

impl<'a> Matrix<'a> {
    /// Views `bytes` as `rows` rows of `cols` weights of type `ty`.
    ///
    /// # Errors
    /// [`MatrixError`] when a row is not a whole number of blocks, the size overflows, or `bytes`
    /// is not exactly as long as the shape needs.
    pub fn new(ty: GgmlType, rows: usize, cols: usize, bytes: &'a [u8]) -> Result<Self, MatrixError> {
        if !cols.is_multiple_of(ty.block_len()) {
            return Err(MatrixError::PartialBlock { ty, cols });
        }
        let row_bytes = ty.row_bytes(cols);
        let needed = row_bytes.and_then(|n| n.checked_mul(rows));
        let (Some(row_bytes), Some(needed)) = (row_bytes, needed) else {
            return Err(MatrixError::TooLarge { ty, rows, cols });
        };
        if bytes.len() != needed {
            return Err(MatrixError::WrongSize { ty, rows, cols, needed, given: bytes.len() });
        }
        Ok(Self { ty, rows, cols, row_bytes, bytes })
    }

    /// The type of the weights.
    pub fn ty(&self) -> GgmlType {
        self.ty
    }

    /// The number of rows: outputs of a product.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The weights in a row: inputs of a product.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The bytes of one row.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// All bytes, row after row.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The packed bytes of row `i`.
    ///
    /// # Panics
    /// When `i >= rows()`.
    pub fn row(&self, i: usize) -> &'a [u8] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        &self.bytes[i * self.row_bytes..(i + 1) * self.row_bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_slices_of_the_bytes() {
        let bytes: Vec<u8> = (0..72).collect();
        let matrix = Matrix::new(GgmlType::Q4_0, 2, 64, &bytes).expect("2 x 2 blocks of 18 bytes");
        assert_eq!((matrix.rows(), matrix.cols(), matrix.row_bytes()), (2, 64, 36));
        assert_eq!(matrix.row(1), &bytes[36..]);
    }

    #[test]
    fn wrong_sizes_are_refused() {
        let ty = GgmlType::Q4_K;
        assert_eq!(Matrix::new(ty, 1, 384, &[0; 216]).unwrap_err(), MatrixError::PartialBlock { ty, cols: 384 });
        assert_eq!(
            Matrix::new(ty, 2, 256, &[0; 144]).unwrap_err(),
            MatrixError::WrongSize { ty, rows: 2, cols: 256, needed: 288, given: 144 }
        );
        assert!(matches!(Matrix::new(GgmlType::F32, usize::MAX, 2, &[]), Err(MatrixError::TooLarge { .. })));
        assert!(matches!(Matrix::new(GgmlType::F32, 1, usize::MAX, &[]), Err(MatrixError::TooLarge { .. })));
        assert!(Matrix::new(GgmlType::F32, 0, 8, &[]).is_ok());
    }
}

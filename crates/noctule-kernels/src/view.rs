//! Views of `f32` matrices: the inputs and outputs of every operation.

/// A read-only matrix of `rows` × `cols` floats, row after row.
///
/// The stride between rows may be smaller than `cols`: overlapping rows are how a convolution over
/// time reads its input as a matrix without copying it.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    stride: usize,
}

fn extent(rows: usize, cols: usize, stride: usize) -> usize {
    match rows {
        0 => 0,
        _ => (rows - 1)
            .checked_mul(stride)
            .and_then(|start| start.checked_add(cols))
            .expect("a matrix larger than the address space"),
    }
}

impl<'a> Rows<'a> {
    /// Views `data` as dense rows.
    ///
    /// # Panics
    /// When `data` is shorter than `rows · cols`.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Views `data` as rows that start `stride` floats apart, which may be fewer than `cols`.
    ///
    /// # Panics
    /// When `data` ends before the last row does.
    pub fn strided(data: &'a [f32], rows: usize, cols: usize, stride: usize) -> Self {
        let needed = extent(rows, cols, stride);
        assert!(
            data.len() >= needed,
            "{rows} rows of {cols} floats at stride {stride} need {needed} floats, {} given",
            data.len()
        );
        Self { data, rows, cols, stride }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The floats in a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The floats between the starts of two rows.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Row `i`.
    ///
    /// # Panics
    /// When `i >= rows()`.
    pub fn row(&self, i: usize) -> &'a [f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        &self.data[i * self.stride..][..self.cols]
    }
}

/// A writable matrix of `rows` × `cols` floats whose rows do not overlap.
#[derive(Debug)]
pub struct RowsMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    stride: usize,
}

impl<'a> RowsMut<'a> {
    /// Views `data` as dense rows.
    ///
    /// # Panics
    /// When `data` is shorter than `rows · cols`.
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Views `data` as rows that start `stride` floats apart.
    ///
    /// # Panics
    /// When `stride < cols` or `data` ends before the last row does.
    pub fn strided(data: &'a mut [f32], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(stride >= cols, "rows of {cols} floats overlap at stride {stride}");
        let needed = extent(rows, cols, stride);
        assert!(
            data.len() >= needed,
            "{rows} rows of {cols} floats at stride {stride} need {needed} floats, {} given",
            data.len()
        );
        Self { data, rows, cols, stride }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The floats in a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The floats between the starts of two rows.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The same matrix, to read.
    pub fn as_rows(&self) -> Rows<'_> {
        Rows { data: self.data, rows: self.rows, cols: self.cols, stride: self.stride }
    }

    /// A shorter borrow of the same matrix.
    pub fn reborrow(&mut self) -> RowsMut<'_> {
        RowsMut { data: self.data, rows: self.rows, cols: self.cols, stride: self.stride }
    }

    /// Row `i`.
    ///
    /// # Panics
    /// When `i >= rows()`.
    pub fn row_mut(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        &mut self.data[i * self.stride..][..self.cols]
    }

    /// A handle through which the tasks of one fork-join write disjoint parts.
    pub(crate) fn share(&mut self) -> SharedRows {
        SharedRows { data: self.data.as_mut_ptr(), rows: self.rows, cols: self.cols, stride: self.stride }
    }
}

/// A matrix that several tasks write at once, each its own part.
///
/// It carries no lifetime: whoever makes one keeps the [`RowsMut`] borrowed until all tasks ended.
#[derive(Clone, Copy)]
pub(crate) struct SharedRows {
    data: *mut f32,
    rows: usize,
    cols: usize,
    stride: usize,
}

// SAFETY: the pointer is only dereferenced through `part`, whose callers promise disjoint parts.
unsafe impl Send for SharedRows {}
// SAFETY: as for Send.
unsafe impl Sync for SharedRows {}

impl SharedRows {
    /// Columns `from..from + len` of row `i`.
    ///
    /// # Safety
    /// The matrix is still borrowed by whoever called [`RowsMut::share`], and no other live slice
    /// covers these columns of this row.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn part<'b>(&self, i: usize, from: usize, len: usize) -> &'b mut [f32] {
        assert!(i < self.rows && from <= self.cols && len <= self.cols - from, "part outside the matrix");
        // SAFETY: the part lies inside the matrix, which the constructor checked against the
        // slice; the caller promises that it is alive and that parts are disjoint.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(i * self.stride + from), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_may_overlap() {
        let data = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let rows = Rows::strided(&data, 3, 4, 1);
        assert_eq!(rows.row(2), &[2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    #[should_panic(expected = "7 floats")]
    fn short_data_is_refused() {
        Rows::strided(&[0.0; 6], 4, 4, 1);
    }

    #[test]
    #[should_panic(expected = "overlap")]
    fn outputs_never_overlap() {
        RowsMut::strided(&mut [0.0; 8], 2, 4, 3);
    }

    #[test]
    fn empty_matrices_need_nothing() {
        assert_eq!(Rows::new(&[], 0, 512).rows(), 0);
        assert_eq!(RowsMut::strided(&mut [], 0, 4, 8).cols(), 4);
    }
}

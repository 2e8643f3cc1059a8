//! Grids of short vectors, and which of their points are near some weights.
//!
//! A vector of weights enters, a short list of grid points leaves: those that are nearest under one
//! of several scales. The weighted error of point `g` under scale `s` is `Σw·x² + s·(s·a − 2·b)` with
//! `a = Σw·g²` and `b = Σw·x·g`, so `a` and `b` of all points are computed once, each scale then
//! costs a pass over two arrays, and whatever comes later needs only the list.

use std::array;

/// The most scales that are tried for a list.
pub(super) const SCALES: usize = 8;

/// Points that are passed over together.
const CHUNK: usize = 64;

/// The most points that a grid has.
const MOST: usize = 2048;

/// A grid of points with `D` coordinates.
pub(super) struct Grid<const D: usize> {
    /// Each coordinate of all points.
    coordinates: [Vec<f32>; D],
}

/// A grid point and what its error depends on.
#[derive(Clone, Copy, Default)]
pub(super) struct Point {
    /// Its number in the grid.
    pub index: u16,
    /// Which of the grids it is from.
    pub grid: u8,
    /// `Σw·g²`.
    pub a: f32,
    /// `Σw·x·g`.
    pub b: f32,
}

impl Point {
    /// The weighted error under a scale, less that of zeros.
    #[inline(always)]
    pub(super) fn cost(&self, scale: f32) -> f32 {
        scale * (scale * self.a - 2.0 * self.b)
    }
}

/// Grid points for one vector of weights.
#[derive(Clone, Copy, Default)]
pub(super) struct List {
    points: [Point; 2 * SCALES],
    len: usize,
}

impl List {
    fn push(&mut self, point: Point) {
        let known = self.points[..self.len].iter().any(|p| (p.index, p.grid) == (point.index, point.grid));
        if !known && self.len < self.points.len() {
            self.points[self.len] = point;
            self.len += 1;
        }
    }

    /// The point with the least error under a scale.
    #[inline(always)]
    pub(super) fn nearest(&self, scale: f32) -> Point {
        let mut best = self.points[0];
        let mut least = best.cost(scale);
        for point in &self.points[1..self.len.max(1)] {
            let cost = point.cost(scale);
            if cost < least {
                (best, least) = (*point, cost);
            }
        }
        best
    }
}

impl<const D: usize> Grid<D> {
    /// The points given by `coordinates`, moved by `shift` in each coordinate.
    pub(super) fn new(points: impl ExactSizeIterator<Item = [i8; D]> + Clone, shift: f32) -> Grid<D> {
        assert!(points.len() <= MOST && points.len().is_multiple_of(CHUNK), "{} points", points.len());
        Grid { coordinates: array::from_fn(|i| points.clone().map(|point| f32::from(point[i]) + shift).collect()) }
    }

    fn len(&self) -> usize {
        self.coordinates[0].len()
    }

    /// Adds to `list` the points nearest to `x` under each of the scales.
    pub(super) fn near(&self, number: u8, x: &[f32; D], weights: &[f32; D], scales: &[f32], list: &mut List) {
        let (mut a, mut b) = ([0.0; MOST], [0.0; MOST]);
        self.sums(x, weights, &mut a, &mut b);
        for &scale in scales {
            let index = nearest(&a[..self.len()], &b[..self.len()], scale);
            list.push(Point { index: index as u16, grid: number, a: a[index], b: b[index] });
        }
    }

    /// `a` and `b` of all points.
    #[inline(always)]
    fn sums(&self, x: &[f32; D], weights: &[f32; D], a: &mut [f32; MOST], b: &mut [f32; MOST]) {
        const WIDE: usize = 16;
        let columns: [&[[f32; WIDE]]; D] = array::from_fn(|i| self.coordinates[i].as_chunks().0);
        let wx: [f32; D] = array::from_fn(|i| weights[i] * x[i]);
        let sums = a.as_chunks_mut::<WIDE>().0.iter_mut().zip(b.as_chunks_mut::<WIDE>().0);
        for (chunk, (a, b)) in sums.enumerate().take(self.len() / WIDE) {
            let (mut ta, mut tb) = ([0.0; WIDE], [0.0; WIDE]);
            for i in 0..D {
                let g = &columns[i][chunk];
                for l in 0..WIDE {
                    ta[l] += weights[i] * (g[l] * g[l]);
                    tb[l] += wx[i] * g[l];
                }
            }
            (*a, *b) = (ta, tb);
        }
    }
}

/// The point with the least `scale·a − 2·b`, the first of equals.
#[inline(always)]
fn nearest(a: &[f32], b: &[f32], scale: f32) -> usize {
    const WIDE: usize = 8;
    let cost = |a: f32, b: f32| scale * a - (b + b);
    let (mut at, mut least) = (0, f32::INFINITY);
    for (chunk, (a, b)) in a.as_chunks::<CHUNK>().0.iter().zip(b.as_chunks::<CHUNK>().0).enumerate() {
        let mut lanes = [f32::INFINITY; WIDE];
        for (a, b) in a.as_chunks::<WIDE>().0.iter().zip(b.as_chunks::<WIDE>().0) {
            for l in 0..WIDE {
                let cost = cost(a[l], b[l]);
                lanes[l] = if cost < lanes[l] { cost } else { lanes[l] };
            }
        }
        let lowest = lanes.iter().fold(f32::INFINITY, |least, &cost| if cost < least { cost } else { least });
        if lowest < least {
            (at, least) = (chunk * CHUNK, lowest);
        }
    }
    let chunk = a[at..at + CHUNK].iter().zip(&b[at..at + CHUNK]);
    at + chunk.map(|(&a, &b)| cost(a, b)).position(|cost| cost == least).unwrap_or(0)
}

//! The best assignment of types under a budget.
//!
//! Each matrix has a choice of types, each with its bytes and the KL divergence that it is predicted to cause; the
//! divergences of different matrices add up as long as they are small, and weigh more beyond. From the cheapest types on, the step that saves
//! most divergence for its bytes is taken again and again, along each matrix's lower convex hull: this is the optimum
//! for every budget that a step reaches exactly. Source: Shoham and Gersho, "Efficient bit allocation for an arbitrary
//! set of quantizers", IEEE Trans. ASSP 36 (1988).

use crate::encode;
use crate::error::Error;
use crate::importance::Importance;
use crate::plan::{Plan, matrices};
use crate::quality::weighted;
use crate::sensitivity::Sensitivity;
use GgmlType::*;
use noctule_kernels::GgmlType;
use noctule_kernels::block::unpack_f32;
use noctule_model::{Model, TensorInfo};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a file may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// Bytes of the whole file.
    Bytes(u64),
    /// Bits of a matrix's weight on average, scales included.
    BitsPerWeight(f64),
}

/// Rows of a matrix by which the error of a type is judged.
const SAMPLE: usize = 128;

/// Types that are left out: bf16 is worse than f16 for these weights, and the others are made for weights that were
/// trained for them.
const LEFT_OUT: [GgmlType; 7] = [BF16, MXFP4, NVFP4, Q2_0, TQ2_0, TQ1_0, Q1_0];

/// Relative error of a matrix from which on its divergence no longer just adds to that of the others: coarse matrices together
/// cost more than the sum of what each costs alone. Measured on base (docs/QUANTIZE.md): without it a mix of 3.0 bits had 1.7 times
/// the divergence; 0.01 and 0.1 are nearly as good.
const KNEE: f64 = 0.03;

/// One type for a matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Offer {
    ty: GgmlType,
    bytes: u64,
    /// Predicted divergence, nats.
    cost: f64,
}

/// Plans the file of least predicted divergence within `budget`.
///
/// # Errors
/// [`Error::Target`] if no file is so small, and those of [`Plan::mixed`].
pub fn best(
    model: &Model,
    name: &str,
    budget: Budget,
    sensitivity: &Sensitivity,
    importance: Option<&Importance>,
    threads: usize,
) -> Result<Plan, Error> {
    let tensors: Vec<&TensorInfo> = matrices(model).collect();
    // Refuses a model that is quantised already before anything is computed.
    let rest = overhead(model)?;
    let hulls = hulls(model, &tensors, sensitivity, importance, threads);
    let weights: u64 = tensors.iter().map(|t| t.elements() as u64).sum();
    let most = match budget {
        Budget::Bytes(bytes) => bytes.saturating_sub(rest),
        Budget::BitsPerWeight(bits) => (bits * weights as f64 / 8.0) as u64,
    };
    let chosen = spend(&hulls, most).ok_or_else(|| {
        let least: u64 = hulls.iter().map(|hull| hull[0].bytes).sum();
        let bits = least as f64 * 8.0 / weights as f64;
        let (wanted, least) = match budget {
            Budget::Bytes(bytes) => (megabytes(bytes), megabytes(least + rest)),
            Budget::BitsPerWeight(wanted) => (format!("{wanted} bits per weight"), format!("{bits:.3}")),
        };
        Error::Target { wanted, least }
    })?;
    let types: HashMap<&str, GgmlType> = tensors.iter().map(|t| t.name.as_str()).zip(chosen).collect();
    Plan::mixed(model, name, |tensor| types[tensor.name.as_str()])
}

/// The file in one type, which stock whisper.cpp can read, of most bits within `budget`.
///
/// # Errors
/// As [`best`].
pub fn best_uniform(model: &Model, name: &str, budget: Budget) -> Result<Plan, Error> {
    let rest = overhead(model)?;
    let mut least: Option<Plan> = None;
    let mut found: Option<Plan> = None;
    for ty in encode::TYPES.into_iter().filter(|ty| !LEFT_OUT.contains(ty)) {
        let plan = Plan::mixed(model, name, |_| ty)?;
        if plan.obstacle().is_some() {
            continue;
        }
        let fits = match budget {
            Budget::Bytes(bytes) => rest + plan.matrix_bytes() <= bytes,
            Budget::BitsPerWeight(bits) => plan.bits_per_weight() <= bits,
        };
        let (more, less) =
            (|a: &Plan| plan.matrix_bytes() > a.matrix_bytes(), |a: &Plan| plan.matrix_bytes() < a.matrix_bytes());
        if fits && found.as_ref().is_none_or(more) {
            found = Some(plan);
        } else if least.as_ref().is_none_or(less) {
            least = Some(plan);
        }
    }
    found.ok_or_else(|| {
        let least = least.map_or(0.0, |plan| plan.bits_per_weight());
        let wanted = match budget {
            Budget::Bytes(bytes) => megabytes(bytes),
            Budget::BitsPerWeight(bits) => format!("{bits} bits per weight"),
        };
        Error::Target { wanted, least: format!("{least:.3} bits per weight") }
    })
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Bytes of a file that are no matrix: the header, each tensor's own, and what is not quantised.
fn overhead(model: &Model) -> Result<u64, Error> {
    let plan = Plan::new(model, F16)?;
    let tensors: u64 = model.tensors().map(|tensor| tensor.size_bytes() as u64).sum();
    let kept = plan.bytes() - plan.matrix_bytes();
    Ok(model.size_bytes() - tensors + kept)
}

/// The offers for each matrix that lie on its lower convex hull, from few bytes to many.
fn hulls(
    model: &Model,
    tensors: &[&TensorInfo],
    sensitivity: &Sensitivity,
    importance: Option<&Importance>,
    threads: usize,
) -> Vec<Vec<Offer>> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(vec![Vec::new(); tensors.len()]));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(tensor) = tensors.get(i) else { break };
                    let hull = hull(offers(model, tensor, sensitivity, importance));
                    found.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[i] = hull;
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn offers(
    model: &Model,
    tensor: &TensorInfo,
    sensitivity: &Sensitivity,
    importance: Option<&Importance>,
) -> Vec<Offer> {
    let (rows, cols) = tensor.rows_cols();
    let columns = importance.and_then(|importance| importance.columns(&tensor.name));
    let weights = columns.clone().unwrap_or_else(|| vec![1.0; cols]);
    let matrix = model.matrix(tensor);
    let mut sample = vec![0.0; SAMPLE.min(rows) * cols];
    for (i, out) in sample.chunks_exact_mut(cols).enumerate() {
        unpack_f32(matrix.ty(), matrix.row(i * rows / SAMPLE.min(rows)), out);
    }
    let fits = |ty: &GgmlType| cols.is_multiple_of(ty.block_len()) && !LEFT_OUT.contains(ty);
    let offer = |ty: GgmlType| {
        let row = ty.row_bytes(cols).expect("types that do not fit are filtered out");
        let mut packed = vec![0; sample.len() / cols * row];
        encode::rows(ty, cols, &sample, columns.as_deref(), &mut packed);
        let mut coarse = vec![0.0; sample.len()];
        unpack_f32(ty, &packed, &mut coarse);
        let rows_of = sample.chunks_exact(cols).zip(coarse.chunks_exact(cols));
        let (error, power) = rows_of.fold((0.0, 0.0), |(error, power), (truth, coarse)| {
            let (e, p) = weighted(truth, coarse, &weights);
            (error + e, power + p)
        });
        let error = if power > 0.0 { error / power } else { 0.0 };
        let cost = sensitivity.predict(&tensor.name, error).unwrap_or(0.0) * (1.0 + error / KNEE);
        Offer { ty, bytes: (rows * row) as u64, cost }
    };
    encode::TYPES.into_iter().filter(fits).map(offer).collect()
}

/// The offers that are the best for some price of a byte.
fn hull(mut offers: Vec<Offer>) -> Vec<Offer> {
    offers.sort_by(|a, b| a.bytes.cmp(&b.bytes).then(a.cost.total_cmp(&b.cost)));
    let mut hull: Vec<Offer> = Vec::new();
    for offer in offers {
        if hull.last().is_some_and(|last| offer.cost >= last.cost) {
            continue;
        }
        while let [.., before, last] = hull.as_slice()
            && saving(before, last) <= saving(before, &offer)
        {
            hull.pop();
        }
        hull.push(offer);
    }
    hull
}

/// Divergence saved for each byte.
fn saving(from: &Offer, to: &Offer) -> f64 {
    (from.cost - to.cost) / (to.bytes - from.bytes) as f64
}

/// A type for each matrix, all within `most` bytes; `None` if the cheapest take more.
fn spend(hulls: &[Vec<Offer>], most: u64) -> Option<Vec<GgmlType>> {
    let mut at = vec![0; hulls.len()];
    let mut left = most.checked_sub(hulls.iter().map(|hull| hull[0].bytes).sum())?;
    // Along a hull savings only fall, so the order of all steps is the order in which they are taken.
    let mut steps: Vec<(f64, usize, usize)> = Vec::new();
    for (i, hull) in hulls.iter().enumerate() {
        steps.extend((1..hull.len()).map(|step| (saving(&hull[step - 1], &hull[step]), i, step)));
    }
    steps.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    for (_, i, step) in steps {
        let price = hulls[i][step].bytes - hulls[i][at[i]].bytes;
        // A matrix whose step is too dear stays; a later one may still fit another.
        if at[i] + 1 == step && price <= left {
            at[i] = step;
            left -= price;
        }
    }
    Some(hulls.iter().zip(at).map(|(hull, at)| hull[at].ty).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(ty: GgmlType, bytes: u64, cost: f64) -> Offer {
        Offer { ty, bytes, cost }
    }

    #[test]
    fn a_hull_leaves_out_what_is_never_best() {
        let all = vec![
            offer(Q8_0, 85, 0.0),
            offer(Q4_0, 45, 6.0),
            offer(Q2_K, 26, 10.0),
            offer(Q4_K, 45, 2.0),
            offer(Q5_0, 55, 1.9),
            offer(Q5_1, 60, 0.5),
        ];
        let types: Vec<GgmlType> = hull(all).into_iter().map(|offer| offer.ty).collect();
        assert_eq!(types, [Q2_K, Q4_K, Q5_1, Q8_0]);
    }

    #[test]
    fn money_goes_where_it_saves_most() {
        let hulls = [
            vec![offer(Q2_K, 10, 1.0), offer(Q4_K, 20, 0.9), offer(Q8_0, 40, 0.85)],
            vec![offer(Q2_K, 10, 100.0), offer(Q4_K, 20, 10.0), offer(Q8_0, 40, 1.0)],
        ];
        assert_eq!(spend(&hulls, 19), None);
        assert_eq!(spend(&hulls, 20), Some(vec![Q2_K, Q2_K]));
        assert_eq!(spend(&hulls, 35), Some(vec![Q2_K, Q4_K]));
        assert_eq!(spend(&hulls, 50), Some(vec![Q2_K, Q8_0]));
        assert_eq!(spend(&hulls, 80), Some(vec![Q8_0, Q8_0]));
    }

    /// Against every assignment there is.
    #[test]
    fn no_other_assignment_within_the_spent_bytes_is_better() {
        let make = |seed: u64| -> Vec<Offer> {
            let costs = (0..5u64).map(|i| 10.0 / (1.0 + (i * (seed % 7 + 1)) as f64) + (seed * i % 3) as f64 * 0.1);
            let types = [Q2_K, Q3_K, Q4_K, Q5_K, Q8_0];
            hull(
                types
                    .into_iter()
                    .zip(costs)
                    .enumerate()
                    .map(|(i, (ty, cost))| offer(ty, 10 + i as u64 * (3 + seed % 5), cost))
                    .collect(),
            )
        };
        let hulls: Vec<Vec<Offer>> = (1..6).map(make).collect();
        let of = |types: &[GgmlType]| -> (u64, f64) {
            types.iter().zip(&hulls).fold((0, 0.0), |(bytes, cost), (ty, hull)| {
                let offer = hull.iter().find(|offer| offer.ty == *ty).unwrap();
                (bytes + offer.bytes, cost + offer.cost)
            })
        };
        let mut all = vec![Vec::new()];
        for hull in &hulls {
            all = all.iter().flat_map(|head| hull.iter().map(|o| [head.as_slice(), &[o.ty]].concat())).collect();
        }
        let mut tried = 0;
        for most in (50..200).step_by(7) {
            let Some(chosen) = spend(&hulls, most) else { continue };
            let (bytes, cost) = of(&chosen);
            assert!(bytes <= most);
            // Exact for what was spent, as long as no step was skipped.
            let next = hulls.iter().zip(&chosen).all(|(hull, ty)| {
                let at = hull.iter().position(|offer| offer.ty == *ty).unwrap();
                hull.get(at + 1).is_none_or(|o| o.bytes - hull[at].bytes > most - bytes)
            });
            assert!(next, "a step that fits was not taken");
            let best = all.iter().map(|types| of(types)).filter(|(other, _)| *other <= bytes);
            let best = best.map(|(_, cost)| cost).fold(f64::INFINITY, f64::min);
            let slack = hulls.iter().map(|hull| hull[0].cost - hull[hull.len() - 1].cost).fold(0.0, f64::max);
            assert!(cost <= best + slack, "{cost} where {best} is possible");
            tried += 1;
        }
        assert!(tried > 5);
    }
}

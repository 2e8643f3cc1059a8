//! Loops of a function, by their branches back.

use super::listing::Function;
use std::ops::Range;

/// A loop: the instructions from the target of a branch back to that branch, as indices into the function's code.
/// Compilers lay loops out so; what lies between and belongs to no round (a jump to a panic) is counted as if it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop {
    /// All instructions.
    pub body: Range<usize>,
    /// Loops directly inside, in order.
    pub inner: Vec<Range<usize>>,
}

impl Loop {
    /// The instructions of one round, where every inner loop takes `trips` rounds.
    pub fn trace(&self, trips: usize) -> Vec<usize> {
        let mut trace = Vec::new();
        let mut at = self.body.start;
        for inner in &self.inner {
            trace.extend(at..inner.start);
            (0..trips).for_each(|_| trace.extend(inner.clone()));
            at = inner.end;
        }
        trace.extend(at..self.body.end);
        trace
    }
}

/// All loops of `function`, the first in the code first, outer loops before those in them.
pub fn loops(function: &Function) -> Vec<Loop> {
    let code = &function.code;
    let mut bodies: Vec<Range<usize>> = Vec::new();
    for (i, instruction) in code.iter().enumerate() {
        // In a library a jump to another function leads to itself until it is linked.
        let Some(target) = instruction.target().filter(|&target| target < instruction.address) else { continue };
        let Ok(start) = code.binary_search_by_key(&target, |instruction| instruction.address) else { continue };
        match bodies.iter_mut().find(|body| body.start == start) {
            Some(body) => body.end = i + 1,
            None => bodies.push(start..i + 1),
        }
    }
    bodies.sort_by_key(|body| (body.start, std::cmp::Reverse(body.end)));
    let inside = |a: &Range<usize>, b: &Range<usize>| a != b && b.start <= a.start && a.end <= b.end;
    let direct = |outer: &Range<usize>| {
        let within = || bodies.iter().filter(move |body| inside(body, outer));
        let is_direct = |body: &&Range<usize>| !within().any(|other| inside(body, other));
        // Bodies that overlap without one holding the other would count twice.
        let mut found: Vec<Range<usize>> = Vec::new();
        for body in within().filter(is_direct) {
            if found.last().is_none_or(|last| last.end <= body.start) {
                found.push(body.clone());
            }
        }
        found
    };
    bodies.iter().map(|body| Loop { body: body.clone(), inner: direct(body) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::listing::Instruction;

    /// One letter an instruction; a digit branches to that index.
    fn function(code: &str) -> Function {
        let text = |c: char| match c.to_digit(16) {
            Some(target) => format!("b.ne\t{:#x}", 4 * target),
            None => "nop".to_owned(),
        };
        let code = code.chars().enumerate().map(|(i, c)| Instruction { address: 4 * i as u64, text: text(c) });
        Function { name: "f".into(), code: code.collect() }
    }

    #[test]
    fn loops_end_at_their_branch_back() {
        assert_eq!(loops(&function("xxx9xx")), [], "a branch forward");
        assert_eq!(loops(&function("x1x")), [], "a jump to itself");
        assert_eq!(loops(&function("xxx1x")), [Loop { body: 1..4, inner: vec![] }]);
        assert_eq!(loops(&function("xx1x1")), [Loop { body: 1..5, inner: vec![] }], "continue is no loop of its own");
    }

    #[test]
    fn nests_know_their_inner_loops() {
        let found = loops(&function("xxx2xx51"));
        let inner = |body| Loop { body, inner: vec![] };
        assert_eq!(found, [Loop { body: 1..8, inner: vec![2..4, 5..7] }, inner(2..4), inner(5..7)]);
        assert_eq!(found[0].trace(1), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(found[0].trace(2), [1, 2, 3, 2, 3, 4, 5, 6, 5, 6, 7]);
        let deep = loops(&function("xxx210"));
        assert_eq!((deep[0].inner.len(), deep[0].inner[0].clone()), (1, 1..5));
        assert_eq!((deep[1].inner.len(), deep[1].inner[0].clone()), (1, 2..4));
    }
}

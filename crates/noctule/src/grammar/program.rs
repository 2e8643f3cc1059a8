//! Rules as expressions in, a machine over bytes out.
//!
//! Each rule becomes a small non-deterministic automaton (Thompson 1968) that
//! may also call another rule; repetition is a loop, so that it costs no stack.

use super::parse::{Expr, GrammarError, GrammarProblem, Place, Rule};
use regex_syntax::utf8::Utf8Sequences;

const MAX_STEPS: usize = 200_000;

/// Position of a step in the program.
pub(super) type Pc = u32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Read one byte between `low` and `high`.
    Byte { low: u8, high: u8, next: Pc },
    /// Go on at any of these.
    Fork(Vec<Pc>),
    /// Match a rule, then go on.
    Call { rule: u32, next: Pc },
    /// The rule is matched.
    Return,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub steps: Vec<Step>,
    /// First step of each rule.
    pub starts: Vec<Pc>,
    pub root: u32,
    /// Bytes of the same class lead to the same places everywhere.
    pub byte_class: Vec<u8>,
}

pub(super) fn compile(rules: &[Rule], root: &str) -> Result<Program, GrammarError> {
    let start = Place { line: 1, column: 1 };
    let Some(root) = rules.iter().position(|rule| rule.name == root) else {
        return Err(start.error(GrammarProblem::NoRoot(root.to_owned())));
    };
    let mut builder = Builder { steps: vec![Step::Return], work: 0 };
    let mut starts = Vec::with_capacity(rules.len());
    for rule in rules {
        let start = builder.emit(&rule.body, 0).map_err(|problem| rule.place.error(problem))?;
        starts.push(start);
    }
    let steps = builder.steps;
    if let Some(rule) = left_recursive(&steps, &starts) {
        return Err(rules[rule].place.error(GrammarProblem::LeftRecursion(rules[rule].name.clone())));
    }
    let byte_class = byte_classes(&steps);
    Ok(Program { steps, starts, root: root as u32, byte_class })
}

struct Builder {
    steps: Vec<Step>,
    work: usize,
}

impl Builder {
    fn push(&mut self, step: Step) -> Pc {
        self.steps.push(step);
        (self.steps.len() - 1) as Pc
    }

    /// Adds the steps of `expr` in front of `next` and returns the first.
    fn emit(&mut self, expr: &Expr, next: Pc) -> Result<Pc, GrammarProblem> {
        // Empty bodies add no step, yet repeating them must end too.
        self.work += 1;
        if self.steps.len().max(self.work) > MAX_STEPS {
            return Err(GrammarProblem::TooLarge { what: "steps", limit: MAX_STEPS });
        }
        match expr {
            Expr::Literal(text) => Ok(text.bytes().rev().fold(next, |next, b| self.byte(b, b, next))),
            Expr::Class(ranges) => Ok(self.class(ranges, next)),
            Expr::Rule(rule) => Ok(self.push(Step::Call { rule: *rule as u32, next })),
            Expr::Sequence(parts) => parts.iter().rev().try_fold(next, |next, part| self.emit(part, next)),
            Expr::Choice(choices) => {
                let ways = choices.iter().map(|choice| self.emit(choice, next)).collect::<Result<_, _>>()?;
                Ok(self.push(Step::Fork(ways)))
            }
            Expr::Repeat { body, min, max: None } => {
                let fork = self.push(Step::Fork(Vec::new()));
                let again = self.emit(body, fork)?;
                self.steps[fork as usize] = Step::Fork(vec![again, next]);
                match min {
                    0 => Ok(fork),
                    _ => self.copies(body, min - 1, again),
                }
            }
            Expr::Repeat { body, min, max: Some(max) } => {
                let mut start = next;
                for _ in *min..*max {
                    let one_more = self.emit(body, start)?;
                    start = self.push(Step::Fork(vec![one_more, next]));
                }
                self.copies(body, *min, start)
            }
        }
    }

    fn copies(&mut self, body: &Expr, count: usize, next: Pc) -> Result<Pc, GrammarProblem> {
        (0..count).try_fold(next, |next, _| self.emit(body, next))
    }

    fn byte(&mut self, low: u8, high: u8, next: Pc) -> Pc {
        self.push(Step::Byte { low, high, next })
    }

    fn class(&mut self, ranges: &[(char, char)], next: Pc) -> Pc {
        let sequences = ranges.iter().flat_map(|&(first, last)| Utf8Sequences::new(first, last));
        let mut ways = Vec::new();
        for sequence in sequences {
            let bytes = sequence.as_slice().iter().rev();
            ways.push(bytes.fold(next, |next, range| self.byte(range.start, range.end, next)));
        }
        if ways.len() == 1 { ways[0] } else { self.push(Step::Fork(ways)) }
    }
}

/// A rule that can call itself before a byte is read.
fn left_recursive(steps: &[Step], starts: &[Pc]) -> Option<usize> {
    let calls = first_calls(steps, starts);
    // Rules that call none but harmless ones are harmless; what is left leads to a cycle.
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); starts.len()];
    let mut open: Vec<usize> = calls.iter().map(Vec::len).collect();
    for (caller, called) in calls.iter().enumerate() {
        called.iter().for_each(|&rule| callers[rule].push(caller));
    }
    let mut harmless: Vec<usize> = (0..starts.len()).filter(|&rule| open[rule] == 0).collect();
    while let Some(rule) = harmless.pop() {
        for &caller in &callers[rule] {
            open[caller] -= 1;
            if open[caller] == 0 {
                harmless.push(caller);
            }
        }
    }
    let mut rule = (0..starts.len()).find(|&rule| open[rule] > 0)?;
    let mut seen = vec![false; starts.len()];
    while !seen[rule] {
        seen[rule] = true;
        rule = *calls[rule].iter().find(|&&called| open[called] > 0)?;
    }
    Some(rule)
}

/// For each rule, the rules that it may call before a byte is read.
fn first_calls(steps: &[Step], starts: &[Pc]) -> Vec<Vec<usize>> {
    let mut calls = vec![Vec::new(); starts.len()];
    let mut nullable = vec![false; starts.len()];
    // Where callers of a rule go on, should the rule turn out to match the empty text.
    let mut waiting: Vec<Vec<(usize, Pc)>> = vec![Vec::new(); starts.len()];
    let mut visited: Vec<(usize, Pc)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    visited.extend(starts.iter().copied().enumerate());
    while let Some((rule, pc)) = visited.pop() {
        if !seen.insert((rule, pc)) {
            continue;
        }
        match &steps[pc as usize] {
            Step::Byte { .. } => {}
            Step::Fork(ways) => visited.extend(ways.iter().map(|&way| (rule, way))),
            Step::Call { rule: called, next } => {
                let called = *called as usize;
                calls[rule].push(called);
                match nullable[called] {
                    true => visited.push((rule, *next)),
                    false => waiting[called].push((rule, *next)),
                }
            }
            Step::Return => {
                nullable[rule] = true;
                visited.append(&mut waiting[rule]);
            }
        }
    }
    calls
}

fn byte_classes(steps: &[Step]) -> Vec<u8> {
    let mut starts_class = [false; 257];
    for step in steps {
        if let Step::Byte { low, high, .. } = step {
            starts_class[usize::from(*low)] = true;
            starts_class[usize::from(*high) + 1] = true;
        }
    }
    let mut class = 0;
    (0..256)
        .map(|byte| {
            class += u8::from(byte > 0 && starts_class[byte]);
            class
        })
        .collect()
}

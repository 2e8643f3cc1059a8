//! Running a grammar's program over the bytes of a hypothesis.
//!
//! A place in the grammar is a step of the program and the stack of callers to
//! return to. Text can be read in many ways at once; stacks that have a caller
//! in common share it (the graph-structured stack of generalised LL parsing,
//! Scott and Johnstone 2010), so the work per byte is bounded however ambiguous
//! the grammar is. Stacks and sets of places are interned and transitions
//! remembered, which makes a deterministic automaton as far as the text needs one.

use super::Grammar;
use super::program::{Pc, Program, Step};
use super::trie::TokenTrie;
use crate::suppress::TokenSet;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Deepest nesting of rules; text that would nest deeper does not match. Bounds
/// the recursion when a stack is dropped.
const MAX_DEPTH: u32 = 2048;
/// Remembered transitions and token sets after which memory is cleared and filled anew.
const MAX_TRANSITIONS: usize = 400_000;
const MAX_TOKEN_SETS: usize = 256;

/// The return addresses of one call, and the calls around it.
#[derive(Debug)]
struct Stack {
    id: u64,
    depth: u32,
    returns: Vec<At>,
}

/// A step to go on at, with the calls around it.
type At = (Pc, Arc<Stack>);
/// The same by the stack's id, for finding equals.
type Key = Vec<(Pc, u64)>;

/// All places where the text read so far may stand.
#[derive(Debug)]
struct Places {
    id: u64,
    /// Each waits for a byte.
    heads: Vec<At>,
    /// The text may end here.
    complete: bool,
}

impl Places {
    fn is_dead(&self) -> bool {
        self.heads.is_empty() && !self.complete
    }
}

/// The text of one hypothesis as the grammar sees it. Cheap to clone: clones
/// share everything that is remembered about the grammar.
#[derive(Debug, Clone)]
pub struct GrammarState {
    machine: Arc<Machine>,
    places: Arc<Places>,
}

impl GrammarState {
    /// The start of the grammar's root rule. Hypotheses of one transcription
    /// should be clones of one state, to share what it remembers.
    pub fn new(grammar: Arc<Grammar>) -> Self {
        let machine = Machine { grammar, memory: Mutex::default() };
        let bottom = Arc::new(Stack { id: 0, depth: 0, returns: Vec::new() });
        let program = &machine.grammar.program;
        let start = program.starts[program.root as usize];
        let places = Closure::run(program, &mut machine.memory(), [(start, bottom)]);
        Self { machine: Arc::new(machine), places }
    }

    /// Whether the text may go on with `bytes`, which may end inside a character.
    pub fn allows(&self, bytes: &[u8]) -> bool {
        !self.machine.read(&self.places, bytes).is_dead()
    }

    /// Goes on with `bytes` and returns whether the grammar allows them. After
    /// bytes that it does not allow, the state [is dead](Self::is_dead).
    pub fn accept(&mut self, bytes: &[u8]) -> bool {
        self.places = self.machine.read(&self.places, bytes);
        !self.places.is_dead()
    }

    /// Whether the text is complete: the end of text is allowed.
    pub fn can_end(&self) -> bool {
        self.places.complete
    }

    /// Whether nothing can follow and the text is not complete either, as the
    /// grammar was left. (whisper.cpp stops applying the grammar then.)
    pub fn is_dead(&self) -> bool {
        self.places.is_dead()
    }

    /// Makes `out` the set of the text tokens that are allowed next. The end of
    /// text is not in it; ask [`can_end`](Self::can_end).
    pub fn allowed_tokens(&self, trie: &TokenTrie, out: &mut TokenSet) {
        let mut memory = self.machine.memory();
        let key = (self.places.id, trie.id());
        if let Some(known) = memory.allowed.get(&key) {
            out.clone_from(known);
            return;
        }
        out.clear();
        let mut path = vec![self.places.clone()];
        trie.walk(|depth, byte, tokens| {
            path.truncate(depth + 1);
            let places = self.machine.step(&mut memory, &path[depth], byte);
            let alive = !places.is_dead();
            if alive {
                out.extend(tokens.iter().copied());
                path.push(places);
            }
            alive
        });
        if memory.allowed.len() >= MAX_TOKEN_SETS {
            memory.allowed.clear();
        }
        memory.allowed.insert(key, out.clone());
    }
}

/// A grammar and what has been found out about it, shared by all hypotheses.
#[derive(Debug)]
struct Machine {
    grammar: Arc<Grammar>,
    memory: Mutex<Memory>,
}

/// Nothing here is needed for a right answer: it can be cleared at any time.
#[derive(Debug, Default)]
struct Memory {
    last_id: u64,
    stacks: HashMap<Key, Arc<Stack>>,
    places: HashMap<(bool, Key), Arc<Places>>,
    next: HashMap<(u64, u8), Arc<Places>>,
    allowed: HashMap<(u64, u64), TokenSet>,
}

impl Memory {
    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn forget_if_full(&mut self) {
        if self.next.len() >= MAX_TRANSITIONS {
            self.stacks.clear();
            self.places.clear();
            self.next.clear();
            self.allowed.clear();
        }
    }

    fn stack(&mut self, returns: Vec<At>) -> Arc<Stack> {
        let (returns, key) = canonical(returns);
        if let Some(known) = self.stacks.get(&key) {
            return known.clone();
        }
        let depth = 1 + returns.iter().map(|(_, below)| below.depth).max().unwrap_or(0);
        let stack = Arc::new(Stack { id: self.new_id(), depth, returns });
        self.stacks.insert(key, stack.clone());
        stack
    }

    fn places(&mut self, heads: Vec<At>, complete: bool) -> Arc<Places> {
        let (heads, key) = canonical(heads);
        if let Some(known) = self.places.get(&(complete, key.clone())) {
            return known.clone();
        }
        let places = Arc::new(Places { id: self.new_id(), heads, complete });
        self.places.insert((complete, key), places.clone());
        places
    }
}

/// Sorts and tells equal things apart by their ids.
fn canonical(mut items: Vec<At>) -> (Vec<At>, Key) {
    items.sort_by_key(|(pc, stack)| (*pc, stack.id));
    items.dedup_by_key(|(pc, stack)| (*pc, stack.id));
    let key = items.iter().map(|(pc, stack)| (*pc, stack.id)).collect();
    (items, key)
}

impl Machine {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic elsewhere leaves at worst a missing memory, never a wrong one.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, from: &Arc<Places>, bytes: &[u8]) -> Arc<Places> {
        let mut memory = self.memory();
        let mut places = from.clone();
        for &byte in bytes {
            if places.heads.is_empty() {
                return memory.places(Vec::new(), false);
            }
            places = self.step(&mut memory, &places, byte);
        }
        places
    }

    fn step(&self, memory: &mut Memory, from: &Arc<Places>, byte: u8) -> Arc<Places> {
        let program = &self.grammar.program;
        let key = (from.id, program.byte_class[usize::from(byte)]);
        if let Some(known) = memory.next.get(&key) {
            return known.clone();
        }
        let seeds = from.heads.iter().filter_map(|(pc, stack)| match program.steps[*pc as usize] {
            Step::Byte { low, high, next } if (low..=high).contains(&byte) => Some((next, stack.clone())),
            _ => None,
        });
        let places = Closure::run(program, memory, seeds);
        memory.forget_if_full();
        memory.next.insert(key, places.clone());
        places
    }
}

/// A stack that existed before this byte, or the index of one made for it.
#[derive(Debug, Clone)]
enum Caller {
    Old(Arc<Stack>),
    New(usize),
}

impl Caller {
    fn key(&self) -> (bool, u64) {
        match self {
            Self::Old(stack) => (false, stack.id),
            Self::New(index) => (true, *index as u64),
        }
    }
}

/// A call made after this byte; it may still gain return addresses.
struct NewStack {
    returns: Vec<(Pc, Caller)>,
    seen: HashSet<(Pc, (bool, u64))>,
    /// The rule has matched the empty text, so later callers go on at once.
    returned: bool,
    interned: Option<Arc<Stack>>,
}

/// Follows forks, calls and returns until every place waits for a byte.
struct Closure<'p> {
    program: &'p Program,
    work: Vec<(Pc, Caller)>,
    seen: HashSet<(Pc, (bool, u64))>,
    calls: HashMap<u32, usize>,
    stacks: Vec<NewStack>,
    heads: Vec<(Pc, Caller)>,
    complete: bool,
}

impl<'p> Closure<'p> {
    fn run(program: &'p Program, memory: &mut Memory, seeds: impl IntoIterator<Item = At>) -> Arc<Places> {
        let mut closure = Self {
            program,
            work: seeds.into_iter().map(|(pc, stack)| (pc, Caller::Old(stack))).collect(),
            seen: HashSet::new(),
            calls: HashMap::new(),
            stacks: Vec::new(),
            heads: Vec::new(),
            complete: false,
        };
        while let Some((pc, caller)) = closure.work.pop() {
            if closure.seen.insert((pc, caller.key())) {
                closure.follow(pc, caller);
            }
        }
        closure.finish(memory)
    }

    fn follow(&mut self, pc: Pc, caller: Caller) {
        match &self.program.steps[pc as usize] {
            Step::Byte { .. } => self.heads.push((pc, caller)),
            Step::Fork(ways) => self.work.extend(ways.iter().map(|&way| (way, caller.clone()))),
            Step::Call { rule, next } => self.call(*rule, *next, caller),
            Step::Return => self.give_back(&caller),
        }
    }

    fn call(&mut self, rule: u32, next: Pc, caller: Caller) {
        let index = *self.calls.entry(rule).or_insert_with(|| {
            let index = self.stacks.len();
            self.stacks.push(NewStack { returns: Vec::new(), seen: HashSet::new(), returned: false, interned: None });
            self.work.push((self.program.starts[rule as usize], Caller::New(index)));
            index
        });
        let stack = &mut self.stacks[index];
        if stack.seen.insert((next, caller.key())) {
            stack.returns.push((next, caller.clone()));
            if stack.returned {
                self.work.push((next, caller));
            }
        }
    }

    fn give_back(&mut self, from: &Caller) {
        match from {
            Caller::Old(stack) if stack.depth == 0 => self.complete = true,
            Caller::Old(stack) => {
                self.work.extend(stack.returns.iter().map(|(pc, below)| (*pc, Caller::Old(below.clone()))));
            }
            Caller::New(index) => {
                let stack = &mut self.stacks[*index];
                stack.returned = true;
                self.work.extend(stack.returns.iter().cloned());
            }
        }
    }

    fn finish(mut self, memory: &mut Memory) -> Arc<Places> {
        let heads = std::mem::take(&mut self.heads);
        let heads = heads.into_iter().map(|(pc, caller)| (pc, self.intern(memory, &caller)));
        let heads: Vec<_> = heads.filter(|(_, stack)| stack.depth <= MAX_DEPTH).collect();
        memory.places(heads, self.complete)
    }

    /// The permanent form of a stack. Left recursion was refused, so calls that
    /// were made without reading a byte form no cycle.
    fn intern(&mut self, memory: &mut Memory, caller: &Caller) -> Arc<Stack> {
        let index = match caller {
            Caller::Old(stack) => return stack.clone(),
            Caller::New(index) => *index,
        };
        let mut pending = vec![index];
        while let Some(&index) = pending.last() {
            let below = |(_, caller): &(Pc, Caller)| match caller {
                Caller::New(i) if self.stacks[*i].interned.is_none() => Some(*i),
                _ => None,
            };
            if let Some(first) = self.stacks[index].returns.iter().find_map(below) {
                pending.push(first);
                continue;
            }
            let returns = self.stacks[index].returns.iter().filter_map(|(pc, caller)| match caller {
                Caller::Old(stack) => Some((*pc, stack.clone())),
                Caller::New(i) => self.stacks[*i].interned.clone().map(|stack| (*pc, stack)),
            });
            let stack = memory.stack(returns.collect());
            self.stacks[index].interned = Some(stack);
            pending.pop();
        }
        self.stacks[index].interned.clone().unwrap_or_else(|| memory.stack(Vec::new()))
    }
}

//! The part of Python's pickle that a state dictionary needs, read as data.
//!
//! The bytes of `data.pkl` enter, a tree of [`Value`] leaves. A pickle is a program for a stack machine that may call any
//! function of Python. This machine knows the opcodes that build lists, tuples, dictionaries, texts and numbers, and
//! calls nothing: the few names that PyTorch writes are turned into values here, every other name is refused with its
//! place. Memory is bounded by the length of the pickle.
//!
//! Source: the opcodes' descriptions in Python's `pickletools`; PyTorch's `torch/serialization.py` and `torch/_utils.py`
//! for the names and their arguments.

use std::rc::Rc;

use super::checkpoint::Dtype;
use crate::error::{ErrorKind, printable};

/// A pickle of a state dictionary has a few hundred kilobytes.
const MAX_BYTES: usize = 64 << 20;

/// A value of the pickle.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    Text(Rc<str>),
    Tuple(Rc<Vec<Value>>),
    /// A list or dictionary, by its number in [`Tree`]: others may hold it while it grows.
    Container(usize),
    Name(Name),
    Storage(Rc<Storage>),
    Tensor(Rc<Tensor>),
}

/// The names of Python that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Option<Dtype>),
}

/// A run of values in the archive.
#[derive(Debug)]
pub(super) struct Storage {
    /// `None` for types that no weight has.
    pub dtype: Option<Dtype>,
    /// The entry's name behind `data/`.
    pub key: Rc<str>,
    pub count: u64,
}

/// A view of a storage.
#[derive(Debug)]
pub(super) struct Tensor {
    pub storage: Rc<Storage>,
    pub offset: u64,
    pub shape: Vec<u64>,
    pub stride: Vec<u64>,
}

/// What a container holds: pairs for dictionaries, keys `None` for lists.
type Items = Vec<(Value, Value)>;

/// The whole of a pickle.
#[derive(Debug)]
pub(super) struct Tree {
    pub root: Value,
    containers: Vec<Items>,
}

impl Tree {
    /// The pairs of a dictionary whose keys are texts; `None` for anything else.
    pub(super) fn pairs(&self, value: &Value) -> Option<Vec<(Rc<str>, &Value)>> {
        let Value::Container(i) = value else { return None };
        self.containers[*i]
            .iter()
            .map(|(key, value)| match key {
                Value::Text(key) => Some((key.clone(), value)),
                _ => None,
            })
            .collect()
    }
}

/// Reads a pickle; offsets in errors are counted from `base`.
pub(super) fn read(bytes: &[u8], base: usize) -> Result<Tree, ErrorKind> {
    if bytes.len() > MAX_BYTES {
        return Err(ErrorKind::Malformed {
            format: "pickle",
            offset: base as u64,
            problem: format!("{} bytes; a state dictionary has less than {MAX_BYTES}", bytes.len()),
        });
    }
    Machine { bytes, base, at: 0, stack: Vec::new(), marks: Vec::new(), memo: Vec::new(), containers: Vec::new() }.run()
}

struct Machine<'a> {
    bytes: &'a [u8],
    base: usize,
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Option<Value>>,
    containers: Vec<Items>,
}

impl Machine<'_> {
    fn run(mut self) -> Result<Tree, ErrorKind> {
        loop {
            let opcode_at = self.at;
            let opcode = self.take(1)?[0];
            match opcode {
                b'.' => return Ok(Tree { root: self.pop()?, containers: self.containers }),
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'}' | b']' => {
                    self.containers.push(Vec::new());
                    self.stack.push(Value::Container(self.containers.len() - 1));
                }
                b')' => self.stack.push(Value::Tuple(Rc::default())),
                b'(' => self.marks.push(self.stack.len()),
                b't' => {
                    let items = self.since_mark()?;
                    self.stack.push(Value::Tuple(Rc::new(items)));
                }
                0x85..=0x87 => {
                    let items = self.last(usize::from(opcode - 0x84))?;
                    self.stack.push(Value::Tuple(Rc::new(items)));
                }
                b'N' => self.stack.push(Value::None),
                0x88 | 0x89 => self.stack.push(Value::Bool),
                b'K' | b'M' | b'J' | 0x8a => self.integer(opcode)?,
                b'G' => {
                    self.take(8)?;
                    self.stack.push(Value::Float);
                }
                b'X' | 0x8c => {
                    let length = if opcode == b'X' { self.u32()? as usize } else { self.take(1)?[0].into() };
                    let text = self.text(length)?;
                    self.stack.push(Value::Text(text));
                }
                b'q' | b'r' | 0x94 => self.remember(opcode)?,
                b'h' | b'j' => {
                    let number = if opcode == b'h' { self.take(1)?[0].into() } else { self.u32()? as usize };
                    let value = self.memo.get(number).cloned().flatten();
                    let value = value.ok_or_else(|| self.wrong("a memo that was never written"))?;
                    self.stack.push(value);
                }
                b'c' | 0x93 => self.name(opcode, opcode_at)?,
                b'Q' => self.storage()?,
                b'R' => self.reduce(opcode_at)?,
                // The attributes of an OrderedDict: `_metadata`, which holds versions of modules.
                b'b' => drop(self.pop()?),
                b's' | b'u' | b'a' | b'e' => self.fill(opcode)?,
                other => return Err(self.forbidden(opcode_at, format!("the opcode {other:#04x}"))),
            }
        }
    }

    fn wrong(&self, problem: impl Into<String>) -> ErrorKind {
        ErrorKind::Malformed { format: "pickle", offset: (self.base + self.at) as u64, problem: problem.into() }
    }

    fn forbidden(&self, at: usize, what: String) -> ErrorKind {
        ErrorKind::Forbidden { offset: (self.base + at) as u64, what }
    }

    fn take(&mut self, n: usize) -> Result<&[u8], ErrorKind> {
        if n > self.bytes.len() - self.at {
            return Err(self.wrong("it ends in the middle"));
        }
        self.at += n;
        Ok(&self.bytes[self.at - n..self.at])
    }

    fn u32(&mut self) -> Result<u32, ErrorKind> {
        let b = self.take(4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn text(&mut self, length: usize) -> Result<Rc<str>, ErrorKind> {
        let text = std::str::from_utf8(self.take(length)?).map(Rc::from);
        text.map_err(|_| self.wrong("a text that is not UTF-8"))
    }

    fn line(&mut self) -> Result<String, ErrorKind> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&b| b == b'\n').ok_or_else(|| self.wrong("a name without an end"))?;
        let line = printable(&rest[..end]);
        self.at += end + 1;
        Ok(line)
    }

    fn pop(&mut self) -> Result<Value, ErrorKind> {
        // What lies below a mark is not for the taking.
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.wrong("it takes from an empty stack"));
        }
        self.stack.pop().ok_or_else(|| self.wrong("it takes from an empty stack"))
    }

    fn last(&mut self, n: usize) -> Result<Vec<Value>, ErrorKind> {
        let mut items = (0..n).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        Ok(items)
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, ErrorKind> {
        let mark = self.marks.pop().ok_or_else(|| self.wrong("no mark is set"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn integer(&mut self, opcode: u8) -> Result<(), ErrorKind> {
        let value = match opcode {
            b'K' => self.take(1)?[0].into(),
            b'M' => {
                let b = self.take(2)?;
                u16::from_le_bytes([b[0], b[1]]).into()
            }
            b'J' => i64::from(self.u32()? as i32),
            _ => {
                let length = usize::from(self.take(1)?[0]);
                if length > 8 {
                    return Err(self.wrong("a number of more than 64 bits"));
                }
                let b = self.take(length)?;
                let fill = if b.last().is_some_and(|&b| b >= 0x80) { 0xff } else { 0 };
                let mut wide = [fill; 8];
                wide[..length].copy_from_slice(b);
                i64::from_le_bytes(wide)
            }
        };
        self.stack.push(Value::Int(value));
        Ok(())
    }

    fn remember(&mut self, opcode: u8) -> Result<(), ErrorKind> {
        let number = match opcode {
            b'q' => self.take(1)?[0].into(),
            b'r' => self.u32()? as usize,
            _ => self.memo.len(),
        };
        // Python numbers memos one by one, so a number beyond the pickle's length is a trick.
        if number > self.bytes.len() {
            return Err(self.wrong("a memo with a number that is too large"));
        }
        let value = self.pop()?;
        if number >= self.memo.len() {
            self.memo.resize(number + 1, None);
        }
        self.memo[number] = Some(value.clone());
        self.stack.push(value);
        Ok(())
    }

    /// A name of Python: one of the few that stand for data, or the end.
    fn name(&mut self, opcode: u8, at: usize) -> Result<(), ErrorKind> {
        let (module, name) = if opcode == b'c' {
            (self.line()?, self.line()?)
        } else {
            match self.last(2)?.as_slice() {
                [Value::Text(module), Value::Text(name)] => (printable(module.as_bytes()), printable(name.as_bytes())),
                _ => return Err(self.wrong("a name that is no text")),
            }
        };
        let known = match (module.as_str(), name.as_str()) {
            ("collections", "OrderedDict") => Name::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Name::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Name::RebuildParameter,
            ("torch", "DoubleStorage") => Name::Storage(Some(Dtype::F64)),
            ("torch", "FloatStorage") => Name::Storage(Some(Dtype::F32)),
            ("torch", "HalfStorage") => Name::Storage(Some(Dtype::F16)),
            ("torch", "BFloat16Storage") => Name::Storage(Some(Dtype::BF16)),
            (
                "torch",
                "LongStorage" | "IntStorage" | "ShortStorage" | "CharStorage" | "ByteStorage" | "BoolStorage",
            ) => Name::Storage(None),
            _ => return Err(self.forbidden(at, format!("the name {module}.{name}"))),
        };
        self.stack.push(Value::Name(known));
        Ok(())
    }

    /// `("storage", type, key, device, count)`.
    fn storage(&mut self) -> Result<(), ErrorKind> {
        let id = self.pop()?;
        let storage = match &id {
            Value::Tuple(items) => match items.as_slice() {
                [Value::Text(kind), Value::Name(Name::Storage(dtype)), Value::Text(key), _, Value::Int(count)]
                    if &**kind == "storage" && *count >= 0 =>
                {
                    Some(Storage { dtype: *dtype, key: key.clone(), count: *count as u64 })
                }
                _ => None,
            },
            _ => None,
        };
        let storage = storage.ok_or_else(|| self.wrong("a reference to something that is no storage"))?;
        self.stack.push(Value::Storage(Rc::new(storage)));
        Ok(())
    }

    /// What PyTorch calls while loading, as values.
    fn reduce(&mut self, at: usize) -> Result<(), ErrorKind> {
        let (arguments, name) = (self.pop()?, self.pop()?);
        let (Value::Name(name), Value::Tuple(arguments)) = (&name, &arguments) else {
            return Err(self.forbidden(at, "a call of something that is no name".into()));
        };
        let value = match (name, arguments.as_slice()) {
            (Name::OrderedDict, []) => {
                self.containers.push(Vec::new());
                Value::Container(self.containers.len() - 1)
            }
            (Name::RebuildTensor, [Value::Storage(storage), Value::Int(offset), shape, stride, ..]) => {
                let (shape, stride) = (sizes(shape), sizes(stride));
                match (u64::try_from(*offset), shape, stride) {
                    (Ok(offset), Some(shape), Some(stride)) => {
                        Value::Tensor(Rc::new(Tensor { storage: storage.clone(), offset, shape, stride }))
                    }
                    _ => return Err(self.wrong("a tensor with a negative size")),
                }
            }
            (Name::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => tensor.clone(),
            _ => return Err(self.forbidden(at, format!("a call of {name:?} with other arguments than PyTorch's"))),
        };
        self.stack.push(value);
        Ok(())
    }

    /// Puts what is on the stack into the container below it.
    fn fill(&mut self, opcode: u8) -> Result<(), ErrorKind> {
        let pairs = matches!(opcode, b's' | b'u');
        let items = match opcode {
            b's' => self.last(2)?,
            b'a' => self.last(1)?,
            _ => self.since_mark()?,
        };
        let Some(Value::Container(container)) = self.stack.last() else {
            return Err(self.wrong("it fills something that is no list or dictionary"));
        };
        let container = *container;
        let mut items = items.into_iter();
        while let Some(first) = items.next() {
            let item = match (pairs, items.len()) {
                (false, _) => (Value::None, first),
                (true, 0) => return Err(self.wrong("a key without a value")),
                (true, _) => (first, items.next().unwrap_or(Value::None)),
            };
            self.containers[container].push(item);
        }
        Ok(())
    }
}

fn sizes(value: &Value) -> Option<Vec<u64>> {
    let Value::Tuple(items) = value else { return None };
    let size = |item: &Value| match item {
        Value::Int(n) => u64::try_from(*n).ok(),
        _ => None,
    };
    items.iter().map(size).collect()
}

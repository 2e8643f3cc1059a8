//! What llvm-objdump prints of machine code → functions and instructions.

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Where it stands: from the start of its section in a library, in memory in a program.
    pub address: u64,
    /// Mnemonic and operands as an assembler reads them, without the names of symbols.
    pub text: String,
}

impl Instruction {
    /// The mnemonic.
    pub fn name(&self) -> &str {
        self.text.split_whitespace().next().unwrap_or_default()
    }

    /// Where a branch leads that is no call.
    pub fn target(&self) -> Option<u64> {
        let name = self.name();
        if name != "b" && !name.starts_with("b.") && !matches!(name, "cbz" | "cbnz" | "tbz" | "tbnz") {
            return None;
        }
        let last = self.text.rsplit([' ', '\t', ',']).next()?;
        u64::from_str_radix(last.strip_prefix("0x")?, 16).ok()
    }
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its path, without the hash that the compiler adds.
    pub name: String,
    /// Its instructions, in order.
    pub code: Vec<Instruction>,
}

/// Reads the output of `llvm-objdump --disassemble --demangle --no-show-raw-insn`.
pub fn parse(text: &str) -> Vec<Function> {
    let mut functions: Vec<Function> = Vec::new();
    for line in text.lines() {
        if let Some(name) = header(line) {
            functions.push(Function { name: path(name).to_owned(), code: Vec::new() });
        } else if let (Some(instruction), Some(function)) = (instruction(line), functions.last_mut()) {
            function.code.push(instruction);
        }
    }
    functions
}

/// The symbol of `0000000000000040 <symbol>:`.
fn header(line: &str) -> Option<&str> {
    let (address, rest) = line.split_once(' ')?;
    u64::from_str_radix(address, 16).ok()?;
    rest.strip_prefix('<')?.strip_suffix(">:")
}

/// A symbol without its hash and what LLVM puts behind it.
fn path(symbol: &str) -> &str {
    let symbol = symbol.split(" (.").next().unwrap_or(symbol);
    match symbol.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => path,
        _ => symbol,
    }
}

/// `      58:       ldp q16, q20, [x14, #-0x20]`, perhaps with a symbol and a comment behind it.
fn instruction(line: &str) -> Option<Instruction> {
    let (address, text) = line.trim_start().split_once(':')?;
    let address = u64::from_str_radix(address, 16).ok()?;
    let text = text.split("//").next().unwrap_or_default();
    let text = text.split(" <").next().unwrap_or_default().trim();
    let known = !text.is_empty() && !["<", ".", "R_"].iter().any(|other| text.starts_with(other));
    known.then(|| Instruction { address, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
libx.rlib(x.o):	file format elf64-littleaarch64

Disassembly of section .text.x:

0000000000000000 <x::neon::int8::tile::h6589ddc919a4de00 (.llvm.11666152274213546553)>:
       0:      	mov	w9, #0xc                // =12
       4:      	ldp	q16, q20, [x14, #-0x20]
       8:      	cbz	x8, 0x14 <x::neon::int8::tile::h6589ddc919a4de00 (.llvm.11666152274213546553)+0x14>
       c:      	b.ne	0x4 <x::neon::int8::tile::h6589ddc919a4de00 (.llvm.11666152274213546553)+0x4>
      10:      	bl	0x0 <core::panicking::panic>
		0000000000000010:  R_AARCH64_CALL26	core::panicking::panic
      14:      	<unknown>

0000000000400580 <_$LT$x as y$GT$::run::{{closure}}>:
  400580:      	tbnz	w0, #0x3, 0x400580 <_$LT$x as y$GT$::run::{{closure}}>
";

    #[test]
    fn functions_and_instructions() {
        let functions = parse(TEXT);
        assert_eq!(functions.len(), 2);
        assert_eq!(functions[0].name, "x::neon::int8::tile");
        assert_eq!(functions[1].name, "_$LT$x as y$GT$::run::{{closure}}");
        let code = &functions[0].code;
        assert_eq!(code.len(), 5, "relocations and data are no instructions");
        assert_eq!(code[0].text, "mov\tw9, #0xc");
        assert_eq!((code[1].address, code[1].name()), (4, "ldp"));
        let targets: Vec<_> = code.iter().map(Instruction::target).collect();
        assert_eq!(targets, [None, None, Some(0x14), Some(4), None], "a call is no branch");
        assert_eq!(functions[1].code[0].target(), Some(0x40_0580));
    }

    #[test]
    fn nothing_is_no_function() {
        assert_eq!(parse(""), []);
        assert_eq!(parse("       0:      	nop\n"), []);
    }
}

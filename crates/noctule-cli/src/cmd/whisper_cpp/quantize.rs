//! whisper-quantize: IN OUT TYPE.

use crate::cmd::quantize;
use crate::failure::Failure;
use noctule_quant::encode::TYPES;
use std::path::Path;
use std::time::Instant;

/// Does what `words` say. Every failure has the exit code 1, as there.
///
/// # Errors
/// [`Failure::Work`].
pub fn run(words: &[String]) -> Result<bool, Failure> {
    let started = Instant::now();
    let [model, output, ty] = words else {
        super::say(&usage());
        return Ok(false);
    };
    let failed = |failure: Failure| Failure::work(format!("failed to quantize model from '{model}': {failure}"));
    let report = quantize::one(Path::new(model), Path::new(output), ty).map_err(failed)?;
    let ms = started.elapsed().as_secs_f64() * 1e3;
    let lines: String = report.lines().iter().map(|line| format!("{line}\n")).collect();
    let times = format!("main: quantize time = {:8.2} ms\nmain:    total time = {ms:8.2} ms\n", report.seconds() * 1e3);
    super::print(&format!("{lines}\n{times}")).map(|()| true)
}

fn usage() -> String {
    let line = |ty: &noctule_quant::GgmlType| match ty.ftype() {
        Some(number) => format!("  type = \"{ty}\" or {number}\n"),
        None => format!("  type = \"{ty}\"\n"),
    };
    let types: String = TYPES.iter().map(line).collect();
    format!("usage: whisper-quantize model-f32.bin model-quant.bin type\n{types}")
}

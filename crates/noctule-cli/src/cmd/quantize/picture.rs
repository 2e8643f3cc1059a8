//! Bits per weight against divergence, as a picture.

use super::quality::Quality;
use crate::failure::Failure;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::fs;
use std::path::Path;

const SIZE: (u32, u32) = (960, 600);

/// The dots and their names, a dark green that prints well.
const INK: RGBColor = RGBColor(0x1b, 0x5e, 0x4b);

/// Divergences below this are drawn here: a logarithm has no zero.
const LEAST: f64 = 1e-7;

/// Draws one dot for each file into an SVG file.
///
/// # Errors
/// [`Failure::Work`] if the file cannot be written.
pub fn draw(path: &Path, model: &str, found: &[Quality]) -> Result<(), Failure> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        chart(&root, model, found).map_err(|error| Failure::work(format!("{}: {error}", path.display())))?;
        root.present().map_err(|error| Failure::work(format!("{}: {error}", path.display())))?;
    }
    fs::write(path, text).map_err(|error| Failure::work(format!("{}: {error}", path.display())))
}

fn chart<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    model: &str,
    found: &[Quality],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    root.fill(&WHITE)?;
    let dots: Vec<Dot> =
        found.iter().map(|q| (q.bits_per_weight, q.divergence().max(LEAST), short(&q.name, model))).collect();
    let bits = range(dots.iter().map(|dot| dot.0));
    let (low, high) = range(dots.iter().map(|dot| dot.1));
    let margin = 0.08 * (bits.1 - bits.0).max(1.0);
    let title = format!("What the weights of {model} cost: bits against divergence");
    let mut chart = ChartBuilder::on(root)
        .caption(title, ("sans-serif", 22))
        .margin(16)
        .margin_right(90)
        .x_label_area_size(48)
        .y_label_area_size(84)
        .build_cartesian_2d(bits.0 - margin..bits.1 + margin, (low / 2.0..high * 2.0).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(0xe0, 0xe0, 0xe0))
        .x_desc("bits per quantised weight")
        .y_desc("mean KL divergence from the source, nats (lower is better)")
        .y_label_formatter(&|value| format!("{value:.0e}"))
        .label_style(("sans-serif", 14))
        .draw()?;
    let best = frontier(&dots);
    chart.draw_series(LineSeries::new(best.iter().map(|&(x, y)| (x, y)), INK.mix(0.4).stroke_width(2)))?;
    let style = ("sans-serif", 14).into_font().color(&INK);
    let mut taken: Vec<(i32, i32)> = Vec::new();
    for (x, y, name) in dots {
        chart.draw_series([Circle::new((x, y), 4, INK.filled())])?;
        let (x, y) = chart.backend_coord(&(x, y));
        let at = free(&taken, (x + 8, y - 7), i32::try_from(name.len()).unwrap_or(i32::MAX));
        taken.push(at);
        root.draw(&Text::new(name, at, style.clone()))?;
    }
    Ok(())
}

/// Bits, divergence, name.
type Dot = (f64, f64, String);

/// The name of the type alone, where the file is named after the model.
fn short(name: &str, model: &str) -> String {
    name.strip_prefix(model).map_or(name, |rest| rest.trim_start_matches('-')).to_owned()
}

/// The nearest place at or below `wanted` where a label of so many letters covers none of those before it, pixels.
fn free(taken: &[(i32, i32)], wanted: (i32, i32), letters: i32) -> (i32, i32) {
    let (width, height) = (letters.saturating_mul(8), 13);
    let mut at = wanted;
    while taken.iter().any(|other| (other.0 - at.0).abs() < width && (other.1 - at.1).abs() < height) {
        at.1 += height;
    }
    at
}

/// The dots that no other beats in both, from few bits to many.
fn frontier(dots: &[Dot]) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, f64)> = dots.iter().map(|dot| (dot.0, dot.1)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut best: Vec<(f64, f64)> = Vec::new();
    for dot in sorted {
        if best.last().is_none_or(|last| dot.1 < last.1) {
            best.push(dot);
        }
    }
    best
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frontier_falls_and_never_rises() {
        let dots = [(4.5, 0.01), (4.25, 0.02), (5.5, 0.03), (8.5, 0.001)].map(|(x, y)| (x, y, String::new()));
        assert_eq!(frontier(&dots), [(4.25, 0.02), (4.5, 0.01), (8.5, 0.001)]);
    }

    #[test]
    fn labels_make_way() {
        let taken = [(100, 50), (110, 63)];
        assert_eq!(free(&taken, (300, 50), 4), (300, 50));
        assert_eq!(free(&taken, (105, 52), 4), (105, 78));
    }

    #[test]
    fn names_lose_the_model() {
        assert_eq!(short("base-q4_k", "base"), "q4_k");
        assert_eq!(short("other-q4_k", "base"), "other-q4_k");
    }
}

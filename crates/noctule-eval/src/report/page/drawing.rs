//! Small charts, drawn by plotters in colours that the page's style replaces: charts are dark where the page is.

use maud::{Markup, PreEscaped};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Stand-ins for the colours of the style; see [`svg`].
pub const INK: RGBColor = RGBColor(1, 1, 1);
pub const RULE: RGBColor = RGBColor(2, 2, 2);
pub const FIRST: RGBColor = RGBColor(3, 3, 3);
pub const SECOND: RGBColor = RGBColor(4, 4, 4);

const REPLACED: [(&str, &str); 4] = [
    ("#010101", "var(--muted)"),
    ("#020202", "var(--rule)"),
    ("#030303", "var(--accent)"),
    ("#040404", "var(--second)"),
];

/// Draws into an SVG element of this size that says `label` to who cannot see it; nothing if it cannot be drawn.
pub fn svg<F>(size: (u32, u32), label: &str, draw: F) -> Markup
where
    F: FnOnce(&DrawingArea<SVGBackend, Shift>) -> Result<(), Box<dyn std::error::Error>>,
{
    let mut text = String::new();
    let drawn = {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&root).is_ok() && root.present().is_ok()
    };
    if !drawn {
        return PreEscaped(String::new());
    }
    for (stand_in, colour) in REPLACED {
        text = text.replace(stand_in, colour);
    }
    let label = label.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    PreEscaped(text.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{label}\" "), 1))
}

/// The style of numbers at axes.
pub fn small() -> TextStyle<'static> {
    ("sans-serif", 11).into_font().color(&INK)
}

//! What more threads bring: a small chart for each model.

use super::drawing::{FIRST, INK, RULE, SECOND, small, svg};
use crate::report::Material;
use crate::report::figures::digits;
use crate::statistics::Interval;
use crate::summary::Row;
use maud::{Markup, html};
use plotters::prelude::*;

const SIZE: (u32, u32) = (300, 170);

/// Threads and seconds.
type Curve = Vec<(u32, Interval)>;

pub(super) fn section(material: &Material) -> Markup {
    let curves = curves(&material.summary.rows);
    html! {
        @if !curves.is_empty() {
            section #threads-section {
                h2 { "What threads bring" }
                p.hint {
                    "Seconds for all clips together by the number of threads. Dashes: what twice the threads in half the time would be."
                }
                div.multiples {
                    @for (name, curve) in &curves {
                        figure { figcaption { (name) } (chart(name, curve)) }
                    }
                }
            }
        }
    }
}

/// Rows that differ in nothing but threads, with their times.
fn curves(rows: &[Row]) -> Vec<(String, Curve)> {
    let mut all: Vec<(String, Curve)> = Vec::new();
    for row in rows {
        let (Some(threads), Some(times)) = (row.settings.threads, &row.times) else { continue };
        let others = crate::engine::Settings { threads: None, ..row.settings.clone() };
        let mut name = row.model.clone();
        for part in [others.to_string(), row.engine.clone()] {
            if !part.is_empty() && part != "noctule" {
                name += &format!(", {part}");
            }
        }
        match all.iter_mut().find(|(other, _)| *other == name) {
            Some((_, curve)) => curve.push((threads, times.wall_s)),
            None => all.push((name, vec![(threads, times.wall_s)])),
        }
    }
    all.retain(|(_, curve)| curve.len() > 1);
    all.iter_mut().for_each(|(_, curve)| curve.sort_by_key(|(threads, _)| *threads));
    all
}

fn chart(name: &str, curve: &Curve) -> Markup {
    let said: Vec<String> = curve.iter().map(|(n, wall)| format!("{n}: {} s", digits(wall.estimate))).collect();
    let (first, last) = (curve[0], curve[curve.len() - 1]);
    let most = curve.iter().map(|(_, wall)| wall.high).fold(0.0, f64::max);
    svg(SIZE, &format!("{name}, threads and seconds: {}", said.join(", ")), |root| {
        let margin = 0.25 * f64::from(last.0 - first.0).max(1.0);
        let mut chart = ChartBuilder::on(root)
            .margin(8)
            .x_label_area_size(20)
            .y_label_area_size(34)
            .build_cartesian_2d(f64::from(first.0) - margin..f64::from(last.0) + margin, 0.0..most * 1.15)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RULE)
            .axis_style(RULE)
            .x_labels(0)
            .y_labels(4)
            .y_label_formatter(&|value| format!("{value:.0}"))
            .label_style(small())
            .draw()?;
        let ideal = |threads: f64| first.1.estimate * f64::from(first.0) / threads;
        let steps = 24;
        let at = |i: i32| {
            let threads = f64::from(first.0) + f64::from(last.0 - first.0) * f64::from(i) / f64::from(steps);
            (threads, ideal(threads))
        };
        // plotters has no dashes for lines of several points: every other piece.
        for i in (0..steps).step_by(2) {
            chart.draw_series(LineSeries::new([at(i), at(i + 1)], SECOND.stroke_width(1)))?;
        }
        let points: Vec<(f64, f64)> = curve.iter().map(|(n, wall)| (f64::from(*n), wall.estimate)).collect();
        chart.draw_series(LineSeries::new(points.iter().copied(), FIRST.stroke_width(2)))?;
        for (threads, wall) in curve {
            let x = f64::from(*threads);
            chart.draw_series([PathElement::new([(x, wall.low), (x, wall.high)], FIRST.stroke_width(1))])?;
            chart.draw_series([Circle::new((x, wall.estimate), 3, FIRST.filled())])?;
            let place = chart.backend_coord(&(x, 0.0));
            root.draw(&Text::new(threads.to_string(), (place.0 - 3, place.1 + 6), small().color(&INK)))?;
            let above = chart.backend_coord(&(x, wall.estimate));
            root.draw(&Text::new(digits(wall.estimate), (above.0 - 8, above.1 - 17), small()))?;
        }
        Ok(())
    })
}

//! Clock and heat of the longest runs, over time.

use super::drawing::{FIRST, INK, RULE, SECOND, small, svg};
use crate::board::{Strip, describe_throttle};
use crate::report::Material;
use crate::report::figures::digits;
use crate::summary::{Row, Times};
use maud::{Markup, html};
use plotters::prelude::*;

const SIZE: (u32, u32) = (640, 150);

/// Strips of more runs would tell nothing new.
const MOST: usize = 3;

pub(super) fn section(material: &Material) -> Markup {
    let rows = &material.summary.rows;
    let mut told: Vec<(&Row, &Times)> = rows.iter().filter_map(|row| Some((row, row.times.as_ref()?))).collect();
    told.retain(|(_, times)| !times.strip.is_empty());
    let hottest = |times: &Times| times.celsius.map_or(0.0, |celsius| celsius[1]);
    told.sort_by(|a, b| {
        hottest(b.1).total_cmp(&hottest(a.1)).then(b.1.wall_s.estimate.total_cmp(&a.1.wall_s.estimate))
    });
    told.truncate(MOST);
    let board = &material.summary.board;
    html! {
        @if rows.iter().any(|row| row.times.is_some()) {
            section #heat {
                h2 { "Heat and clock" }
                @if !board.has_temperature {
                    p.hint { "This machine does not tell its temperature." }
                }
                @if told.iter().all(|(_, times)| times.celsius.is_none()) {
                    @if let Some(clock) = clock(rows) { p { (clock) } }
                } @else {
                    p.hint { "The longest runs of what got hottest. The upper line is the temperature, the lower one the clock." }
                    @for (row, times) in &told {
                        figure.strip {
                            figcaption { (row.model) ", " (row.settings) @if times.throttled != 0 { b { ": " (describe_throttle(times.throttled).join(", ")) } } }
                            (chart(row, &times.strip))
                        }
                    }
                }
            }
        }
    }
}

/// The clock in a sentence, where it is all that there is.
fn clock(rows: &[Row]) -> Option<String> {
    let ranges: Vec<[f64; 3]> = rows.iter().filter_map(|row| row.times.as_ref()?.mhz).collect();
    let low = ranges.iter().map(|range| range[0]).fold(f64::INFINITY, f64::min);
    let high = ranges.iter().map(|range| range[2]).fold(0.0, f64::max);
    if ranges.is_empty() {
        return None;
    }
    Some(match high - low < 0.02 * high {
        true => format!("The clock stood at {high:.0} MHz all the time."),
        false => format!("The clock was between {low:.0} and {high:.0} MHz."),
    })
}

fn chart(row: &Row, strip: &Strip) -> Markup {
    let end = strip.seconds.last().copied().unwrap_or(1.0).max(0.1);
    let hottest = strip.celsius.iter().copied().fold(0.0, f64::max);
    let label = format!("{}: up to {} °C over {} s", row.model, digits(hottest), digits(end));
    svg(SIZE, &label, |root| {
        let (upper, lower) = root.split_vertically(80);
        line(&upper, strip, &strip.celsius, "°C", FIRST, end, false)?;
        line(&lower, strip, &strip.mhz, "MHz", SECOND, end, true)
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn line(
    area: &Area,
    strip: &Strip,
    values: &[f64],
    unit: &str,
    colour: RGBColor,
    end: f64,
    with_seconds: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    if values.is_empty() {
        return Ok(());
    }
    let (low, high) = values.iter().fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(*v), high.max(*v)));
    let room = ((high - low) * 0.15).max(high * 0.02);
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .x_label_area_size(if with_seconds { 20 } else { 2 })
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..end, low - room..high + room)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(RULE)
        .x_labels(if with_seconds { 6 } else { 0 })
        .y_labels(3)
        .x_label_formatter(&|value| format!("{value:.0} s"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .label_style(small())
        .draw()?;
    let points = strip.seconds.iter().copied().zip(values.iter().copied());
    chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
    area.draw(&Text::new(unit.to_owned(), (area.dim_in_pixel().0 as i32 - 34, 6), small().color(&INK)))?;
    Ok(())
}

//! What an hour of speech takes, by the cost model.

use super::classic::share;
use crate::report::Material;
use crate::report::figures::{digits, minutes, percent, seconds};
use crate::summary::{HOUR_S, Row};
use maud::{Markup, html};

pub(super) fn section(material: &Material) -> Markup {
    let mut rows: Vec<&Row> = material.summary.rows.iter().filter(|row| row.cost.is_some()).collect();
    let hour = |row: &Row| row.cost.map_or(0.0, |cost| cost.hour_s.estimate);
    rows.sort_by(|a, b| hour(a).total_cmp(&hour(b)));
    let longest = rows.iter().map(|row| hour(row)).fold(0.0, f64::max).max(HOUR_S.min(rows.len() as f64 * HOUR_S));
    html! {
        @if !rows.is_empty() {
            section #hour-section {
                h2 { "An hour of speech" }
                p.hint {
                    "Loading, plus a cost for each window of 30 s, plus a cost for each token: fitted to the runs above, and "
                    "carried on to an hour of such speech. The line is the hour itself: what ends before it keeps up with a speaker."
                }
                div.scroll {
                    table.hours {
                        thead { tr {
                            th scope="col" { "Model" } th scope="col" { "An hour takes" }
                            th scope="col" { "a window" } th scope="col" { "a token" } th scope="col" { "off by" }
                        } }
                        tbody {
                            @for row in rows { (line(row, longest)) }
                        }
                    }
                }
            }
        }
    }
}

fn line(row: &Row, longest: f64) -> Markup {
    let Some(cost) = row.cost else { return html! {} };
    html! {
        tr {
            th scope="row" { (row.model) small { " " (label(row)) } }
            td.bar.wide style={ "--w:" (share(cost.hour_s.estimate, longest)) ";--mark:" (share(HOUR_S, longest)) } {
                span title={ (minutes(cost.hour_s.low)) " to " (minutes(cost.hour_s.high)) } { (minutes(cost.hour_s.estimate)) }
            }
            td { (seconds(cost.window_s)) }
            td { (digits(1000.0 * cost.token_s)) " ms" }
            td { (percent(cost.residual)) }
        }
    }
}

/// Engine and settings, where they tell rows apart.
pub(super) fn label(row: &Row) -> String {
    let settings = row.settings.to_string();
    match (row.engine.as_str(), settings.is_empty()) {
        ("noctule", _) => settings,
        (engine, true) => engine.to_owned(),
        (engine, false) => format!("{engine}, {settings}"),
    }
}

//! Every recording: what was said, what two configurations made of it, and its sound.

use crate::report::Material;
use maud::{Markup, html};

pub(super) fn section(material: &Material) -> Markup {
    let any = material.summary.rows.iter().any(|row| row.accuracy_cell.is_some());
    html! {
        @if any {
            section #recordings {
                h2 { "Every recording" }
                p.hint {
                    "Words as they were counted. " ins.i { "inserted" } " " span.s { "another word" } " " del.d { "missing" }
                    ". The worst come first; the sound plays without a network as far as it is in this page."
                }
                div.choices {
                    label { span { "Left" } select #left {} }
                    label { span { "Right" } select #right {} }
                    label.check { input type="checkbox" #differ checked; span { "only where they differ" } }
                }
                div #utterances { noscript { "The texts are also in utterances.csv." } }
                button type="button" #more hidden { "Show more" }
            }
        }
    }
}

//! Words of a segment in colours that tell how sure the decoder was.

use noctule::Segment;
use noctule::transcript::Speaker;
use std::fmt::Write;

/// xterm's 256 colours from red over yellow to green, for cubes of the probability as in whisper.cpp:
/// most words lie near 1, and the cube spreads them.
const SCALE: [u8; 6] = [196, 208, 220, 190, 118, 46];

/// The shown text of `segment` as one coloured line; `None` when it has no words.
pub fn line(segment: &Segment) -> Option<String> {
    if segment.words.is_empty() || !segment.is_shown() {
        return None;
    }
    let mut text = String::new();
    for word in &segment.words {
        let clean: String = word.word.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let shown = if text.is_empty() { clean.trim_start() } else { &clean };
        let _ = write!(text, "\x1b[38;5;{}m{shown}", scale(word.probability));
    }
    Some(format!("{}{text}\x1b[0m\n", name(segment.speaker)))
}

/// What stands before the text of a known speaker, as text files have it.
pub fn name(speaker: Option<Speaker>) -> &'static str {
    match speaker {
        None => "",
        Some(Speaker::Left) => "(speaker 0) ",
        Some(Speaker::Right) => "(speaker 1) ",
        Some(Speaker::Unknown) => "(speaker ?) ",
    }
}

/// The number among xterm's 256 of the colour for a probability.
pub fn scale(probability: f32) -> u8 {
    let place = probability.clamp(0.0, 1.0).powi(3) * SCALE.len() as f32;
    SCALE[(place as usize).min(SCALE.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::scale;

    #[test]
    fn sure_words_are_green() {
        assert_eq!(scale(1.0), 46);
        assert_eq!(scale(0.0), 196);
        assert_eq!(scale(0.8), 190);
        assert_eq!(scale(f32::NAN), 196);
    }
}

//! What bytes seem to be, from the first of them: the name for messages, and
//! what can be done with it.

/// The name of ISO base media files.
pub(super) const MP4: &str = "MP4 or M4A";

/// The name of WebM and its like.
pub(super) const MKV: &str = "WebM or Matroska";

/// How many bytes [`sniff`] wants to see.
pub(super) const LEN: usize = 512;

/// What the first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// What to call it; empty if unknown.
    pub name: &'static str,
    pub class: Class,
}

/// What can be done with bytes of a [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Read here, from its start to its end.
    Streams,
    /// Read here, but only where the reader can move about.
    Seeks,
    /// Some other sound or video, which ffmpeg may read.
    Foreign,
    /// No sound.
    NotSound,
    Unknown,
}

use Class::{Foreign, NotSound, Seeks, Streams, Unknown};

/// Looks at the first bytes of a file.
pub(super) fn sniff(start: &[u8]) -> Kind {
    let kind = |name, class| Kind { name, class };
    match start {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', rest @ ..] => {
            // Coded sound, for which the demuxer has to move about.
            let plain = !rest.starts_with(b"fmt ") || !matches!(rest.get(8..10), Some([2 | 0x11, 0]));
            kind("WAV", if plain { Streams } else { Seeks })
        }
        [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..]
        | [b'B', b'W', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..] => kind("WAV", Streams),
        [b'f', b'L', b'a', b'C', ..] => kind("FLAC", Streams),
        [b'O', b'g', b'g', b'S', ..] => match start.get(28..36) {
            Some(b"Speex   ") => kind("Ogg with Speex", Foreign),
            _ => kind("Ogg", Streams),
        },
        [0x1A, 0x45, 0xDF, 0xA3, ..] => kind(MKV, Streams),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => kind(MP4, Seeks),
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => kind("AIFF", Seeks),
        [b'c', b'a', b'f', b'f', ..] => kind("Core Audio Format", Seeks),
        [b'I', b'D', b'3', ..] => kind("MP3", Streams),
        [0xFF, 0xF0 | 0xF1 | 0xF8 | 0xF9, ..] => kind("AAC", Streams),
        [0xFF, second, ..] if second & 0xE6 == 0xE2 => kind("MP3", Streams),
        [0xFF, second, ..] if second & 0xE6 == 0xE4 => kind("MPEG audio of layer II", Foreign),
        [b'#', b'!', b'A', b'M', b'R', ..] => kind("AMR", Foreign),
        [0x30, 0x26, 0xB2, 0x75, ..] => kind("Windows Media", Foreign),
        [b'.', b's', b'n', b'd', ..] => kind("Sun audio", Foreign),
        [b'w', b'v', b'p', b'k', ..] => kind("WavPack", Foreign),
        [b'M', b'A', b'C', b' ', ..] => kind("Monkey's Audio", Foreign),
        [b'T', b'T', b'A', b'1', ..] => kind("True Audio", Foreign),
        [b'M', b'P', b'C', b'K', ..] | [b'M', b'P', b'+', ..] => kind("Musepack", Foreign),
        [b'D', b'S', b'D', b' ', ..] => kind("DSD", Foreign),
        [b'F', b'L', b'V', 1, ..] => kind("Flash video", Foreign),
        [b'.', b'R', b'M', b'F', ..] => kind("RealMedia", Foreign),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => kind("AVI", Foreign),
        [0, 0, 1, 0xBA, ..] => kind("MPEG video", Foreign),
        [0x0B, 0x77, ..] => kind("AC-3", Foreign),
        [0x47, ..] if start.get(188) == Some(&0x47) => kind("MPEG transport stream", Foreign),
        [b'M', b'T', b'h', b'd', ..] => kind("a MIDI file, which holds notes and no sound", NotSound),
        [b'%', b'P', b'D', b'F', ..] => kind("a PDF document", NotSound),
        [b'P', b'K', 3, 4, ..] => kind("a ZIP archive", NotSound),
        [0x1F, 0x8B, ..] => kind("a gzip archive", NotSound),
        [0x89, b'P', b'N', b'G', ..] | [0xFF, 0xD8, 0xFF, ..] | [b'G', b'I', b'F', b'8', ..] => {
            kind("a picture", NotSound)
        }
        [b'l', b'm', b'g', b'g', ..] | [b'G', b'G', b'U', b'F', ..] => kind("a model", NotSound),
        _ => text(start),
    }
}

/// Text, if it is that.
fn text(start: &[u8]) -> Kind {
    let unknown = Kind { name: "", class: Unknown };
    // The last character may be cut in two.
    let valid = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&start[..e.valid_up_to()]).unwrap_or_default(),
        Err(_) => return unknown,
    };
    if valid.chars().any(|c| c.is_control() && !c.is_whitespace()) || valid.len() < 4 {
        return unknown;
    }
    let lower = valid.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    let name = if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        "a web page (perhaps an error message that was saved in place of the audio: download it again)"
    } else if lower.starts_with("<?xml") || lower.starts_with("{\"") {
        "an answer from a server in place of the audio (download it again)"
    } else {
        "plain text"
    };
    Kind { name, class: NotSound }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_sound() {
        for (bytes, name) in [
            (&b"<!DOCTYPE html><html><head>"[..], "a web page"),
            (b"\n  <html lang=en>", "a web page"),
            (b"{\"error\": \"not found\"}", "an answer"),
            ("Grüße, nur Text \u{1F600}".as_bytes(), "plain text"),
            // The last character is cut in two.
            (&"Grüße".as_bytes()[..3], ""),
            (&"Viele Grü".as_bytes()[..9], "plain text"),
            (b"\x00\x01\x02\x03\x04", ""),
        ] {
            let kind = sniff(bytes);
            assert!(kind.name.starts_with(name) && kind.name.is_empty() == name.is_empty(), "{kind:?} for {name}");
        }
    }

    #[test]
    fn coded_wav_wants_to_move_about() {
        let wav = |tag: u8| [b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".as_slice(), &[tag, 0]].concat();
        assert_eq!(sniff(&wav(1)).class, Streams);
        assert_eq!(sniff(&wav(0x11)).class, Seeks);
    }
}

//! What symphonia leaves unread in MP4 files: whether a track is encrypted,
//! and its edit list, which says where the sound starts and ends.
//!
//! Enters: a seekable stream. Leaves: [`Facts`]. Boxes are those of ISO/IEC
//! 14496-12 (§8.6.6 edit list, §8.12 protection).

use std::io::{self, SeekFrom};

use symphonia::core::io::MediaSource;

/// What the file says of its tracks.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The tracks, in the order of the file.
    pub tracks: Vec<Track>,
}

/// One track.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub id: u32,
    /// The handler: `soun`, `vide`, …
    pub handler: [u8; 4],
    /// The sample entry: `mp4a`, `Opus`, `alac`, …; `enca` and `drms` are
    /// encrypted sound.
    pub codec: [u8; 4],
    /// Ticks of `media_time` in a second.
    pub timescale: u32,
    /// Where the sound starts in the media, by the edit list.
    pub media_time: Option<u64>,
}

impl Track {
    pub(super) fn is_audio(&self) -> bool {
        &self.handler == b"soun"
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(&self.codec, b"enca" | b"drms")
    }
}

impl Facts {
    /// Reads the boxes of `source`, which afterwards stands at its start again.
    pub(super) fn read(source: &mut (dyn MediaSource + '_)) -> io::Result<Self> {
        let mut facts = Self::default();
        let end = source.byte_len().unwrap_or(u64::MAX);
        source.seek(SeekFrom::Start(0))?;
        let walked = facts.walk(source, end, 0);
        source.seek(SeekFrom::Start(0))?;
        match walked {
            // The demuxer judges files that end inside a box.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(facts),
            other => other.map(|()| facts),
        }
    }

    /// Walks over the boxes up to `end`.
    fn walk(&mut self, source: &mut (dyn MediaSource + '_), end: u64, depth: u32) -> io::Result<()> {
        // Enough for any file; a hostile one may hold a box in every 8 bytes.
        const MOST_BOXES: u32 = 10_000;
        let mut at = source.stream_position()?;
        for _ in 0..MOST_BOXES {
            if end.saturating_sub(at) < 8 {
                break;
            }
            let [size, kind] = read_words(source)?;
            let (head, size) = match size {
                0 => (8, end - at),
                1 => {
                    let [high, low] = read_words(source)?;
                    (16, u64::from(high) << 32 | u64::from(low))
                }
                size => (8, u64::from(size)),
            };
            let Some(next) = at.checked_add(size).filter(|&next| size >= head && next <= end) else { break };
            self.visit(source, kind.to_be_bytes(), next, depth)?;
            at = source.seek(SeekFrom::Start(next))?;
        }
        Ok(())
    }

    /// Takes what is wanted from a box, whose contents end at `end`.
    fn visit(&mut self, source: &mut (dyn MediaSource + '_), kind: [u8; 4], end: u64, depth: u32) -> io::Result<()> {
        match (&kind, depth) {
            (b"moov", 0) => return self.walk(source, end, 1),
            (b"trak", 1) => {
                self.tracks.push(Track::default());
                return self.walk(source, end, 2);
            }
            (b"mdia" | b"minf" | b"stbl" | b"edts", 2..6) => return self.walk(source, end, depth + 1),
            _ => {}
        }
        let Some(track) = self.tracks.last_mut().filter(|_| depth >= 2) else { return Ok(()) };
        match &kind {
            b"tkhd" => track.id = read_versioned(source)?,
            b"mdhd" => track.timescale = read_versioned(source)?,
            // QuickTime has another one deeper down, for the data.
            b"hdlr" if depth == 3 => {
                let [_, _, handler] = read_words(source)?;
                track.handler = handler.to_be_bytes();
            }
            b"stsd" => {
                let [_, _, _, codec] = read_words(source)?;
                track.codec = codec.to_be_bytes();
            }
            b"elst" => track.media_time = read_edits(source)?,
            _ => {}
        }
        Ok(())
    }
}

/// The number behind the two times (32 bits in version 0, 64 in version 1) with
/// which both `tkhd` and `mdhd` begin.
fn read_versioned(source: &mut (dyn MediaSource + '_)) -> io::Result<u32> {
    let [flags] = read_words(source)?;
    if flags >> 24 == 0 {
        let [_, _, value] = read_words(source)?;
        Ok(value)
    } else {
        let [_, _, _, _, value] = read_words(source)?;
        Ok(value)
    }
}

/// Where the first edit that is not empty starts in the media.
fn read_edits(source: &mut (dyn MediaSource + '_)) -> io::Result<Option<u64>> {
    let [flags, count] = read_words(source)?;
    for _ in 0..count.min(64) {
        let media_time = if flags >> 24 == 0 {
            let [_, time, _] = read_words(source)?;
            i64::from(time.cast_signed())
        } else {
            let [_, _, high, low, _] = read_words(source)?;
            (u64::from(high) << 32 | u64::from(low)).cast_signed()
        };
        // −1 marks an empty edit.
        if let Ok(time) = u64::try_from(media_time) {
            return Ok(Some(time));
        }
    }
    Ok(None)
}

fn read_words<const N: usize>(source: &mut (dyn MediaSource + '_)) -> io::Result<[u32; N]> {
    let mut words = [0; N];
    for word in &mut words {
        let mut bytes = [0; 4];
        source.read_exact(&mut bytes)?;
        *word = u32::from_be_bytes(bytes);
    }
    Ok(words)
}

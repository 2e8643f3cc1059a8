//! Makes sense of WAV headers that lie, before the decoder sees them.
//!
//! Programs that write WAV to a pipe cannot know its length and put 0,
//! 0xFFFFFFFF or some other large number into the size fields; recorders that
//! lose power leave a size that is too large; RF64 (EBU Tech 3306) keeps it in
//! another place. Here enters the raw stream; out goes a stream with a fresh,
//! plain header and nothing but sample data after it, and how much data the
//! file had promised.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use crate::pcm::{MAX_CHANNELS, Pcm, SampleFormat};

/// What the header says.
pub(super) struct WavHeader {
    /// Bytes of one frame (one sample of every channel).
    pub frame_bytes: u64,
    /// The promised length of the sample data in bytes, where it can be trusted.
    pub data_len: Option<u64>,
    /// A canonical header for the decoder, whose sizes are "unknown".
    pub canonical: Vec<u8>,
    /// The sample rate in Hz.
    pub rate: u32,
    /// The number of channels.
    pub channels: u16,
    /// The places of the channels, a bit each (`dwChannelMask`), if it tells.
    pub mask: Option<u32>,
}

/// What stands in a WAV file.
pub(super) enum Wav {
    /// Plain samples.
    Plain(WavHeader),
    /// Coded samples (ADPCM), which the demuxer knows better.
    Coded,
}

/// Why a WAV header cannot be used.
pub(super) enum HeaderError {
    Io(io::Error),
    ZeroChannels,
    Unsupported(String),
    Damaged(&'static str),
}

impl From<io::Error> for HeaderError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Damaged("the file ends inside the WAV header")
        } else {
            Self::Io(error)
        }
    }
}

const PCM: u16 = 1;
const MS_ADPCM: u16 = 2;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const IMA_ADPCM: u16 = 0x11;
const EXTENSIBLE: u16 = 0xFFFE;

/// The last 14 bytes of the sub-format identifiers that stand for a plain
/// format tag (`KSDATAFORMAT_SUBTYPE_*` of Microsoft's ksmedia.h).
const SUBTYPE_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

/// Whether `start` (12 bytes) opens a WAV file.
pub(super) fn is_wav(start: &[u8; 12]) -> bool {
    matches!(&start[..4], b"RIFF" | b"RF64" | b"BW64") && &start[8..] == b"WAVE"
}

/// Reads the chunks up to the sample data. `source` stands behind the first 12
/// bytes, which are `start`; afterwards it stands on the first sample.
pub(super) fn read(start: &[u8; 12], source: &mut Box<dyn MediaSource + '_>) -> Result<Wav, HeaderError> {
    let riff_len = le32(&start[4..8]);
    let file_len = source.byte_len();
    let mut pos = 12u64;
    let mut format: Option<Format> = None;
    let mut long_data_len = None;
    loop {
        let mut head = [0u8; 8];
        match source.read_exact(&mut head) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(HeaderError::Damaged("the WAV header has no data chunk"));
            }
            other => other?,
        }
        let len = le32(&head[4..]);
        pos += 8;
        match &head[..4] {
            b"data" => {
                let format = format.ok_or(HeaderError::Damaged("the WAV header has no fmt chunk"))?;
                let available = file_len.map(|total| total.saturating_sub(pos));
                let sized_right = file_len == Some(u64::from(riff_len) + 8);
                let data_len = long_data_len.or_else(|| trusted_len(len, available, sized_right));
                return Ok(Wav::Plain(format.header(data_len)));
            }
            b"fmt " => {
                let mut body = vec![0u8; len.min(40) as usize];
                source.read_exact(&mut body)?;
                if body.len() >= 16 && matches!(le16(&body), MS_ADPCM | IMA_ADPCM) {
                    return Ok(Wav::Coded);
                }
                skip(source, u64::from(len) - body.len() as u64 + u64::from(len % 2))?;
                format = Some(Format::parse(&body)?);
            }
            b"ds64" if len >= 24 => {
                let mut body = [0u8; 24];
                source.read_exact(&mut body)?;
                skip(source, u64::from(len) - 24 + u64::from(len % 2))?;
                let data = u64::from(le32(&body[8..])) | u64::from(le32(&body[12..])) << 32;
                long_data_len = Some(data).filter(|&len| len != 0 && len != u64::MAX);
            }
            _ => skip(source, u64::from(len) + u64::from(len % 2))?,
        }
        pos += u64::from(len) + u64::from(len % 2);
    }
}

/// The length of the data chunk, or `None` where the writer did not know it.
///
/// A writer to a pipe leaves 0 or a number near 2³¹ or 2³² that no data
/// follow; 0 is believed only if the outer size fits the file to the byte.
fn trusted_len(declared: u32, available: Option<u64>, sized_right: bool) -> Option<u64> {
    const PLACEHOLDERS_FROM: u32 = 0x7FFF_0000;
    let is_large_placeholder = (PLACEHOLDERS_FROM..=0x7FFF_FFFF).contains(&declared) || declared >= 0xFFFF_0000;
    let fits = available.is_some_and(|have| u64::from(declared) <= have);
    match declared {
        0 if !sized_right => None,
        _ if is_large_placeholder && !fits => None,
        _ => Some(u64::from(declared)),
    }
}

/// The fields of the fmt chunk, reduced to what plain samples need.
struct Format {
    tag: u16,
    channels: u16,
    rate: u32,
    sample_bytes: u16,
    mask: Option<u32>,
}

/// The header that raw samples lack.
pub(super) fn of_pcm(pcm: &Pcm) -> WavHeader {
    let tag = match pcm.format {
        SampleFormat::F32le | SampleFormat::F64le => FLOAT,
        SampleFormat::Mulaw => MU_LAW,
        SampleFormat::Alaw => A_LAW,
        _ => PCM,
    };
    let sample_bytes = pcm.format.bytes();
    Format { tag, channels: pcm.channels, rate: pcm.rate, sample_bytes, mask: None }.header(None)
}

impl Format {
    fn parse(body: &[u8]) -> Result<Self, HeaderError> {
        if body.len() < 16 {
            return Err(HeaderError::Damaged("the WAV fmt chunk is too short"));
        }
        let mut tag = le16(body);
        let channels = le16(&body[2..]);
        let rate = le32(&body[4..]);
        let frame_bytes = le16(&body[12..]);
        let bits = le16(&body[14..]);
        let mut mask = None;
        if tag == EXTENSIBLE {
            if body.len() < 40 {
                return Err(HeaderError::Damaged("the extensible fmt chunk is too short"));
            }
            if body[26..40] != SUBTYPE_TAIL {
                return Err(HeaderError::Unsupported("WAV with an unknown sub-format".into()));
            }
            tag = le16(&body[24..]);
            mask = Some(le32(&body[20..])).filter(|mask| mask.count_ones() == u32::from(channels));
        }
        match channels {
            0 => return Err(HeaderError::ZeroChannels),
            1..=MAX_CHANNELS => {}
            _ => {
                let reason = format!("WAV with {channels} channels (at most {MAX_CHANNELS})");
                return Err(HeaderError::Unsupported(reason));
            }
        }
        // 20 valid bits in 3 bytes, 24 in 4: the container decides, because
        // the valid bits are the upper ones.
        let container = frame_bytes / channels;
        let plausible = frame_bytes.is_multiple_of(channels) && container >= bits.div_ceil(8) && container > 0;
        let sample_bytes = if plausible { container } else { bits.div_ceil(8) };
        match (tag, sample_bytes) {
            (PCM, 1..=4) | (FLOAT, 4 | 8) | (A_LAW | MU_LAW, 1) => Ok(Self { tag, channels, rate, sample_bytes, mask }),
            _ => Err(HeaderError::Unsupported(format!("WAV with format tag {tag} and {bits} bits"))),
        }
    }

    fn header(self, data_len: Option<u64>) -> WavHeader {
        let frame_bytes = self.sample_bytes * self.channels;
        let mut canonical = Vec::with_capacity(46);
        canonical.extend_from_slice(b"RIFF\xFF\xFF\xFF\xFFWAVEfmt ");
        canonical.extend_from_slice(&18u32.to_le_bytes());
        canonical.extend_from_slice(&self.tag.to_le_bytes());
        canonical.extend_from_slice(&self.channels.to_le_bytes());
        canonical.extend_from_slice(&self.rate.to_le_bytes());
        let per_second = self.rate.saturating_mul(u32::from(frame_bytes));
        canonical.extend_from_slice(&per_second.to_le_bytes());
        canonical.extend_from_slice(&frame_bytes.to_le_bytes());
        canonical.extend_from_slice(&(self.sample_bytes * 8).to_le_bytes());
        canonical.extend_from_slice(&0u16.to_le_bytes());
        canonical.extend_from_slice(b"data\xFF\xFF\xFF\xFF");
        let Self { rate, channels, mask, .. } = self;
        WavHeader { frame_bytes: u64::from(frame_bytes), data_len, canonical, rate, channels, mask }
    }
}

fn skip(source: &mut Box<dyn MediaSource + '_>, bytes: u64) -> io::Result<()> {
    if source.is_seekable() {
        let bytes = i64::try_from(bytes).map_err(io::Error::other)?;
        source.seek(SeekFrom::Current(bytes))?;
    } else {
        io::copy(&mut source.take(bytes), &mut io::sink())?;
    }
    Ok(())
}

fn le16(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

fn le32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

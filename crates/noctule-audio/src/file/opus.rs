//! Opus for symphonia, which demuxes it but cannot decode it: packets enter,
//! 48 kHz frames leave.
//!
//! The codec itself is the crate `opus-pure`; here are the identification
//! header, the order of the channels, the output gain and the padding at the
//! end. The delay at the start is cut by [`super::decode`].

use opus_pure::{ChannelLayout, MAX_PACKET_SAMPLES, OpusMSDecoder};
use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef, layouts,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::errors::{Error, Result};
use symphonia::core::packet::PacketRef;

/// The rate at which Opus counts, and decodes here, in Hz.
const RATE: u32 = 48_000;

/// The identification header (RFC 7845 §5.1), or its like in MP4, the `dOps`
/// box (Encapsulation of Opus in ISOBMFF, §4.3.2), whose version is 0 and
/// whose numbers are big-endian.
pub(super) struct Head {
    channels: u8,
    /// Frames that the encoder put before the sound.
    pub pre_skip: u16,
    /// The output gain in 1/256 dB.
    gain: i16,
    family: u8,
    layout: Option<ChannelLayout>,
}

impl Head {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let body = bytes.strip_prefix(b"OpusHead")?;
        let (&version, body) = body.split_first()?;
        let (fixed, table) = body.split_at_checked(10)?;
        let u16_at = |at: usize| {
            let pair = [fixed[at], fixed[at + 1]];
            if version == 0 { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        };
        let (channels, family) = (fixed[0], fixed[9]);
        let layout = table.split_at_checked(2).map(|(counts, mapping)| ChannelLayout {
            mapping_family: family,
            nb_channels: usize::from(channels),
            nb_streams: usize::from(counts[0]),
            nb_coupled_streams: usize::from(counts[1]),
            mapping: mapping.iter().copied().take(usize::from(channels)).collect(),
        });
        Some(Self { channels, pre_skip: u16_at(1), gain: u16_at(7) as i16, family, layout })
    }

    /// Whether the streams are combined as the family prescribes, which is all
    /// that encoders write and the codec reads.
    fn is_regular(&self) -> bool {
        let Ok(regular) = ChannelLayout::surround(usize::from(self.channels), self.family) else { return false };
        self.family == 0
            || self.layout.as_ref().is_some_and(|own| {
                (own.nb_streams, own.nb_coupled_streams) == (regular.nb_streams, regular.nb_coupled_streams)
                    && own.mapping == regular.mapping
            })
    }

    /// The places of the channels, and the plane of each channel: Opus sends
    /// them in the order of Vorbis, symphonia keeps the order of WAV.
    fn channels(&self) -> Option<(Channels, &'static [usize])> {
        Some(match self.channels {
            1 => (layouts::CHANNEL_LAYOUT_OGG_1P0, &[0]),
            2 => (layouts::CHANNEL_LAYOUT_OGG_2P0, &[0, 1]),
            3 => (layouts::CHANNEL_LAYOUT_OGG_3P0, &[0, 2, 1]),
            4 => (layouts::CHANNEL_LAYOUT_OGG_4P0, &[0, 1, 2, 3]),
            5 => (layouts::CHANNEL_LAYOUT_OGG_5P0, &[0, 2, 1, 3, 4]),
            6 => (layouts::CHANNEL_LAYOUT_OGG_5P1, &[0, 2, 1, 4, 5, 3]),
            7 => (layouts::CHANNEL_LAYOUT_OGG_6P1, &[0, 2, 1, 5, 6, 4, 3]),
            8 => (layouts::CHANNEL_LAYOUT_OGG_7P1, &[0, 2, 1, 6, 7, 4, 5, 3]),
            _ => return None,
        })
    }
}

/// Decodes Opus packets at 48 kHz.
pub(super) struct OpusDecoder {
    params: AudioCodecParameters,
    decoder: OpusMSDecoder,
    /// The plane of each of the stream's channels.
    planes: &'static [usize],
    gain: f32,
    interleaved: Vec<f32>,
    buffer: AudioBuffer<f32>,
}

impl OpusDecoder {
    fn new(params: &AudioCodecParameters) -> Result<Self> {
        let head = params.extra_data.as_deref().and_then(Head::parse);
        let head = head.ok_or(Error::Unsupported("opus: without an identification header"))?;
        if !head.is_regular() {
            return Err(Error::Unsupported("opus: with an unusual mapping of channels"));
        }
        let (channels, planes) = head.channels().ok_or(Error::Unsupported("opus: with more than 8 channels"))?;
        let decoder = OpusMSDecoder::new(RATE as i32, planes.len(), head.family)
            .map_err(|_| Error::Unsupported("opus: with a mapping of channels that cannot be decoded"))?;
        Ok(Self {
            params: params.clone(),
            decoder,
            planes,
            gain: 10f32.powf(f32::from(head.gain) / (20.0 * 256.0)),
            interleaved: vec![0.0; MAX_PACKET_SAMPLES * planes.len()],
            buffer: AudioBuffer::new(AudioSpec::new(RATE, channels), MAX_PACKET_SAMPLES),
        })
    }
}

impl AudioDecoder for OpusDecoder {
    fn reset(&mut self) {
        // It fails for a decoder without streams only.
        let _ = self.decoder.reset_state();
    }

    fn codec_info(&self) -> &CodecInfo {
        &Self::supported_codecs()[0].info
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.buffer.clear();
        // To the codec an empty packet is a lost one, which it would invent.
        if packet.data.is_empty() {
            return Err(Error::DecodeError("opus: an empty packet"));
        }
        let frames = self
            .decoder
            .decode(packet.data, MAX_PACKET_SAMPLES, &mut self.interleaved)
            .map_err(|_| Error::DecodeError("opus: a damaged packet"))?
            .min(MAX_PACKET_SAMPLES);
        self.buffer.render_uninit(Some(frames));
        let count = self.planes.len();
        for (channel, &plane) in self.planes.iter().enumerate() {
            let plane = self.buffer.plane_mut(plane).ok_or(Error::DecodeError("opus: a channel too many"))?;
            let samples = self.interleaved[channel..].iter().step_by(count);
            for (to, &from) in plane.iter_mut().zip(samples) {
                *to = from * self.gain;
            }
        }
        self.buffer.trim(0, usize::try_from(packet.trim_end.get()).unwrap_or(usize::MAX));
        Ok(self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}

impl RegisterableAudioDecoder for OpusDecoder {
    fn try_registry_new(params: &AudioCodecParameters, _: &AudioDecoderOptions) -> Result<Box<dyn AudioDecoder>> {
        Ok(Box::new(Self::new(params)?))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        const INFO: CodecInfo = CodecInfo { short_name: "opus", long_name: "Opus", profiles: &[] };
        &[SupportedAudioCodec { id: CODEC_ID_OPUS, info: INFO }]
    }
}

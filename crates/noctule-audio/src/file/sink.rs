//! Where decoded frames go: mixed to mono, brought to 16 kHz, cut to the
//! asked-for stretch, and kept until the reader takes them.

use std::ops::Range as Frames;

use symphonia::core::audio::{Channels, GenericAudioBufferRef};

use super::{ReadOptions, mix};
use crate::resample::{self, Resampler};
use crate::{AudioError, SAMPLE_RATE};

/// Times beyond this (some 30 years) are typing errors; the bound keeps sample
/// counts far from overflow.
const LONGEST_S: f64 = 1e9;

/// The stretch in 16 kHz samples from the start of the audio.
pub(super) struct Range {
    pub first: u64,
    pub count: Option<u64>,
}

impl Range {
    pub(super) fn new(options: &ReadOptions) -> Result<Self, AudioError> {
        let offset = options.offset_s;
        if !(0.0..=LONGEST_S).contains(&offset) {
            return Err(AudioError::Option {
                option: "offset_s",
                value: offset.to_string(),
                expected: "give a number of seconds that is not negative",
            });
        }
        if let Some(duration) = options.duration_s
            && (duration.is_nan() || duration <= 0.0)
        {
            return Err(AudioError::Option {
                option: "duration_s",
                value: duration.to_string(),
                expected: "give a number of seconds greater than 0, or leave it out",
            });
        }
        let samples = |seconds: f64| (seconds * f64::from(SAMPLE_RATE)).round() as u64;
        let first = samples(offset);
        let count = options.duration_s.map(|d| (samples(offset + d.min(LONGEST_S)) - first).max(1));
        Ok(Self { first, count })
    }
}

/// One output channel.
struct Lane {
    resampler: Resampler,
    out: Vec<f32>,
}

/// Collects decoded frames, mixes them and converts their rate.
pub(super) struct Sink {
    mono: Lane,
    /// Left and right, where asked for.
    sides: Option<[Lane; 2]>,
    /// The frame at which the resamplers start: a whole number of filter
    /// blocks, one block early, so that an excerpt equals the whole.
    pub skip_frames: u64,
    /// 16 kHz samples that still lie before the start of the stretch.
    drop: usize,
    /// 16 kHz samples still wanted, those that are ready included.
    want: Option<u64>,
    /// The next frame's index in the source.
    pub position: u64,
    pub decoded_frames: u64,
    pub channels: u16,
    pub not_numbers: u64,
    /// Where the container tells the places of the channels better than the
    /// decoder.
    layout: Option<Channels>,
    weights: Vec<f32>,
    planes: Vec<Vec<f32>>,
    mix: Vec<f32>,
}

impl Sink {
    pub(super) fn new(rate: u32, range: &Range, keep_stereo: bool, layout: Option<Channels>) -> Self {
        let lane = || Lane {
            resampler: Resampler::new(rate).expect("the rate was checked when the file was opened"),
            out: Vec::new(),
        };
        let mono = lane();
        let (block_in, block_out) = mono.resampler.block();
        let blocks = (range.first / block_out).saturating_sub(1);
        Self {
            mono,
            sides: keep_stereo.then(|| [lane(), lane()]),
            skip_frames: blocks * block_in,
            drop: (range.first - blocks * block_out) as usize,
            want: range.count,
            position: 0,
            decoded_frames: 0,
            channels: 0,
            not_numbers: 0,
            layout,
            weights: Vec::new(),
            planes: Vec::new(),
            mix: Vec::new(),
        }
    }

    /// How many samples of the stretch `frames` frames of the source give, and
    /// some more for what the filter gives beyond the end.
    pub(super) fn likely_len(&self, frames: u64) -> usize {
        if frames == 0 {
            return 0;
        }
        let all = resample::output_len(frames.saturating_sub(self.skip_frames), self.mono.resampler.rate());
        let wanted = self.want.map_or(all, |want| all.min(want));
        usize::try_from(wanted + self.mono.resampler.block().1).unwrap_or(0)
    }

    /// Whether the whole stretch is there.
    pub(super) fn is_full(&self) -> bool {
        self.want.is_some_and(|want| self.mono.out.len() as u64 >= want)
    }

    /// How many samples of the stretch can be taken.
    pub(super) fn ready(&self) -> usize {
        self.mono.out.len()
    }

    /// The samples that are ready.
    pub(super) fn mono(&self) -> &[f32] {
        &self.mono.out
    }

    /// The samples of left and right that are ready, where asked for.
    pub(super) fn sides(&self) -> Option<(&[f32], &[f32])> {
        self.sides.as_ref().map(|[left, right]| (&*left.out, &*right.out))
    }

    /// Forgets the samples that were ready.
    pub(super) fn clear(&mut self) {
        if let Some(want) = &mut self.want {
            *want -= self.mono.out.len() as u64;
        }
        self.lanes().for_each(|lane| lane.out.clear());
    }

    fn lanes(&mut self) -> impl Iterator<Item = &mut Lane> {
        std::iter::once(&mut self.mono).chain(self.sides.iter_mut().flatten())
    }

    /// Cuts what the resamplers gave to the stretch.
    fn cut(&mut self) {
        let drop = self.drop.min(self.mono.out.len());
        self.drop -= drop;
        let want = self.want.and_then(|want| usize::try_from(want).ok()).unwrap_or(usize::MAX);
        for lane in self.lanes() {
            lane.out.drain(..drop);
            lane.out.truncate(want);
        }
    }

    /// Takes the frames `part` of a decoded buffer.
    pub(super) fn push(&mut self, buffer: &GenericAudioBufferRef<'_>, part: Frames<usize>) {
        let skip = part.start + self.advance(part.len());
        self.decoded_frames += part.len() as u64;
        if skip == part.end {
            return;
        }
        buffer.copy_to_vecs_planar(&mut self.planes);
        let count = buffer.num_planes();
        if self.weights.len() != count {
            let places = self.layout.as_ref().unwrap_or(buffer.spec().channels());
            self.weights = mix::weights(places, count);
        }
        let part = skip..part.end;
        let planes = &mut self.planes[..count];
        self.channels = self.channels.max(count as u16);
        for sample in planes.iter_mut().flat_map(|p| &mut p[part.clone()]) {
            if !sample.is_finite() {
                *sample = 0.0;
                self.not_numbers += 1;
            }
        }
        self.mix.clear();
        match &*planes {
            [] => self.mix.resize(part.len(), 0.0),
            [only] => self.mix.extend_from_slice(&only[part.clone()]),
            [left, right] => {
                let pairs = left[part.clone()].iter().zip(&right[part.clone()]);
                self.mix.extend(pairs.map(|(l, r)| (l + r) * 0.5));
            }
            many => {
                let mix = |i: usize| many.iter().zip(&self.weights).map(|(p, w)| p[i] * w).sum::<f32>();
                self.mix.extend(part.clone().map(mix));
            }
        }
        self.mono.push(&self.mix);
        if let Some([left, right]) = &mut self.sides {
            match &*planes {
                [l, r, ..] => {
                    left.push(&l[part.clone()]);
                    right.push(&r[part]);
                }
                _ => {
                    left.push(&self.mix);
                    right.push(&self.mix);
                }
            }
        }
        self.cut();
    }

    /// Puts silence in place of frames that are missing.
    pub(super) fn push_silence(&mut self, frames: u64) {
        let frames = frames as usize;
        let skip = self.advance(frames);
        self.mix.clear();
        self.mix.resize(frames - skip, 0.0);
        self.mono.push(&self.mix);
        for lane in self.sides.iter_mut().flatten() {
            lane.push(&self.mix);
        }
        self.cut();
    }

    /// Moves the position on and says how many of the frames lie before the start.
    fn advance(&mut self, frames: usize) -> usize {
        let before = self.skip_frames.saturating_sub(self.position);
        self.position += frames as u64;
        usize::try_from(before).map_or(frames, |before| before.min(frames))
    }

    /// The audio has ended: let the filters give what they hold.
    pub(super) fn end(&mut self) {
        for lane in self.lanes() {
            lane.resampler.finish(&mut lane.out);
        }
        self.cut();
    }
}

impl Lane {
    fn push(&mut self, samples: &[f32]) {
        self.resampler.push(samples, &mut self.out);
    }
}

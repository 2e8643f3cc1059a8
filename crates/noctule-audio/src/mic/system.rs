//! The system's own sound interface, by the crate cpal: CoreAudio on macOS, WASAPI on Windows, ALSA on Linux.
//!
//! A microphone gives what it likes: any rate, any number of channels, a dozen formats. Its thread turns samples into floats and puts
//! them into a queue of bounded length; [`Recording::read`] makes 16 kHz of them. cpal tells of an overrun but not how long it
//! was: that is the gap between two times of capture.

use super::{Captured, Device, MicOptions, Tool};
use crate::SAMPLE_RATE;
use crate::resample::Resampler;
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A microphone that gives no sound for so long after its start will give none.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look whether the recording was stopped.
const LOOK: Duration = Duration::from_millis(100);
/// Buffers that may wait to be read: some 10 s at the usual 10 ms.
const QUEUE: usize = 1024;
/// What to do where there is no microphone.
const HELP: &str = "connect a microphone, let this program use it in the system's settings, or pipe samples in \
                    (noctule listen - --pcm s16le:16000:1)";

/// All microphones.
pub(super) fn devices() -> Vec<Device> {
    let Ok(found) = cpal::default_host().input_devices() else { return Vec::new() };
    found
        .filter_map(|device| {
            let name = device.id().ok()?.id().to_owned();
            let description = device.description().map_or_else(|_| name.clone(), |text| text.to_string());
            Some(Device { tool: Tool::Cpal, name, description })
        })
        .collect()
}

/// A microphone that is being recorded.
pub(super) struct Recording {
    /// `None` once it was stopped: what waits is read all the same.
    stream: Option<cpal::Stream>,
    queue: Receiver<Heard>,
    first: Option<Heard>,
    frames: Frames,
    failed: Arc<Mutex<Option<String>>>,
    stopped: Arc<AtomicBool>,
}

/// A buffer of the microphone.
struct Heard {
    /// Samples of all channels in turn.
    samples: Vec<f32>,
    /// Sound that was lost before it, seconds.
    lost_s: f64,
}

impl Recording {
    /// Starts to record and waits for the first sound.
    pub fn start(options: &MicOptions) -> Result<Self, String> {
        let device = find(options.device.as_deref())?;
        let chosen = choose(&device, options.stereo)?;
        let (sender, queue) = mpsc::sync_channel(QUEUE);
        let failed = Arc::new(Mutex::new(None));
        let stream = build(&device, &chosen, sender, failed.clone())?;
        stream.play().map_err(|error| error.to_string())?;
        let frames = Frames::new(&chosen.config(), options.stereo)?;
        let mut recording = Self { stream: Some(stream), queue, first: None, frames, failed, stopped: Arc::default() };
        match recording.queue.recv_timeout(PATIENCE) {
            Ok(first) => recording.first = Some(first),
            Err(_) => {
                let silent = || format!("it gave no sound in {} seconds: {HELP}", PATIENCE.as_secs());
                return Err(recording.failure().unwrap_or_else(silent));
            }
        }
        Ok(recording)
    }

    /// As [`Microphone::read`](super::Microphone::read).
    pub fn read(&mut self, captured: &mut Captured) -> Result<bool, String> {
        while captured.samples.is_empty() {
            if self.stopped.load(Ordering::Relaxed) {
                self.stream = None;
            }
            match self.first.take().map_or_else(|| self.queue.recv_timeout(LOOK), Ok) {
                Ok(heard) => {
                    // A float-to-integer `as` saturates.
                    captured.lost += (heard.lost_s * f64::from(SAMPLE_RATE)).round() as u64;
                    self.frames.push(&heard.samples, captured);
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
                Err(RecvTimeoutError::Timeout) => match self.failure() {
                    Some(reason) => return Err(reason),
                    None => continue,
                },
            }
        }
        Ok(true)
    }

    fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub fn stopper(&self) -> Box<dyn Fn() + Send + Sync> {
        let stopped = self.stopped.clone();
        Box::new(move || stopped.store(true, Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}

/// The device of this name, which [`devices`] gives, or of this description.
fn find(name: Option<&str>) -> Result<cpal::Device, String> {
    let host = cpal::default_host();
    let Some(name) = name else {
        return host.default_input_device().ok_or_else(|| format!("there is no microphone: {HELP}"));
    };
    let mut devices = host.input_devices().map_err(|error| format!("{error}: {HELP}"))?;
    let is_it = |device: &cpal::Device| {
        device.id().is_ok_and(|id| id.id() == name) || device.description().is_ok_and(|text| text.name() == name)
    };
    devices.find(is_it).ok_or_else(|| format!("there is no microphone called {name}"))
}

/// What the device would rather do; with two channels at least where they are wanted.
fn choose(device: &cpal::Device, stereo: bool) -> Result<SupportedStreamConfig, String> {
    let default = device.default_input_config().map_err(|error| format!("{error}: {HELP}"))?;
    if !stereo || default.channels() >= 2 {
        return Ok(default);
    }
    let ranges = device.supported_input_configs().map_err(|error| error.to_string())?;
    let mut wide = ranges.filter(|range| range.channels() >= 2 && !range.sample_format().is_dsd());
    let chosen = wide.next().map(|range| {
        let same = range.try_with_sample_rate(default.sample_rate());
        same.unwrap_or_else(|| range.with_max_sample_rate())
    });
    chosen.ok_or_else(|| "the microphone has one channel, and two are compared to tell who speaks".into())
}

fn build(
    device: &cpal::Device,
    chosen: &SupportedStreamConfig,
    sender: SyncSender<Heard>,
    failed: Arc<Mutex<Option<String>>>,
) -> Result<cpal::Stream, String> {
    let config = chosen.config();
    let ear = Ear::new(&config, sender);
    match chosen.sample_format() {
        SampleFormat::I8 => listen::<i8>(device, config, ear, failed),
        SampleFormat::I16 => listen::<i16>(device, config, ear, failed),
        SampleFormat::I24 => listen::<cpal::I24>(device, config, ear, failed),
        SampleFormat::I32 => listen::<i32>(device, config, ear, failed),
        SampleFormat::I64 => listen::<i64>(device, config, ear, failed),
        SampleFormat::U8 => listen::<u8>(device, config, ear, failed),
        SampleFormat::U16 => listen::<u16>(device, config, ear, failed),
        SampleFormat::U24 => listen::<cpal::U24>(device, config, ear, failed),
        SampleFormat::U32 => listen::<u32>(device, config, ear, failed),
        SampleFormat::U64 => listen::<u64>(device, config, ear, failed),
        SampleFormat::F32 => listen::<f32>(device, config, ear, failed),
        SampleFormat::F64 => listen::<f64>(device, config, ear, failed),
        other => Err(format!("it gives samples as {other}, which cannot be read")),
    }
}

fn listen<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut ear: Ear,
    failed: Arc<Mutex<Option<String>>>,
) -> Result<cpal::Stream, String>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let overrun = ear.overrun.clone();
    let hear = move |samples: &[T], info: &cpal::InputCallbackInfo| {
        ear.hear(samples, info.timestamp().capture.as_nanos());
    };
    let complain = move |error: cpal::Error| match error.kind() {
        ErrorKind::Xrun => overrun.store(true, Ordering::Relaxed),
        // The recording goes on.
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
        _ => *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string()),
    };
    device.build_input_stream(config, hear, complain, None).map_err(|error| error.to_string())
}

/// What the microphone's thread does.
struct Ear {
    sender: SyncSender<Heard>,
    rate: u32,
    channels: usize,
    /// An overrun was told since the last buffer.
    overrun: Arc<AtomicBool>,
    /// When the next buffer begins if nothing is lost, nanoseconds.
    expected: Option<u128>,
    /// Sound that was lost and not told yet, seconds.
    lost_s: f64,
}

impl Ear {
    fn new(config: &StreamConfig, sender: SyncSender<Heard>) -> Self {
        let channels = usize::from(config.channels).max(1);
        let rate = config.sample_rate.max(1);
        Self { sender, rate, channels, overrun: Arc::default(), expected: None, lost_s: 0.0 }
    }

    /// Takes in a buffer that was captured at `at`, nanoseconds.
    fn hear<T>(&mut self, samples: &[T], at: u128)
    where
        T: SizedSample,
        f32: FromSample<T>,
    {
        let seconds = (samples.len() / self.channels) as f64 / f64::from(self.rate);
        // Without an overrun, times that do not fit are those of a clock that drifts.
        if self.overrun.swap(false, Ordering::Relaxed)
            && let Some(expected) = self.expected
        {
            self.lost_s += at.saturating_sub(expected) as f64 / 1e9;
        }
        self.expected = Some(at + (seconds * 1e9) as u128);
        let samples = samples.iter().map(|sample| sample.to_sample::<f32>()).collect();
        match self.sender.try_send(Heard { samples, lost_s: self.lost_s }) {
            Ok(()) => self.lost_s = 0.0,
            Err(TrySendError::Full(_)) => self.lost_s += seconds,
            Err(TrySendError::Disconnected(_)) => {}
        }
    }
}

/// Samples of all channels in turn, at the microphone's rate → one channel, or two and their mean, at 16 kHz.
struct Frames {
    channels: usize,
    /// One for each channel that is kept.
    lanes: Vec<Resampler>,
    /// A channel at the microphone's rate.
    lane: Vec<f32>,
}

impl Frames {
    fn new(config: &StreamConfig, stereo: bool) -> Result<Self, String> {
        let rate = config.sample_rate;
        let lanes: Option<Vec<Resampler>> = (0..1 + usize::from(stereo)).map(|_| Resampler::new(rate)).collect();
        let lanes = lanes.ok_or_else(|| format!("it records at {rate} Hz, which cannot be converted"))?;
        Ok(Self { channels: usize::from(config.channels).max(1), lanes, lane: Vec::new() })
    }

    fn push(&mut self, samples: &[f32], captured: &mut Captured) {
        let Self { channels, lanes, lane } = self;
        let frames = samples.chunks_exact(*channels);
        if let [one] = &mut lanes[..] {
            lane.clear();
            lane.extend(frames.map(|frame| frame.iter().sum::<f32>() / frame.len() as f32));
            one.push(lane, &mut captured.samples);
            return;
        }
        for (side, resampler) in lanes.iter_mut().enumerate() {
            lane.clear();
            lane.extend(frames.clone().map(|frame| frame[side.min(frame.len() - 1)]));
            resampler.push(lane, &mut captured.sides[side]);
        }
        let [left, right] = &captured.sides;
        let known = captured.samples.len();
        let means = left.iter().zip(right).skip(known).map(|(left, right)| (left + right) / 2.0);
        captured.samples.extend(means);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpal::BufferSize;

    fn config(channels: u16, sample_rate: u32) -> StreamConfig {
        StreamConfig { channels, sample_rate, buffer_size: BufferSize::Default }
    }

    fn heard<T>(samples: &[T]) -> Vec<f32>
    where
        T: SizedSample,
        f32: FromSample<T>,
    {
        let (sender, queue) = mpsc::sync_channel(1);
        Ear::new(&config(1, 16_000), sender).hear(samples, 0);
        queue.recv().unwrap().samples
    }

    #[test]
    fn every_format_has_its_zero_and_its_half() {
        assert_eq!(heard(&[0i8, 64, -128]), [0.0, 0.5, -1.0]);
        assert_eq!(heard(&[0i16, 1 << 14, i16::MIN]), [0.0, 0.5, -1.0]);
        assert_eq!(heard(&[0i32, 1 << 30, i32::MIN]), [0.0, 0.5, -1.0]);
        assert_eq!(heard(&[0i64, 1 << 62, i64::MIN]), [0.0, 0.5, -1.0]);
        let i24 = |value| cpal::I24::new(value).unwrap();
        assert_eq!(heard(&[i24(0), i24(1 << 22), i24(-1 << 23)]), [0.0, 0.5, -1.0]);
        let u24 = |value| cpal::U24::new(value).unwrap();
        assert_eq!(heard(&[u24(1 << 23), u24(3 << 22), u24(0)]), [0.0, 0.5, -1.0]);
        assert_eq!(heard(&[128u8, 192, 0]), [0.0, 0.5, -1.0]);
        assert_eq!(heard(&[1u16 << 15, 3 << 14, 0]), [0.0, 0.5, -1.0]);
        assert_eq!(heard(&[1u32 << 31, 3 << 30, 0]), [0.0, 0.5, -1.0]);
        assert_eq!(heard(&[1u64 << 63, 3 << 62, 0]), [0.0, 0.5, -1.0]);
        assert_eq!(heard(&[0.0f32, 0.5, -1.0]), [0.0, 0.5, -1.0]);
        assert_eq!(heard(&[0.0f64, 0.5, -1.0]), [0.0, 0.5, -1.0]);
    }

    #[test]
    fn frames_become_one_channel_or_two_at_16_khz() {
        let second: Vec<f32> = (0..48_000).flat_map(|_| [0.5f32, 0.25, 0.0]).collect();
        for (stereo, level) in [(false, 0.25), (true, 0.375)] {
            let mut frames = Frames::new(&config(3, 48_000), stereo).unwrap();
            let mut captured = Captured::default();
            for buffer in second.chunks(3 * 480) {
                frames.push(buffer, &mut captured);
            }
            let count = captured.samples.len();
            assert!((14_000..=16_000).contains(&count), "{count}");
            assert!((captured.samples[8_000] - level).abs() < 1e-3, "{}", captured.samples[8_000]);
            assert_eq!(captured.sides.each_ref().map(Vec::len), [count * usize::from(stereo); 2]);
            if stereo {
                assert!(
                    (captured.sides[0][8_000] - 0.5).abs() < 1e-3 && (captured.sides[1][8_000] - 0.25).abs() < 1e-3
                );
            }
        }
        assert!(Frames::new(&config(1, 10), false).is_err());
        // One channel where two are wanted is both.
        let mut captured = Captured::default();
        Frames::new(&config(1, 16_000), true).unwrap().push(&[0.5, -0.5], &mut captured);
        assert_eq!((captured.samples, captured.sides[1].clone()), (vec![0.5, -0.5], vec![0.5, -0.5]));
    }

    #[test]
    fn overruns_are_as_long_as_the_gap() {
        let (sender, queue) = mpsc::sync_channel(4);
        let mut ear = Ear::new(&config(2, 48_000), sender);
        let buffer = [0.0f32; 2 * 480];
        ear.hear(&buffer, 1_000_000_000);
        // Late, but nothing was lost.
        ear.hear(&buffer, 1_013_000_000);
        ear.overrun.store(true, Ordering::Relaxed);
        ear.hear(&buffer, 1_523_000_000);
        ear.hear(&buffer, 1_533_000_000);
        let lost: Vec<f64> = queue.try_iter().map(|heard| heard.lost_s).collect();
        assert!(lost.len() == 4 && lost[..2] == [0.0; 2] && (lost[2] - 0.5).abs() < 1e-9 && lost[3] == 0.0, "{lost:?}");
    }

    #[test]
    fn what_nobody_reads_is_counted() {
        let (sender, queue) = mpsc::sync_channel(1);
        let mut ear = Ear::new(&config(1, 16_000), sender);
        (0..4).for_each(|_| ear.hear(&[0.0f32; 160], 0));
        queue.recv().unwrap();
        ear.hear(&[0.0f32; 160], 0);
        assert!((queue.recv().unwrap().lost_s - 0.03).abs() < 1e-9);
    }

    #[test]
    fn a_microphone_that_is_not_there_is_told() {
        let options = MicOptions { device: Some("no such microphone".into()), ..MicOptions::default() };
        let error = Recording::start(&options).unwrap_err();
        assert!(error.contains("no such microphone") || error.contains("connect a microphone"), "{error}");
    }
}

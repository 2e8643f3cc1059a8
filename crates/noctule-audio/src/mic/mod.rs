//! The microphone: sound enters, 16 kHz samples leave as they come.
//!
//! On Linux a program records that most systems have: `pw-record` (PipeWire) or `arecord` (ALSA), so that neither headers nor a C
//! compiler are needed to build; see [`tools`]. On macOS and Windows, and on Linux with the feature `cpal`, the crate cpal can ask
//! the system itself (`system.rs`). [`devices`](devices()) lists what can be recorded from, [`Level`] says how loud it is.
//! Stands in front of the recogniser where [`mod@crate::file`] stands for recordings.

mod devices;
pub mod level;
#[cfg(any(feature = "cpal", target_os = "macos", windows))]
mod system;
pub mod tools;

pub use devices::{Device, devices};
pub use level::Level;
pub use tools::Tool;

use crate::AudioError;

/// What to record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MicOptions {
    /// The device, by the name that [`devices`](devices()) gives; the system's default without one.
    pub device: Option<String>,
    /// What records; without one whatever is there and works.
    pub tool: Option<Tool>,
    /// Record two channels and keep them as well.
    pub stereo: bool,
}

/// Some samples that came in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Captured {
    /// One channel, 16 kHz, −1..1: the mean of two where [`MicOptions::stereo`] asks for them.
    pub samples: Vec<f32>,
    /// Left and right, each as long as `samples`; empty where one channel is recorded.
    pub sides: [Vec<f32>; 2],
    /// Samples that the system lost before these.
    pub lost: u64,
}

impl Captured {
    /// Appends samples of left and right in turn.
    fn push_frames(&mut self, mut samples: impl Iterator<Item = f32>) {
        while let (Some(left), Some(right)) = (samples.next(), samples.next()) {
            self.samples.push((left + right) / 2.0);
            self.sides[0].push(left);
            self.sides[1].push(right);
        }
    }
}

/// A microphone that is being recorded.
#[derive(Debug)]
pub struct Microphone {
    recording: Recording,
    tool: Tool,
}

#[derive(Debug)]
enum Recording {
    Program(tools::Recording),
    #[cfg(any(feature = "cpal", target_os = "macos", windows))]
    System(system::Recording),
}

impl Recording {
    /// `None` where the tool is not installed.
    fn start(tool: Tool, options: &MicOptions) -> Result<Option<Self>, String> {
        match tool {
            Tool::PwRecord | Tool::Arecord => Ok(tools::Recording::start(tool, options)?.map(Self::Program)),
            #[cfg(any(feature = "cpal", target_os = "macos", windows))]
            Tool::Cpal => system::Recording::start(options).map(Self::System).map(Some),
        }
    }

    fn read(&mut self, captured: &mut Captured) -> Result<bool, String> {
        match self {
            Self::Program(recording) => recording.read(captured),
            #[cfg(any(feature = "cpal", target_os = "macos", windows))]
            Self::System(recording) => recording.read(captured),
        }
    }

    fn stopper(&self) -> Box<dyn Fn() + Send + Sync> {
        match self {
            Self::Program(recording) => recording.stopper(),
            #[cfg(any(feature = "cpal", target_os = "macos", windows))]
            Self::System(recording) => recording.stopper(),
        }
    }
}

impl Microphone {
    /// Starts to record and waits for the first sound. Without a tool in `options` those that are there are tried in turn,
    /// until one gives sound.
    ///
    /// # Errors
    /// [`AudioError::NoRecorder`] where nothing that records is installed, [`AudioError::Recorder`] with what each said
    /// where none works.
    pub fn open(options: &MicOptions) -> Result<Self, AudioError> {
        let tools = options.tool.map_or_else(|| Tool::ALL.to_vec(), |one| vec![one]);
        let mut said = Vec::new();
        for tool in tools {
            match Recording::start(tool, options) {
                Ok(Some(recording)) => return Ok(Self { recording, tool }),
                Ok(None) => {}
                Err(reason) => said.push(format!("{}: {reason}", tool.name())),
            }
        }
        if said.is_empty() {
            return Err(AudioError::NoRecorder { wanted: options.tool.map(Tool::name) });
        }
        Err(AudioError::Recorder { reason: said.join("; ") })
    }

    /// What records.
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// Waits for the next samples and puts them into `captured`. `false` when it has ended.
    ///
    /// # Errors
    /// [`AudioError::Recorder`]: it has ended for another reason than [`stop`](MicStop::stop).
    pub fn read(&mut self, captured: &mut Captured) -> Result<bool, AudioError> {
        captured.samples.clear();
        captured.sides.iter_mut().for_each(Vec::clear);
        captured.lost = 0;
        let read = self.recording.read(captured);
        read.map_err(|reason| AudioError::Recorder { reason: format!("{}: {reason}", self.tool.name()) })
    }

    /// What ends the recording from another thread.
    pub fn stopper(&self) -> MicStop {
        MicStop(self.recording.stopper())
    }
}

/// Ends a recording.
pub struct MicStop(Box<dyn Fn() + Send + Sync>);

impl MicStop {
    /// [`Microphone::read`] gives what has come in, and then the end.
    pub fn stop(&self) {
        (self.0)();
    }
}

impl std::fmt::Debug for MicStop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MicStop")
    }
}

//! Speech to text while it is being said.
//!
//! 16 kHz samples are pushed in as they come; [events](event) come out: words that stand and never change, tentative words behind
//! them, segments, pauses, lag. Stands on the engine's [`live`](noctule::live) half and beside its loop for whole recordings.
//!
//! - [`session`] is the loop: it does one thing at a time and knows no threads;
//! - [`ring`] lets another thread capture, in bounded memory, and [`listen`](live::listen) joins the two;
//! - [`recording`] keeps what is heard as a FLAC file, and [`minutes`] what was understood, on the disk at once;
//! - [`speakers`] names who speaks, by the louder of two channels;
//! - [`simulate`](mod@simulate) lets a recording be heard on a simulated [`clock`];
//! - [`policy`] decides when words stand, [`endpoint`] where speech begins and ends, [`pace`] how often to compute.
//!
//! ```no_run
//! use noctule_audio::vad::Vad;
//! use noctule_listen::{Clock, Event, Session, SessionOptions};
//!
//! # fn samples() -> Option<Vec<f32>> { None }
//! # fn main() -> Result<(), noctule::Error> {
//! let transcriber = noctule::Transcriber::new(noctule::embedded_model()?, noctule::Config::default())?;
//! let mut session = Session::new(transcriber, Vad::earshot(), Clock::real(), SessionOptions::default())?;
//! let mut print = |stamped: noctule_listen::Stamped| {
//!     if let Event::Commit { text, .. } = stamped.event {
//!         print!("{text}");
//!     }
//! };
//! while let Some(samples) = samples() {
//!     session.push(&samples, 0);
//!     while session.work(&mut print)? {}
//! }
//! session.finish(&mut print)
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod agree;
pub mod alignatt;
pub mod clock;
pub mod detector;
pub mod endpoint;
pub mod event;
pub mod live;
pub mod minutes;
pub mod options;
pub mod pace;
pub mod policy;
pub mod recogniser;
pub mod recording;
pub mod ring;
pub mod segmenter;
pub mod session;
pub mod simulate;
pub mod speakers;
pub mod spool;
pub mod stretch;

pub use clock::{Clock, Meter};
pub use event::{Event, Stamped};
pub use options::{Positions, SessionOptions};
pub use policy::PolicyKind;
pub use session::Session;

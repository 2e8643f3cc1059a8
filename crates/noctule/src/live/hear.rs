//! The audio so far, encoded.

use crate::mel::{HOP, MelMaximum};
use crate::timing::timed;
use crate::transcriber::{Transcriber, detect_language};
use crate::weights::Net;

/// Samples behind one position of the encoder: two frames.
const SAMPLES_PER_POSITION: usize = 2 * HOP;

impl Transcriber {
    /// Encoder positions of the model: 50 a second, 1500 in all published models.
    pub fn positions(&self) -> usize {
        self.model.hparams().n_audio_ctx
    }

    /// Encodes `samples`, what is behind [`positions`](Self::positions) of them left out, for [`proceed`](Self::proceed).
    /// `positions` of the encoder are used, at least as many as hold audio; what they hold behind it is silence. `loudest` is
    /// the base-10 logarithm of the largest mel power that was heard before, or `None`; the one up to
    /// now is returned ([`MelMaximum::Running`]).
    pub fn hear(&mut self, samples: &[f32], loudest: Option<f32>, positions: usize) -> f32 {
        let most = self.positions();
        let samples = &samples[..samples.len().min(most * SAMPLES_PER_POSITION)];
        let heard = samples.len().div_ceil(SAMPLES_PER_POSITION);
        let positions = positions.clamp(heard.max(1), most);
        let net = Net { model: &self.model, weights: &self.weights, compute: &self.compute };
        let state = &mut self.state;
        state.encoder.keep(true);
        let compute = net.compute;
        timed(&mut state.phases.mel, || {
            let mel = &mut state.mel;
            mel.start(samples.len() as u64, MelMaximum::Running);
            let all = 0..mel.n_frames();
            mel.fill(&self.mel, &mut &*samples, all, &|data, chunk, work| compute.par_chunks_mut(data, chunk, work))
                .expect("a slice gives all its samples");
            let loudest = loudest.map_or(mel.loudest(), |before| before.max(mel.loudest()));
            mel.set_maximum(MelMaximum::Global(loudest));
            mel.window(0, 2 * positions, state.encoder.mel_buffer(positions, net.model.hparams().n_mels));
        });
        timed(&mut state.phases.encode, || {
            state.encoder.run(net, positions);
            state.cross.fill(net, state.encoder.finish(net, positions));
        });
        state.phases.windows += 1;
        state.live.heard(heard, positions);
        state.mel.loudest()
    }

    /// The likeliest language of what was heard last, as a position in [`LANGUAGES`](crate::language::LANGUAGES), and its
    /// probability; (0, 1) in an English-only model.
    ///
    /// # Panics
    /// Nothing was heard.
    pub fn heard_language(&mut self) -> (usize, f32) {
        assert!(self.state.live.is_ready(), "nothing was heard");
        if !self.model.vocab().is_multilingual() {
            return (0, 1.0);
        }
        let net = Net { model: &self.model, weights: &self.weights, compute: &self.compute };
        detect_language(net, &mut self.state)
    }
}

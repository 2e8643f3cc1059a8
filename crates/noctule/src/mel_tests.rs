use super::*;
use proptest::prelude::*;

fn filters() -> MelFilters {
    crate::tokenizer::tests::english().mel_filters().clone()
}

fn computer() -> MelComputer {
    MelComputer::new(&filters()).expect("filters")
}

/// On this thread.
fn serially(data: &mut [f32], chunk: usize, work: &(dyn Fn(usize, &mut [f32]) + Sync)) {
    data.chunks_mut(chunk).enumerate().for_each(|(i, piece)| work(i, piece));
}

/// On many threads.
fn in_parallel(data: &mut [f32], chunk: usize, work: &(dyn Fn(usize, &mut [f32]) + Sync)) {
    std::thread::scope(|scope| {
        for (i, piece) in data.chunks_mut(chunk).enumerate() {
            scope.spawn(move || work(i, piece));
        }
    });
}

/// The whole spectrogram.
fn computed_with(samples: &[f32], parallel: &ParallelFn) -> Mel {
    let mut mel = Mel::new(80);
    mel.start(samples.len() as u64, MelMaximum::Running);
    let all = 0..mel.n_frames();
    mel.fill(&computer(), &mut &*samples, all, parallel).expect("a slice");
    mel.set_maximum(MelMaximum::Global(mel.loudest()));
    mel
}

fn computed(samples: &[f32]) -> Mel {
    computed_with(samples, &serially)
}

fn values(mel: &Mel, frames: Range<usize>) -> Vec<f32> {
    frames.flat_map(|i| mel.frame(i).collect::<Vec<_>>()).collect()
}

fn all_values(mel: &Mel) -> Vec<f32> {
    values(mel, 0..mel.n_frames())
}

fn peak(samples: &[f32], block: usize) -> f32 {
    let computer = computer();
    let mut meter = PeakMeter::new(&computer, Box::new(serially));
    samples.chunks(block).for_each(|part| meter.push(part));
    meter.finish()
}

/// The definition, in f64, with the padding written out and no FFT: frame after
/// frame, `frames` of them.
fn by_definition(samples: &[f32], frames: usize) -> Vec<f64> {
    let filters = filters();
    let at = |i: i64| samples.get(i.unsigned_abs() as usize).map_or(0.0, |&x| f64::from(x));
    let turn = 2.0 * std::f64::consts::PI / WINDOW as f64;
    let circle: Vec<(f64, f64)> = (0..WINDOW).map(|i| (turn * i as f64).sin_cos()).collect();
    let mut logs = Vec::new();
    for frame in 0..frames {
        let x: Vec<f64> = (0..WINDOW).map(|i| hann(i) * at((frame * HOP + i) as i64 - 200)).collect();
        let power: Vec<f64> = (0..BINS)
            .map(|k| {
                let (re, im) = x.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, x)| {
                    let (sin, cos) = circle[i * k % WINDOW];
                    (re + x * cos, im - x * sin)
                });
                re * re + im * im
            })
            .collect();
        logs.extend(filters.data.chunks(BINS).map(|row| {
            let sum: f64 = row.iter().zip(&power).map(|(&w, p)| f64::from(w) * p).sum();
            sum.max(1e-10).log10()
        }));
    }
    let loudest = logs.iter().copied().fold(-10.0, f64::max);
    logs.iter().map(|x| (x.max(loudest - 8.0) + 4.0) / 4.0).collect()
}

/// Chirp, hum and noise that fade, so that quiet and loud frames occur.
fn sound(n: usize) -> Vec<f32> {
    let mut noise = 1u32;
    (0..n)
        .map(|i| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let t = i as f64 / SAMPLE_RATE as f64;
            let hiss = f64::from(noise >> 8) / f64::from(1 << 24) - 0.5;
            let tone = (2.0 * std::f64::consts::PI * (100.0 + 900.0 * t) * t).sin();
            ((0.5 * tone + 0.01 * hiss) * (-3.0 * (t % 0.4)).exp()) as f32
        })
        .collect()
}

fn largest_difference(samples: &[f32], frames: usize) -> f64 {
    let mel = computed(samples);
    let mine = values(&mel, 0..frames);
    mine.iter().zip(by_definition(samples, frames)).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max)
}

#[test]
fn frames_are_the_definitions() {
    for n in [16_000, 1, 150, 199, 200, 201, 399, 400, 401, 1600, 5000, 15_999] {
        let difference = largest_difference(&sound(n), n / HOP + 6);
        assert!(difference < 1e-4, "{n} samples: {difference}");
    }
}

#[test]
fn a_loud_click_in_silence_stays_accurate() {
    let mut samples = vec![0.0; 8000];
    samples[4000] = 1.0;
    assert!(largest_difference(&samples, 55) < 1e-4);
    let tone: Vec<f32> = (0..8000).map(|i| (i as f32 * 0.3).sin()).collect();
    assert!(largest_difference(&tone, 55) < 1e-4);
}

#[test]
fn counts_are_whisper_cpps() {
    let mel = computed(&sound(16_000));
    assert_eq!((mel.n_mels(), mel.n_samples()), (80, 16_000));
    assert_eq!(mel.n_frames(), 102);
    assert_eq!(mel.n_frames_org(), 1 + (16_000 - 200) / 160);
    assert_eq!(mel.n_frames_padded(), (16_000 + 480_000) / 160);
    assert_eq!(all_values(&mel).len(), 102 * 80);
    for (n, org) in [(0, 0), (40, 0), (41, 1), (200, 1), (359, 1), (360, 2)] {
        assert_eq!(computed(&sound(n)).n_frames_org(), org, "{n}");
    }
}

#[test]
fn silence_and_nothing_have_the_floor() {
    let nothing = computed(&[]);
    assert_eq!((nothing.n_frames(), nothing.floor()), (0, -1.5));
    let silence = computed(&[0.0; 4000]);
    assert!(all_values(&silence).iter().all(|&x| x == -1.5));
    let loud = computed(&sound(16_000));
    let loudest = all_values(&loud).iter().copied().fold(f32::MIN, f32::max);
    assert!((loud.floor() - (loudest - 2.0)).abs() < 1e-6);
    assert!(all_values(&loud).iter().all(|&x| x >= loud.floor()));
    assert_eq!(Mel::new(80).floor(), -1.5);
}

#[test]
fn a_window_has_pads_audio_silence_and_nothing() {
    let mel = computed(&sound(1600));
    let (frames, padded) = (mel.n_frames(), mel.n_frames_padded());
    let mut out = vec![9.0; (3000 + 2) * 80];
    mel.window(0, 3000, &mut out);
    let row = |i: usize| &out[i * 80..][..80];
    assert!(row(0).iter().chain(row(3001)).all(|&x| x == 0.0));
    assert_eq!(row(1), values(&mel, 0..1));
    assert_eq!(row(frames), values(&mel, frames - 1..frames));
    assert!(row(frames + 1).iter().chain(row(3000)).all(|&x| x == mel.floor()));

    let mut end = vec![9.0; (4 + 2) * 80];
    mel.window(padded - 2, 4, &mut end);
    assert!(end[80..3 * 80].iter().all(|&x| x == mel.floor()));
    assert!(end[3 * 80..].iter().all(|&x| x == 0.0));
    mel.window(usize::MAX, 4, &mut end);
    assert!(end.iter().all(|&x| x == 0.0));
}

#[test]
fn the_order_of_the_work_does_not_matter() {
    let samples = sound(64_000);
    let whole = computed(&samples);
    let mut mel = computed_with(&samples, &in_parallel);
    assert_eq!(all_values(&mel), all_values(&whole));
    // Memory is used again, and nothing of the longer audio stays.
    mel.start(700, MelMaximum::Running);
    let all = 0..mel.n_frames();
    mel.fill(&computer(), &mut &samples[..700], all, &serially).expect("a slice");
    assert_eq!(all_values(&mel), all_values(&computed(&samples[..700])));
}

#[test]
fn windows_are_those_of_the_whole() {
    let samples = sound(160_123);
    let whole = computed(&samples);
    let computer = computer();
    let mut mel = Mel::new(80);
    mel.start(samples.len() as u64, MelMaximum::Global(peak(&samples, 5000)));
    let (mut expected, mut found) = (vec![0.0; 302 * 80], vec![1.0; 302 * 80]);
    // Overlapping, touching, skipping, the same again, back, beginning, over the end, behind it.
    for start in [0, 120, 420, 800, 800, 500, 0, 1, 900, 1003, 5000] {
        mel.fill(&computer, &mut samples.as_slice(), start..start + 300, &in_parallel).expect("a slice");
        whole.window(start, 300, &mut expected);
        mel.window(start, 300, &mut found);
        assert!(expected == found, "window at {start}");
        assert!(mel.stored().len() <= 300);
    }
}

#[test]
fn the_meter_hears_the_maximum_in_any_pieces() {
    let mut samples = sound(700_000);
    // The loudest place lies across the border between two blocks of frames.
    for (i, x) in samples[2048 * HOP - 150..][..300].iter_mut().enumerate() {
        *x = (i as f32 * 0.7).sin();
    }
    for n in [0, 1, 150, 200, 201, 400, 2048 * HOP, 2048 * HOP + 200, 2048 * HOP + 201, 700_000] {
        let expected = computed(&samples[..n]).loudest();
        for block in [7777, 160 * 2048 * 3] {
            assert_eq!(peak(&samples[..n], block), expected, "{n} samples in pieces of {block}");
        }
    }
}

#[test]
fn the_running_maximum_knows_no_later_frame() {
    let mut samples = sound(48_000);
    samples[..24_000].iter_mut().for_each(|x| *x *= 0.01);
    let computer = computer();
    let mut mel = Mel::new(80);
    mel.start(samples.len() as u64, MelMaximum::Running);
    mel.fill(&computer, &mut samples.as_slice(), 0..100, &serially).expect("a slice");
    assert_eq!(mel.loudest(), computed(&samples[..100 * HOP + 40]).loudest());
    let quiet = mel.loudest();
    mel.fill(&computer, &mut samples.as_slice(), 100..302, &serially).expect("a slice");
    assert!(mel.loudest() > quiet + 2.0);
    assert_eq!(mel.loudest(), computed(&samples).loudest());
    // What was loud stays known when it has gone by.
    mel.fill(&computer, &mut samples.as_slice(), 300..301, &serially).expect("a slice");
    assert_eq!(mel.loudest(), computed(&samples).loudest());
}

/// Two days of silence, of which nothing is stored, with one click.
struct TwoDays;

impl Samples for TwoDays {
    fn len(&self) -> u64 {
        48 * 3600 * SAMPLE_RATE as u64
    }

    fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), SourceError> {
        let click = self.len() - 20_000;
        out.iter_mut().zip(start..).for_each(|(x, at)| *x = if at == click { 1.0 } else { 0.0 });
        Ok(())
    }
}

#[test]
fn two_days_are_a_matter_of_seconds() {
    if crate::testing::too_much() {
        return;
    }
    let computer = computer();
    let mut meter = PeakMeter::new(&computer, Box::new(serially));
    let mut block = vec![0.0; 1 << 20];
    let total = TwoDays.len();
    for start in (0..total).step_by(block.len()) {
        let part = &mut block[..(total - start).min(1 << 20) as usize];
        TwoDays.read(start, part).expect("generated");
        meter.push(part);
    }
    let loudest = meter.finish();
    assert!(loudest > -3.0, "the click is heard: {loudest}");
    let mut mel = Mel::new(80);
    mel.start(total, MelMaximum::Global(loudest));
    assert_eq!(mel.n_frames(), 48 * 360_000 + 2);
    let last = mel.n_frames() - 300;
    mel.fill(&computer, &mut TwoDays, 1_000_000..1_003_000, &serially).expect("generated");
    assert_eq!(mel.leading_silence(), 3000);
    mel.fill(&computer, &mut TwoDays, last..last + 300, &serially).expect("generated");
    assert_eq!(mel.loudest_stored(), loudest);
    // The click is 125 frames before the end of the samples; the frame before it reaches 200 samples ahead.
    assert_eq!(mel.leading_silence(), 300 - 2 - 126);
}

#[test]
fn unfit_filters_are_refused() {
    let mut f = filters();
    f.data.pop();
    assert!(matches!(MelComputer::new(&f), Err(MelError::Shape { .. })));
    f.n_fft = 257;
    assert_eq!(MelComputer::new(&f).err(), Some(MelError::Bins { found: 257 }));
    let empty = MelFilters { n_mel: 0, n_fft: 201, data: Vec::new() };
    let computer = MelComputer::new(&empty).expect("no filters is a shape");
    let mut mel = Mel::new(0);
    mel.start(1000, MelMaximum::Running);
    mel.fill(&computer, &mut sound(1000).as_slice(), 0..5, &serially).expect("a slice");
    mel.window(0, 10, &mut []);
    assert_eq!(mel.stored(), 0..0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_samples_give_finite_frames(samples in prop::collection::vec(any::<f32>(), 0..2000)) {
        let mel = computed(&samples);
        prop_assert!(mel.floor().is_finite());
        prop_assert!(all_values(&mel).iter().all(|x| x.is_finite()));
    }
}

use super::*;
use proptest::prelude::*;

fn filters() -> MelFilters {
    crate::tokenizer::tests::english().mel_filters().clone()
}

fn computed(samples: &[f32]) -> Mel {
    let computer = MelComputer::new(&filters()).expect("filters");
    let mut mel = Mel::new(computer.n_mels());
    computer.compute(samples, &mut mel);
    mel
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
    let silent = vec![mel.floor(); mel.n_mels()];
    let mine = (0..frames).flat_map(|i| mel.frame(i).unwrap_or(&silent));
    mine.zip(by_definition(samples, frames)).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max)
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
    assert_eq!(mel.data().len(), 102 * 80);
    for (n, org) in [(0, 0), (40, 0), (41, 1), (200, 1), (359, 1), (360, 2)] {
        assert_eq!(computed(&sound(n)).n_frames_org(), org, "{n}");
    }
}

#[test]
fn silence_and_nothing_have_the_floor() {
    let nothing = computed(&[]);
    assert_eq!((nothing.n_frames(), nothing.floor()), (0, -1.5));
    let silence = computed(&[0.0; 4000]);
    assert!(silence.data().iter().all(|&x| x == -1.5));
    let loud = computed(&sound(16_000));
    let loudest = loud.data().iter().copied().fold(f32::MIN, f32::max);
    assert!((loud.floor() - (loudest - 2.0)).abs() < 1e-6);
    assert!(loud.data().iter().all(|&x| x >= loud.floor()));
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
    assert_eq!(row(1), mel.frame(0).expect("audio"));
    assert_eq!(row(frames), mel.frame(frames - 1).expect("audio"));
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
    let computer = MelComputer::new(&filters()).expect("filters");
    let mut mel = Mel::new(80);
    computer.compute_parallel(&samples, &mut mel, |data, chunk, work| {
        std::thread::scope(|scope| {
            for (i, piece) in data.chunks_mut(chunk).enumerate() {
                scope.spawn(move || work(i, piece));
            }
        });
    });
    assert_eq!(mel, computed(&samples));
    // Memory is used again, and nothing of the longer audio stays.
    computer.compute(&samples[..700], &mut mel);
    assert_eq!(mel, computed(&samples[..700]));
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
    computer.compute(&sound(1000), &mut mel);
    mel.window(0, 10, &mut []);
    assert_eq!(mel.n_frames(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_samples_give_finite_frames(samples in prop::collection::vec(any::<f32>(), 0..2000)) {
        let mel = computed(&samples);
        prop_assert!(mel.floor().is_finite());
        prop_assert!(mel.data().iter().all(|x| x.is_finite()));
    }
}

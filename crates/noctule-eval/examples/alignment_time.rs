//! How long the alignment of random words takes: `alignment_time WORDS ERRORS_PERCENT VOCABULARY`.

use noctule_eval::align::Counts;
use noctule_eval::statistics::SplitMix64;
use std::time::Instant;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let &[words, errors, vocabulary] = numbers.as_slice() else {
        eprintln!("usage: alignment_time WORDS ERRORS_PERCENT VOCABULARY");
        std::process::exit(2);
    };
    let mut random = SplitMix64::new(1);
    let reference: Vec<usize> = (0..words).map(|_| random.below(vocabulary)).collect();
    let mut hypothesis = Vec::new();
    for &word in &reference {
        // A third of the errors each: deletions, substitutions, insertions.
        match (random.below(100), random.below(3)) {
            (draw, 0) if draw < errors => {}
            (draw, 1) if draw < errors => hypothesis.push(random.below(vocabulary)),
            (draw, _) if draw < errors => hypothesis.extend([word, random.below(vocabulary)]),
            _ => hypothesis.push(word),
        }
    }
    let start = Instant::now();
    let counts = Counts::of(&reference, &hypothesis);
    println!("{counts:?} in {:.3} s", start.elapsed().as_secs_f64());
}

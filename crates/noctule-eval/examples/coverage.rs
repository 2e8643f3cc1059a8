//! How often 95 % intervals contain the truth, in simulated corpora: the table of `docs/EVALUATION.md`.

use noctule_eval::align::Counts;
use noctule_eval::statistics::{Bootstrap, Pair, SplitMix64, error_rate, error_rate_difference};

const CORPORA: u64 = 2000;
const UTTERANCES: usize = 12;
const WORDS: u64 = 15;
/// The mean error rate of speakers, and by how much the second system is worse.
const RATE: f64 = 0.06;
const MORE: f64 = 0.01;

fn utterance(random: &mut SplitMix64, rate: f64) -> Counts {
    let errors = (0..WORDS).filter(|_| random.uniform() < rate).count() as u64;
    Counts { hits: WORDS - errors, substitutions: errors, ..Counts::default() }
}

fn main() {
    println!("speakers | rate, BCa | rate, percentile | rate, utterances drawn one by one | paired difference");
    for speakers in [5, 8, 13, 40, 100] {
        let mut random = SplitMix64::new(9);
        let mut covered = [0u64; 4];
        for seed in 0..CORPORA {
            let (mut utterances, mut blocks, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..speakers {
                let rate = 0.02 + 0.12 * random.uniform().powi(2);
                let baseline: Vec<Counts> = (0..UTTERANCES).map(|_| utterance(&mut random, rate)).collect();
                let candidate: Counts = (0..UTTERANCES).map(|_| utterance(&mut random, rate + MORE)).sum();
                blocks.push(baseline.iter().copied().sum::<Counts>());
                pairs.push(Pair { baseline: blocks[blocks.len() - 1], candidate });
                utterances.extend(baseline);
            }
            let bootstrap = Bootstrap { replicates: 1000, level: 0.95, seed };
            let pooled =
                |drawn: &[usize]| drawn.iter().map(|&i| blocks[i]).sum::<Counts>().error_rate().unwrap_or(f64::NAN);
            let found = [
                error_rate(&blocks, &bootstrap).map(|interval| interval.contains(RATE)),
                bootstrap.percentile(blocks.len(), pooled).map(|interval| interval.contains(RATE)),
                error_rate(&utterances, &bootstrap).map(|interval| interval.contains(RATE)),
                error_rate_difference(&pairs, &bootstrap).map(|difference| difference.interval.contains(MORE)),
            ];
            for (count, found) in covered.iter_mut().zip(found) {
                *count += u64::from(found.unwrap_or(false));
            }
        }
        let percent = covered.map(|count| format!("{:.1} %", 100.0 * count as f64 / CORPORA as f64));
        println!("{speakers} | {}", percent.join(" | "));
    }
}

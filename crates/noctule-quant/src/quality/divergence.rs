//! Two models' distributions over the same tokens → a few numbers.

use super::View;

/// How far a candidate's distributions are from the float model's.
#[derive(Debug, Clone, Default)]
pub struct Divergence {
    /// KL divergence from the float model to the candidate at each token, nats.
    kl: Vec<f32>,
    /// Tokens whose most probable successor is the same.
    agreeing: usize,
    /// −Σ log p of the tokens, float model and candidate.
    surprise: (f64, f64),
    /// Σ of the cosines between the encoders' features after each layer, over rows.
    cosines: Vec<f64>,
    rows: usize,
    /// Passages transcribed freely, those of them that looped, their words, and words that differ.
    passages: usize,
    loops: usize,
    words: usize,
    differing: usize,
}

impl Divergence {
    /// `tokens` are the ones after the prompt; the views have a row for each.
    pub(super) fn add(&mut self, truth: &View, candidate: &View, tokens: &[u32]) {
        self.add_log_probs(&truth.log_probs, &candidate.log_probs, tokens);
        self.cosines.resize(truth.layers.len(), 0.0);
        for ((sum, a), b) in self.cosines.iter_mut().zip(&truth.layers).zip(&candidate.layers) {
            *sum +=
                a.chunks_exact(truth.width).zip(b.chunks_exact(truth.width)).map(|(a, b)| cosine(a, b)).sum::<f64>();
        }
        self.rows += truth.layers.last().map_or(0, |features| features.len() / truth.width);
    }

    /// Log-probabilities are tokens × vocabulary.
    pub(crate) fn add_log_probs(&mut self, truth: &[f32], candidate: &[f32], tokens: &[u32]) {
        let n = truth.len() / tokens.len();
        for ((p, q), &token) in truth.chunks_exact(n).zip(candidate.chunks_exact(n)).zip(tokens) {
            self.kl.push(kl(p, q));
            self.agreeing += usize::from(argmax(p) == argmax(q));
            self.surprise.0 -= f64::from(p[token as usize]);
            self.surprise.1 -= f64::from(q[token as usize]);
        }
    }

    pub(super) fn add_text(&mut self, truth: &str, candidate: &str, looped: bool) {
        let (truth, candidate) = (words(truth), words(candidate));
        self.passages += 1;
        self.loops += usize::from(looped);
        self.words += truth.len();
        self.differing += strsim::generic_levenshtein(&truth, &candidate);
    }

    /// Tokens compared.
    pub fn tokens(&self) -> usize {
        self.kl.len()
    }

    /// Mean KL divergence, nats.
    pub fn mean(&self) -> f64 {
        self.kl.iter().map(|&kl| f64::from(kl)).sum::<f64>() / self.kl.len().max(1) as f64
    }

    /// The KL divergence that a share of the tokens does not exceed, nats: `quantile(1.0)` is the largest.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.kl.clone();
        sorted.sort_by(f32::total_cmp);
        let at = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(at.clamp(1, sorted.len().max(1)) - 1).map_or(0.0, |&kl| f64::from(kl))
    }

    /// Share of the tokens whose most probable successor is the same.
    pub fn agreement(&self) -> f64 {
        self.agreeing as f64 / self.kl.len().max(1) as f64
    }

    /// Perplexity of the candidate over that of the float model, both on the float model's words.
    pub fn perplexity_ratio(&self) -> f64 {
        ((self.surprise.1 - self.surprise.0) / self.kl.len().max(1) as f64).exp()
    }

    /// Mean cosine between the encoders' features after each layer; the last is the encoder's output.
    pub fn cosines(&self) -> Vec<f64> {
        self.cosines.iter().map(|sum| sum / self.rows.max(1) as f64).collect()
    }

    /// Share of the passages in which the candidate, left to itself, looped; `None` if it never was.
    pub fn loop_rate(&self) -> Option<f64> {
        (self.passages > 0).then(|| self.loops as f64 / self.passages as f64)
    }

    /// Words to change in what the candidate writes by itself to get the float model's text, as a share of its words.
    pub fn words_differing(&self) -> Option<f64> {
        (self.words > 0).then(|| self.differing as f64 / self.words as f64)
    }
}

/// Σ p · (log p − log q); what the first thinks impossible does not count.
fn kl(p: &[f32], q: &[f32]) -> f32 {
    let term = |(&p, &q): (&f32, &f32)| {
        let (p, q) = (f64::from(p), f64::from(q));
        if p > f64::NEG_INFINITY { p.exp() * (p - q) } else { 0.0 }
    };
    // Rounding can make the sum of equal distributions a little less than nothing.
    p.iter().zip(q).map(term).sum::<f64>().max(0.0) as f32
}

fn argmax(row: &[f32]) -> Option<usize> {
    row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms > 0.0 { dot(a, b) / norms } else { 1.0 }
}

/// Words without case and punctuation; without blanks between them, characters.
fn words(text: &str) -> Vec<String> {
    let plain = |word: &str| word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let words: Vec<String> = text.split_whitespace().map(plain).filter(|word: &String| !word.is_empty()).collect();
    match words.as_slice() {
        [one] if one.chars().count() > 20 => one.chars().map(String::from).collect(),
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(p: &[f32]) -> Vec<f32> {
        p.iter().map(|p| p.ln()).collect()
    }

    fn view(rows: &[&[f32]]) -> View {
        let log_probs = rows.iter().flat_map(|row| logs(row)).collect();
        View { log_probs, layers: vec![vec![1.0, 0.0, 0.0, 2.0]], width: 2 }
    }

    #[test]
    fn equal_models_do_not_diverge() {
        let mut found = Divergence::default();
        let same = view(&[&[0.5, 0.5, 0.0], &[0.1, 0.2, 0.7]]);
        found.add(&same, &same, &[0, 2]);
        assert_eq!((found.tokens(), found.mean(), found.quantile(1.0), found.agreement()), (2, 0.0, 0.0, 1.0));
        assert_eq!((found.perplexity_ratio(), found.cosines()), (1.0, vec![1.0]));
        assert_eq!((found.loop_rate(), found.words_differing()), (None, None));
    }

    #[test]
    fn figures_worked_out_by_hand() {
        let mut found = Divergence::default();
        let truth = view(&[&[0.5, 0.5], &[0.75, 0.25]]);
        let mut other = view(&[&[0.25, 0.75], &[0.25, 0.75]]);
        other.layers = vec![vec![0.0, 1.0, 0.0, 1.0]];
        found.add(&truth, &other, &[0, 0]);
        let first = 0.5 * 2f64.ln() + 0.5 * (0.5f64 / 0.75).ln();
        let second = 0.75 * 3f64.ln() + 0.25 * (1.0f64 / 3.0).ln();
        assert!((found.mean() - (first + second) / 2.0).abs() < 1e-6);
        assert!((found.quantile(1.0) - second).abs() < 1e-6 && (found.quantile(0.5) - first).abs() < 1e-6);
        // The first row of the truth has two equals, of which the later counts.
        assert_eq!(found.agreement(), 0.5);
        assert!((found.perplexity_ratio() - 6f64.sqrt()).abs() < 1e-5);
        assert_eq!(found.cosines(), [0.5]);
    }

    #[test]
    fn words_count_without_case_and_points() {
        let mut found = Divergence::default();
        found.add_text(" Ask not, what your country", "ask what your COUNTRY.", false);
        found.add_text("a b c", "c c c", true);
        assert_eq!(found.words_differing(), Some(3.0 / 8.0));
        assert_eq!(found.loop_rate(), Some(0.5));
        assert_eq!(words("我们说的话没有空格所以按字符来计算这里是一段").len(), 22);
    }
}

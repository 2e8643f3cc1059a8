//! Integers of any length as decimal digits: spoken numbers reach decillions, and those in digits have no limit at all.

use super::super::class::{digit_value, is_digit};

/// An integer ≥ 0: ASCII digits, no leading zero but in "0".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Integer(String);

impl Integer {
    /// Of decimal digits of any script.
    pub fn parse(digits: &str) -> Self {
        Self::ascii(digits.chars().map(|c| char::from(b'0' + digit_value(c))).collect())
    }

    fn ascii(digits: String) -> Self {
        let kept = digits.trim_start_matches('0');
        Self(if kept.is_empty() { "0".to_string() } else { kept.to_string() })
    }

    /// 10 to the power of `zeros`.
    pub fn power(zeros: usize) -> Self {
        Self(format!("1{}", "0".repeat(zeros)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }

    pub fn is_zero(&self) -> bool {
        self.0 == "0"
    }

    /// Whether 10 to the power of `zeros` divides it.
    pub fn ends_in_zeros(&self, zeros: usize) -> bool {
        self.is_zero() || self.0.len() - self.0.trim_end_matches('0').len() >= zeros
    }

    pub fn plus(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.bytes().rev(), other.0.bytes().rev());
        let mut reversed = Vec::with_capacity(self.0.len().max(other.0.len()) + 1);
        let mut carry = 0;
        loop {
            let (x, y) = (a.next(), b.next());
            if x.is_none() && y.is_none() {
                break;
            }
            let sum = x.map_or(0, |c| c - b'0') + y.map_or(0, |c| c - b'0') + carry;
            reversed.push(char::from(b'0' + sum % 10));
            carry = sum / 10;
        }
        reversed.push(char::from(b'0' + carry));
        Self::ascii(reversed.into_iter().rev().collect())
    }

    /// With what stands below the thousands multiplied by 10 to the power of `zeros`: how "two million three hundred
    /// thousand" adds up from left to right.
    pub fn scale_below_thousand(&self, zeros: usize) -> Self {
        let (before, below) = self.0.split_at(self.0.len().saturating_sub(3));
        let before = Self::ascii(format!("{before}000"));
        before.plus(&Self::ascii(format!("{below}{}", "0".repeat(zeros))))
    }
}

/// A decimal fraction times 10 to the power of `zeros`, if that is an integer. `None` also for what is no fraction:
/// "1.2.3", ".".
pub(super) fn scale_fraction(text: &str, zeros: usize) -> Option<Integer> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && part.is_empty() || !whole.chars().chain(part.chars()).all(is_digit) {
        return None;
    }
    let part = part.trim_end_matches(|c| digit_value(c) == 0);
    let places = part.chars().count();
    (places <= zeros).then(|| Integer::parse(&format!("{whole}{part}{}", "0".repeat(zeros - places))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fractions_that_become_integers() {
        let scaled = |text, zeros| scale_fraction(text, zeros).map(|integer| integer.as_str().to_string());
        assert_eq!(scaled("52.4", 6).as_deref(), Some("52400000"));
        assert_eq!(scaled("007", 2).as_deref(), Some("700"));
        assert_eq!(scaled("5.", 3).as_deref(), Some("5000"));
        assert_eq!(scaled(".50", 1).as_deref(), Some("5"));
        assert_eq!(scaled("٢.٥", 1).as_deref(), Some("25"));
        assert_eq!(scaled("2.555", 2), None);
        assert_eq!(scaled("1.2.3", 6), None);
        assert_eq!(scaled(".", 6), None);
    }

    proptest! {
        #[test]
        fn as_machine_integers(a in 0u64.., b in 0u64.., zeros in 2usize..16) {
            let (x, y) = (Integer::parse(&a.to_string()), Integer::parse(&b.to_string()));
            let sum = u128::from(a) + u128::from(b);
            let found = x.plus(&y);
            prop_assert_eq!(found.as_str(), sum.to_string());
            let scaled = u128::from(a / 1000 * 1000) + u128::from(a % 1000) * 10u128.pow(zeros as u32);
            let found = x.scale_below_thousand(zeros);
            prop_assert_eq!(found.as_str(), scaled.to_string());
            prop_assert_eq!(x.ends_in_zeros(2), a % 100 == 0);
        }
    }
}

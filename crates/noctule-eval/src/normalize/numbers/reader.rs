//! The state machine that reads numbers word by word.

use super::super::class::is_digit;
use super::integer::{Integer, scale_fraction};
use super::words::{Role, role};

/// `\d+(\.\d+)?`
fn is_numeral(word: &str) -> bool {
    let all = |part: &str| !part.is_empty() && part.chars().all(is_digit);
    word.split_once('.').map_or_else(|| all(word), |(whole, part)| all(whole) && all(part))
}

/// What has been read of a number.
#[derive(Debug)]
enum Value {
    /// A number that can still grow: "two hundred" may be followed by "five".
    Integer(Integer),
    /// Digits, and points, one after the other.
    Digits(String),
}

impl Value {
    fn as_str(&self) -> &str {
        match self {
            Self::Integer(integer) => integer.as_str(),
            Self::Digits(digits) => digits,
        }
    }

    fn into_string(self) -> String {
        match self {
            Self::Integer(integer) => integer.into_string(),
            Self::Digits(digits) => digits,
        }
    }

    /// As an integer, multiplied by a power of ten as "thousand" does; `None` if that is none.
    fn scale(&self, zeros: usize) -> Option<Integer> {
        match self {
            Self::Integer(integer) => Some(integer.scale_below_thousand(zeros)),
            Self::Digits(digits) => scale_fraction(digits, zeros),
        }
    }
}

/// The words before and behind the one that is read.
struct Neighbours<'a> {
    previous: Option<Role>,
    next: Option<&'a str>,
}

impl Neighbours<'_> {
    fn next_role(&self) -> Option<Role> {
        self.next.and_then(role)
    }

    fn next_is_numeral(&self) -> bool {
        self.next.is_some_and(is_numeral)
    }

    fn next_is_number(&self) -> bool {
        self.next_is_numeral() || self.next_role().is_some()
    }
}

#[derive(Debug, Default)]
struct Reader {
    out: String,
    /// Sign or currency of the next number.
    prefix: Option<char>,
    value: Option<Value>,
}

/// `words` with numbers in digits, separated by spaces.
pub(super) fn read(words: &[&str]) -> String {
    let mut reader = Reader::default();
    let mut skip = false;
    for (i, word) in words.iter().enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        let previous = i.checked_sub(1).and_then(|i| role(words[i]));
        skip = reader.word(word, &Neighbours { previous, next: words.get(i + 1).copied() });
    }
    reader.flush();
    reader.out
}

impl Reader {
    /// Writes a word, with the prefix that is pending. Ends the number.
    fn put(&mut self, word: &str) {
        if !self.out.is_empty() {
            self.out.push(' ');
        }
        self.out.extend(self.prefix.take());
        self.out.push_str(word);
        self.value = None;
    }

    fn flush(&mut self) {
        if let Some(value) = self.value.take() {
            self.put(value.as_str());
        }
    }

    fn flush_and_put(&mut self, word: &str) {
        self.flush();
        self.put(word);
    }

    /// Takes a word in. True if it used up the next one too.
    fn word(&mut self, word: &str, near: &Neighbours) -> bool {
        let Some(role) = role(word) else {
            self.other(word);
            return false;
        };
        match role {
            Role::Zero => self.value = Some(Value::Digits(self.take_digits() + "0")),
            Role::Ones(n) | Role::Tens(n) => self.value = Some(self.take_with(n, near.previous)),
            Role::SmallSuffixed(n, suffix) => {
                let number = self.take_with(n, near.previous);
                self.put(&format!("{}{suffix}", number.as_str()));
            }
            Role::Multiplier(zeros) => {
                let product = self.multiply(zeros);
                self.value = Some(Value::Integer(product));
            }
            Role::MultiplierSuffixed(zeros, suffix) => {
                let product = self.multiply(zeros);
                self.put(&format!("{}{suffix}", product.as_str()));
            }
            Role::Sign(sign) => {
                self.flush();
                if near.next_is_number() {
                    self.prefix = Some(sign);
                } else {
                    self.put(word);
                }
            }
            Role::Currency(symbol) => {
                if self.value.is_some() {
                    self.prefix = Some(symbol);
                    self.flush();
                } else {
                    self.put(word);
                }
            }
            Role::Percent => self.percent(word),
            Role::Per => {
                let cent = self.value.is_some() && near.next == Some("cent");
                if cent {
                    self.percent(word);
                } else {
                    self.flush_and_put(word);
                }
                return cent;
            }
            Role::And | Role::Point | Role::Repeat(_) => return self.between(role, word, near),
        }
        false
    }

    /// Words that mean something only inside a number.
    fn between(&mut self, role: Role, word: &str, near: &Neighbours) -> bool {
        match role {
            _ if !near.next_is_number() => self.flush_and_put(word),
            // Between the parts of a number it says nothing.
            Role::And if matches!(near.previous, Some(Role::Multiplier(_))) => {}
            Role::Point => {
                if near.next_is_numeral() || near.next_role().is_some_and(Role::is_decimal) {
                    self.value = Some(Value::Digits(self.take_digits() + "."));
                }
            }
            Role::Repeat(times) => {
                let next = match near.next_role() {
                    Some(Role::Ones(n)) => n,
                    Some(Role::Zero) => 0,
                    _ => {
                        self.flush_and_put(word);
                        return false;
                    }
                };
                self.value = Some(Value::Digits(self.take_digits() + &next.to_string().repeat(times)));
                return true;
            }
            _ => self.flush_and_put(word),
        }
        false
    }

    /// A number in digits, or a word that has nothing to do with numbers.
    fn other(&mut self, word: &str) {
        let bare = word.strip_prefix(['-', '+', '£', '€', '$', '¢']).unwrap_or(word);
        if !is_numeral(bare) {
            return self.flush_and_put(word);
        }
        if let Some(Value::Digits(digits)) = &mut self.value
            && digits.ends_with('.')
        {
            return digits.push_str(word);
        }
        self.flush();
        if bare.len() < word.len() {
            self.prefix = word.chars().next();
        }
        self.value = Some(scale_fraction(bare, 0).map_or_else(|| Value::Digits(bare.to_string()), Value::Integer));
    }

    fn percent(&mut self, word: &str) {
        match self.value.take() {
            Some(value) => self.put(&format!("{}%", value.as_str())),
            None => self.put(word),
        }
    }

    /// The digits so far. A number 0 has none: "0 oh" is "0".
    fn take_digits(&mut self) -> String {
        match self.value.take() {
            Some(Value::Integer(integer)) if integer.is_zero() => String::new(),
            Some(value) => value.into_string(),
            None => String::new(),
        }
    }

    /// The number followed by one below a hundred: added where there are zeros for it ("two hundred" "five"), else its
    /// digits put behind ("nineteen" "ninety").
    fn take_with(&mut self, n: u8, previous: Option<Role>) -> Value {
        let small = n.to_string();
        let room = small.len();
        match self.value.take() {
            None => Value::Integer(Integer::parse(&small)),
            Some(Value::Integer(integer))
                if integer.ends_in_zeros(room) && !matches!(previous, Some(Role::Ones(_))) =>
            {
                Value::Integer(integer.plus(&Integer::parse(&small)))
            }
            Some(Value::Digits(mut digits)) if n < 10 && matches!(previous, Some(Role::Tens(_))) => {
                // "Ninety" left a zero.
                digits.pop();
                Value::Digits(digits + &small)
            }
            Some(value) => Value::Digits(value.into_string() + &small),
        }
    }

    /// The number times a power of ten. One that this does not make an integer, like "1.2.3", is written and ended, and
    /// the power of ten stands for itself.
    fn multiply(&mut self, zeros: usize) -> Integer {
        let Some(value) = &self.value else { return Integer::power(zeros) };
        value.scale(zeros).unwrap_or_else(|| {
            self.flush();
            Integer::power(zeros)
        })
    }
}

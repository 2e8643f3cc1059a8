//! Lists and ranges as they are typed: `1,2,4`, `1-4`, `2-8+2`, `1-8*2`, `tiny..small`.

/// Numbers of a list with ranges, each once, in the order of typing.
///
/// # Errors
/// A sentence about the part that is wrong.
pub fn numbers(text: &str) -> Result<Vec<u32>, String> {
    let mut all = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (range, step) = match part.find(['+', '*']) {
            Some(at) => (&part[..at], Some((&part[at..=at], &part[at + 1..]))),
            None => (part, None),
        };
        let wrong = || format!("'{part}' is neither a number nor a range such as 1-4, 2-8+2 or 1-8*2");
        let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number > 0);
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number(first).ok_or_else(wrong)?, number(last).ok_or_else(wrong)?);
        let (sign, amount) = step.unwrap_or(("+", "1"));
        let amount = number(amount).filter(|amount| sign == "+" || *amount > 1).ok_or_else(wrong)?;
        if last < first {
            return Err(format!("'{part}' goes down; write the smaller number first"));
        }
        let mut next = Some(first);
        while let Some(value) = next.filter(|value| *value <= last) {
            if !all.contains(&value) {
                all.push(value);
            }
            if all.len() > MOST {
                return Err(format!("'{text}' has more than {MOST} values"));
            }
            next = if sign == "+" { value.checked_add(amount) } else { value.checked_mul(amount) };
        }
    }
    Ok(all)
}

/// More values than this are a slip.
const MOST: usize = 256;

/// Names of a list in which `a..b` stands for all of `order` from a to b. Names that `order` lacks stay as they are.
///
/// # Errors
/// A sentence about a range whose ends are not in `order`.
pub fn names(text: &str, order: &[&str]) -> Result<Vec<String>, String> {
    let mut all: Vec<String> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        // Two dots may stand in a path.
        let ends = part
            .split_once("..")
            .filter(|(a, b)| !a.contains('/') && !b.contains('/') && !a.is_empty() && !b.is_empty());
        let Some((first, last)) = ends else {
            all.push(part.to_owned());
            continue;
        };
        let place = |name: &str| {
            order
                .iter()
                .position(|known| *known == name)
                .ok_or_else(|| format!("'{part}' cannot be a range: '{name}' is none of {}", order.join(", ")))
        };
        let (from, to) = (place(first)?, place(last)?);
        let range = if from <= to { from..=to } else { to..=from };
        all.extend(order[range].iter().map(|name| (*name).to_owned()));
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|name| seen.insert(name.clone()));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_all_forms() {
        for (text, expected) in [
            ("4", vec![4]),
            ("1,2,4", vec![1, 2, 4]),
            ("1-4", vec![1, 2, 3, 4]),
            ("2-8+2", vec![2, 4, 6, 8]),
            ("1-8*2", vec![1, 2, 4, 8]),
            ("1-3, 2,8", vec![1, 2, 3, 8]),
            ("4294967295", vec![u32::MAX]),
        ] {
            assert_eq!(numbers(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "a", "4-1", "1-", "-1", "1-4+0", "1-4*1", "1-100000", "1,,2", "1-4+"] {
            assert!(numbers(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_in_an_order() {
        let order = ["tiny", "base", "small", "medium"];
        let found = |text| names(text, &order);
        assert_eq!(found("tiny..small").unwrap(), ["tiny", "base", "small"]);
        assert_eq!(found("small..base,base,x/../y.bin").unwrap(), ["base", "small", "x/../y.bin"]);
        assert_eq!(found("tiny.en, base-q5_1").unwrap(), ["tiny.en", "base-q5_1"]);
        assert!(found("tiny..huge").unwrap_err().contains("'huge' is none of tiny"));
    }
}

//! Where text and figures stand in what an engine prints: regular expressions and JSON pointers.

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where the text is: on standard output, as it is, unless the rule says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextRule {
    /// A regular expression; the first group of each match is a piece of the text.
    pub pattern: Option<String>,
    /// What is taken out of the text (a regular expression).
    pub remove: Option<String>,
    /// A JSON pointer (RFC 6901) into standard output.
    pub json: Option<String>,
    /// Whether standard output is one JSON object a line, one for each recording.
    pub lines: bool,
    /// JSON pointer to the name of the recording; without it they come in their order.
    pub file: Option<String>,
    /// A file that the engine writes instead, with `{output}` or `{audio}` in its name.
    pub written: Option<String>,
}

/// Where a figure is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Figure {
    /// A regular expression over standard error and standard output; the first group of all matches is added up.
    pub pattern: Option<String>,
    /// A JSON pointer into the engine's object.
    pub json: Option<String>,
    /// What it is multiplied by: 0.001 for milliseconds.
    pub scale: Option<f64>,
}

/// Compiles an expression.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| format!("'{text}' is no regular expression: {error}"))
}

fn grouped(text: &str) -> Result<Regex, String> {
    let compiled = pattern(text)?;
    if compiled.captures_len() < 2 {
        return Err(format!("'{text}' needs a group: put what is wanted into ( )"));
    }
    Ok(compiled)
}

impl TextRule {
    pub(super) fn check(&self) -> Result<(), String> {
        let name = |problem: String| format!("text.pattern: {problem}");
        self.pattern.as_deref().map(grouped).transpose().map_err(name)?;
        self.remove.as_deref().map(pattern).transpose().map_err(|problem| format!("text.remove: {problem}"))?;
        if (self.lines || self.file.is_some()) && self.json.is_none() {
            return Err("text.lines and text.file need text.json".into());
        }
        Ok(())
    }

    /// The text in what was printed or written.
    pub(super) fn text(&self, printed: &str, object: Option<&Value>) -> Result<String, String> {
        let found = match (&self.json, object) {
            (Some(pointer), Some(object)) => match object.pointer(pointer) {
                Some(Value::String(text)) => text.clone(),
                _ => return Err(format!("its output has no text at {pointer}")),
            },
            (Some(_), None) => return Err("its output is no JSON".into()),
            (None, _) => match &self.pattern {
                None => printed.to_owned(),
                Some(text) => {
                    let pieces = grouped(text)?;
                    let pieces = pieces.captures_iter(printed).filter_map(|found| Some(found.get(1)?.as_str().trim()));
                    pieces.filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(" ")
                }
            },
        };
        let found = match &self.remove {
            Some(text) => pattern(text)?.replace_all(&found, "").into_owned(),
            None => found,
        };
        Ok(found.trim().to_owned())
    }
}

impl Figure {
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        match (&self.pattern, &self.json) {
            (Some(text), None) => grouped(text).map(drop).map_err(|problem| format!("{name}: {problem}")),
            (None, Some(_)) => Ok(()),
            _ => Err(format!("{name}: either 'pattern' or 'json' is needed")),
        }
    }

    /// The number; `None` if it is not there.
    pub(super) fn number(&self, printed: &[&str], object: Option<&Value>) -> Option<f64> {
        let scale = self.scale.unwrap_or(1.0);
        if let Some(pointer) = &self.json {
            return Some(object?.pointer(pointer)?.as_f64()? * scale);
        }
        let compiled = grouped(self.pattern.as_deref()?).ok()?;
        let found = printed.iter().flat_map(|text| compiled.captures_iter(text));
        let numbers: Vec<f64> = found.filter_map(|found| found.get(1)?.as_str().parse().ok()).collect();
        (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() * scale)
    }

    /// The first text; `None` if it is not there.
    pub(super) fn text(&self, printed: &[&str], object: Option<&Value>) -> Option<String> {
        if let Some(pointer) = &self.json {
            return match object?.pointer(pointer)? {
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
        }
        let compiled = grouped(self.pattern.as_deref()?).ok()?;
        printed.iter().find_map(|text| Some(compiled.captures(text)?.get(1)?.as_str().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_by_pattern_and_by_pointer() {
        let rule = TextRule { pattern: Some(r"(?m)^\[.*?\] (.*)$".into()), ..TextRule::default() };
        assert_eq!(rule.text("[0] one \nnoise\n[1] two\n[2]  \n", None).as_deref(), Ok("one two"));
        let plain = TextRule { remove: Some("<[^>]*>".into()), ..TextRule::default() };
        assert_eq!(plain.text(" <s>hello</s>\n", None).as_deref(), Ok("hello"));
        let json_rule = TextRule { json: Some("/result/text".into()), ..TextRule::default() };
        assert_eq!(json_rule.text("", Some(&json!({"result": {"text": "x"}}))).as_deref(), Ok("x"));
        assert!(json_rule.text("", Some(&json!({}))).unwrap_err().contains("/result/text"));
        assert!(json_rule.text("no", None).is_err());
    }

    #[test]
    fn figures_are_added_up_and_scaled() {
        let figure = Figure { pattern: Some(r"(?:a|b) = (\d+) ms".into()), scale: Some(0.001), ..Figure::default() };
        assert_eq!(figure.number(&["a = 200 ms", "b = 50 ms, c = 7 ms"], None), Some(0.25));
        assert_eq!(figure.number(&["nothing"], None), None);
        let pointer = Figure { json: Some("/t/load".into()), ..Figure::default() };
        assert_eq!(pointer.number(&[], Some(&json!({"t": {"load": 1.5}}))), Some(1.5));
        assert_eq!(pointer.number(&[], Some(&json!({"t": {"load": null}}))), None);
        assert_eq!(pointer.text(&[], Some(&json!({"t": {"load": "fast"}}))).as_deref(), Some("fast"));
    }
}

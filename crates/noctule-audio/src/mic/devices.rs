//! What can be recorded from.

use super::Tool;
use std::process::{Command, Stdio};

/// Something that can be recorded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What records it.
    pub tool: Tool,
    /// The name to choose it by.
    pub name: String,
    /// What it is, for people.
    pub description: String,
}

/// All devices of all tools that are installed. A tool that cannot tell has none.
pub fn devices() -> Vec<Device> {
    let list = |tool| match tool {
        Tool::PwRecord => output("pw-dump", &[]).map_or_else(Vec::new, |text| pipewire(&text)),
        Tool::Arecord => output("arecord", &["-L"]).map_or_else(Vec::new, |text| alsa(&text)),
        #[cfg(any(feature = "cpal", target_os = "macos", windows))]
        Tool::Cpal => super::system::devices(),
    };
    Tool::ALL.into_iter().flat_map(list).collect()
}

/// Standard output of a program that ends well.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Sources among the objects that `pw-dump` prints as JSON.
fn pipewire(text: &str) -> Vec<Device> {
    let Ok(serde_json::Value::Array(objects)) = serde_json::from_str(text) else { return Vec::new() };
    let sources = objects.iter().filter_map(|object| {
        let properties = &object["info"]["props"];
        let class = properties["media.class"].as_str()?;
        let name = properties["node.name"].as_str()?;
        let description = properties["node.description"].as_str().unwrap_or(name);
        let device = Device { tool: Tool::PwRecord, name: name.to_owned(), description: description.to_owned() };
        class.starts_with("Audio/Source").then_some(device)
    });
    sources.collect()
}

/// Names at the start of lines, each with indented lines that say what it is, as `arecord -L` prints them.
fn alsa(text: &str) -> Vec<Device> {
    let mut found: Vec<Device> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with(char::is_whitespace) {
            let name = line.trim().to_owned();
            found.push(Device { tool: Tool::Arecord, name, description: String::new() });
        } else if let Some(device) = found.last_mut() {
            let comma = if device.description.is_empty() { "" } else { ", " };
            device.description.push_str(comma);
            device.description.push_str(line.trim());
        }
    }
    // It discards everything.
    found.retain(|device| device.name != "null");
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alsa_names_are_found() {
        let text = "null\n    Discard all samples\ndefault\nhw:CARD=Mic,DEV=0\n    USB Mic, USB Audio\n    Direct hardware device\n";
        let found = alsa(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].description.as_str()), ("default", ""));
        assert_eq!(found[1].description, "USB Mic, USB Audio, Direct hardware device");
        assert_eq!(alsa(""), []);
    }

    #[test]
    fn pipewire_sources_are_found() {
        let text = r#"[
            {"id": 0, "type": "PipeWire:Interface:Core", "info": {"props": {}}},
            {"id": 44, "info": {"props": {"media.class": "Audio/Sink", "node.name": "out"}}},
            {"id": 45, "info": {"props": {"media.class": "Audio/Source", "node.name": "in", "node.description": "A mic"}}},
            {"id": 46, "info": null}
        ]"#;
        let found = pipewire(text);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].description.as_str()), ("in", "A mic"));
        assert_eq!(pipewire("error: host is down"), []);
    }
}

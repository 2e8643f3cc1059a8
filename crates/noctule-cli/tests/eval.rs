//! `noctule eval`, `recommend` and `compare` from the outside, mostly with engines that are a line of shell: what is tested is the
//! measuring, not the engine.
#![cfg(all(target_os = "linux", feature = "embedded-model"))]

mod common;

use common::{SAMPLE, folder, program, rounds, speech, wav};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What the engines of shell hear.
const SAID: &str = "the quick brown fox";

/// Writes the description of an engine that runs `script`.
fn engine(folder: &Path, name: &str, script: &str) {
    let path = folder.join(format!("{name}.toml"));
    let text = format!("name = \"{name}\"\ncommand = [\"sh\", \"-c\", '''{script}''', \"{{audio}}\"]\n");
    fs::write(path, text).unwrap();
}

/// A set of three recordings of a second, `set` in `folder`.
fn set(folder: &Path) {
    let set = folder.join("set");
    fs::create_dir_all(&set).unwrap();
    for name in ["a", "b", "c"] {
        wav(&set.join(format!("{name}.wav")), &[&vec![0.01; 16_000]]);
        fs::write(set.join(format!("{name}.txt")), SAID).unwrap();
    }
}

/// `noctule eval` with these words, in `folder`.
fn eval(folder: &Path, words: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder).arg("eval").args(words);
    command
}

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn ended(output: Output) -> Ended {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ended = Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    ended
}

/// What `--json` printed, which is as it is documented.
#[track_caller]
fn summary(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    documented(&ended.stdout, "eval")
}

/// The JSON of a verb, which is as its schema says.
#[track_caller]
fn documented(json: &str, verb: &str) -> Value {
    let value: Value = serde_json::from_str(json).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/schema/{verb}.schema.json"));
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    value
}

/// The row of an engine.
#[track_caller]
fn row<'a>(summary: &'a Value, engine: &str) -> &'a Value {
    summary["rows"].as_array().unwrap().iter().find(|row| row["engine"] == engine).expect("a row")
}

/// Lines of a journal.
fn lines(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("journal.jsonl")).unwrap_or_default();
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::to_owned).collect()
}

fn outcomes(folder: &Path) -> usize {
    lines(folder).iter().filter(|line| line.contains("\"record\":\"outcome\"")).count()
}

/// Waits until `is` holds.
#[track_caller]
fn wait_for(child: &mut Child, is: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
        assert!(Instant::now() < until, "it takes too long");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Words that make an evaluation short: one clip, one counted run.
const SHORT: [&str; 9] = ["--audio", "set", "--clips", "1", "--repeats", "1", "--most-repeats", "1", "--quiet"];

#[test]
fn a_report_and_what_is_recommended_from_it() {
    let folder = folder("eval-report");
    set(&folder);
    engine(&folder, "good", &format!("echo {SAID}"));
    engine(&folder, "bad", "sleep 0.3; echo the slow brown");
    let words = [&SHORT[..], &["--engine", "good.toml,bad.toml", "-o", "out", "--json"]].concat();
    let summary = summary(&ended(eval(&folder, &words).output().unwrap()));
    for (engine, counts, probes) in [("good", (4, 0, 0), 16), ("bad", (2, 1, 1), 12)] {
        let row = row(&summary, engine);
        assert_eq!(row["status"], "ok", "{row}");
        let found = &row["accuracy"][0]["counts"];
        let (hits, substitutions, deletions) = counts;
        for (name, one) in
            [("hits", hits), ("substitutions", substitutions), ("deletions", deletions), ("insertions", 0)]
        {
            assert_eq!(found[name], 3 * one, "{engine}: {found}");
        }
        // They hear words in silence, too.
        assert_eq!(row["probe_words"], probes, "{row}");
        assert!(row["memory"]["peak_bytes"].as_u64().unwrap() > 100_000, "{row}");
    }
    let time = |engine| row(&summary, engine)["times"]["wall_s"]["estimate"].as_f64().unwrap();
    assert!(time("bad") > 0.3 && time("good") > 0.0);
    assert!(summary["complete"].as_bool().unwrap());
    let read = |name: &str| fs::read_to_string(folder.join("out").join(name)).unwrap();
    let page = read("report.html");
    assert!(page.contains("On this board, run good with") && !page.contains("src=\"http"), "{}", &page[..400]);
    assert!(read("report.md").contains("| good |") && read("cells.csv").lines().count() == 3);
    assert_eq!(read("utterances.csv").lines().count(), 1 + 2 * 7);
    let again: Value = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!(again, summary);

    fs::remove_file(folder.join("out/report.html")).unwrap();
    let told = ended(eval(&folder, &["--report", "out", "-q"]).output().unwrap());
    assert!(told.code == Some(0) && told.stdout.contains("good"), "{}", told.stdout);
    assert!(read("report.html") == page, "the same evidence gives the same page");
    let told = ended(eval(&folder, &[&SHORT[..], &["-o", "out"]].concat()).output().unwrap());
    assert!(told.code == Some(1) && told.stderr.contains("go on with it by --resume"), "{}", told.stderr);

    let recommend = |wish: &str| {
        let words = ["recommend", wish, "--from", "out"];
        ended(program().current_dir(&folder).args(words).output().unwrap())
    };
    let best = recommend("real time with 1 GB");
    assert!(best.stdout.contains("\n  good recording.wav\n"), "{}", best.stdout);
    assert!(best.code == Some(0) && best.stdout.starts_with("good with"), "{}", best.stdout);
    let none = recommend("with 0.1 MB");
    assert!(none.code == Some(1) && none.stdout.contains("Nearest is"), "{}", none.stdout);
    let odd = recommend("cheap as chips");
    assert!(odd.code == Some(2) && odd.stderr.contains("'cheap' is not understood"), "{}", odd.stderr);
}

#[test]
fn what_got_worse_is_an_exit_code() {
    let folder = folder("eval-compare");
    set(&folder);
    let measured = |name: &str, script: &str| {
        engine(&folder, "good", script);
        let words = [&SHORT[..], &["--engine", "good.toml", "-o", name]].concat();
        let ended = ended(eval(&folder, &words).output().unwrap());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    };
    let compare = |words: &[&str]| ended(program().current_dir(&folder).arg("compare").args(words).output().unwrap());
    measured("before", &format!("echo {SAID}"));
    measured("after", &format!("sleep 0.3; echo {SAID}"));
    measured("worse", "echo the slow brown");
    // Two runs of one engine differ in their words by nothing.
    let same = compare(&["before", "after", "--only", "words"]);
    assert!(same.code == Some(0) && same.stdout.contains("3 of 3 texts equal"), "{}{}", same.stdout, same.stderr);
    assert!(same.stdout.ends_with("Nothing is worse than the limits allow.\n"), "{}", same.stdout);
    let worse = compare(&["before", "worse", "--only", "words", "--json"]);
    assert_eq!(worse.code, Some(3), "{}{}", worse.stdout, worse.stderr);
    let found = documented(&worse.stdout, "compare");
    assert_eq!((&found["verdict"], &found["findings"][0]["candidate"]), (&"regression".into(), &0.5.into()));
    // A single run has no interval.
    let once = compare(&["before", "after", "--only", "time"]);
    assert!(once.code == Some(4) && once.stdout.contains("inconclusive"), "{}", once.stdout);
    fs::remove_file(folder.join("set/a.txt")).unwrap();
    measured("other", &format!("echo {SAID}"));
    let other = compare(&["before", "other"]);
    assert!(other.code == Some(1) && other.stderr.contains("the recordings"), "{}", other.stderr);
    let rows = compare(&["before@tiny", "before"]);
    assert!(rows.code == Some(1) && rows.stderr.contains("no row of 'tiny'"), "{}", rows.stderr);
}

#[test]
fn every_fault_is_a_row() {
    let folder = folder("eval-faults");
    set(&folder);
    fs::write(folder.join("set/broken.wav"), "this is no audio").unwrap();
    fs::write(folder.join("set/broken.txt"), SAID).unwrap();
    let faults = [
        ("crashes", "kill -SEGV $$", "crashed", "segmentation"),
        ("refuses", "echo no such thing >&2; exit 3", "failed", "exit code 3: no such thing"),
        ("hangs", "exec sleep 60", "timeout", "did not end"),
        ("fills", "head -c 500000000 /dev/zero | tail -c 400000000 | wc -c", "memory_limit", ""),
        ("floods", "exec yes", "failed", "printed without end"),
        ("works", "echo the quick brown fox", "ok", ""),
    ];
    let mut engines: Vec<String> = Vec::new();
    for (name, script, ..) in faults {
        engine(&folder, name, script);
        engines.push(format!("{name}.toml"));
    }
    fs::write(folder.join("absent.toml"), "name = \"absent\"\ncommand = [\"no-such-program\", \"{audio}\"]\n").unwrap();
    engines.push("absent.toml".into());
    let engines = engines.join(",");
    let words = [
        &SHORT[..],
        &["--tasks", "timing", "--timeout", "2", "--memory-limit", "64M", "--try-anyway", "-o", "out", "--json"],
    ]
    .concat();
    let words = [&words[..], &["--engine", &engines]].concat();
    let summary = summary(&ended(eval(&folder, &words).output().unwrap()));
    for (name, _, status, reason) in faults {
        let row = row(&summary, name);
        assert_eq!(row["status"], status, "{row}");
        assert!(row["reason"].as_str().unwrap().contains(reason), "{row}");
    }
    let absent = row(&summary, "absent");
    assert!(
        absent["status"] == "missing" && absent["reason"].as_str().unwrap().contains("no-such-program"),
        "{absent}"
    );
    let unreadable = &summary["corpus"]["unreadable"];
    assert!(unreadable[0][0].as_str().unwrap().contains("broken"), "{unreadable}");
    let page = fs::read_to_string(folder.join("out/report.html")).unwrap();
    assert!(faults.iter().all(|(name, ..)| page.contains(name)) && page.contains("segmentation"));
}

#[test]
fn memory_is_that_of_the_program_and_of_nothing_else() {
    let folder = folder("eval-memory");
    set(&folder);
    // dd reads all of a block before it writes it: its memory is the block and what every program has.
    engine(&folder, "itself", "exec dd if=/dev/zero of=/dev/null bs=400M count=1 2>&1");
    engine(&folder, "child", "dd if=/dev/zero of=/dev/null bs=400M count=1; echo words");
    engine(&folder, "small", "echo words");
    let words = ["--tasks", "timing", "--engine", "itself.toml,child.toml,small.toml", "-o", "out", "--json"];
    let summary = summary(&ended(eval(&folder, &[&SHORT[..], &words].concat()).output().unwrap()));
    let mib = |engine| row(&summary, engine)["memory"]["peak_bytes"].as_f64().unwrap() / f64::from(1 << 20);
    for engine in ["itself", "child"] {
        assert!((400.0..408.0).contains(&mib(engine)), "{engine}: {} MiB", mib(engine));
    }
    assert!(mib("small") < 8.0, "{} MiB of a shell", mib("small"));
    println!("{} and {} MiB of 400, a shell {} MiB", mib("itself"), mib("child"), mib("small"));
}

#[test]
fn an_engine_that_fails_at_one_recording_keeps_the_others() {
    let folder = folder("eval-partial");
    set(&folder);
    engine(&folder, "picky", &format!("case $0 in *b.wav) exit 1;; esac; echo {SAID}"));
    let words = [&SHORT[..], &["--tasks", "accuracy", "--engine", "picky.toml", "-o", "out", "--json"]].concat();
    let summary = summary(&ended(eval(&folder, &words).output().unwrap()));
    let accuracy = &row(&summary, "picky")["accuracy"][0];
    assert_eq!((accuracy["counts"]["hits"].as_u64(), accuracy["counts"]["deletions"].as_u64()), (Some(8), Some(4)));
    assert_eq!(row(&summary, "picky")["status"], "partial");
}

#[test]
fn nothing_but_the_running_measurement_is_lost_when_it_is_killed() {
    let folder = folder("eval-killed");
    set(&folder);
    engine(&folder, "slow", &format!("sleep 0.03; echo {SAID}"));
    let words = ["--engine", "slow.toml", "-o", "out", "--audio", "set", "--clips", "1", "--quiet"];
    let kills = rounds("NOCTULE_KILLS", 4);
    let repeats = (3 * kills).to_string();
    let words = [&words[..], &["--repeats", &repeats, "--most-repeats", &repeats]].concat();
    let out = folder.join("out");
    let mut before: Vec<String> = Vec::new();
    for round in 0..kills {
        let mut command = match round {
            0 => eval(&folder, &words),
            _ => eval(&folder, &["--resume", "out", "--quiet"]),
        };
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let had = outcomes(&out);
        wait_for(&mut child, || outcomes(&out) > had);
        std::thread::sleep(Duration::from_millis(round * 37 % 60));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = lines(&out);
        assert_eq!(now[..before.len()], before[..], "round {round}");
        assert!(outcomes(&out) > had);
        before = now;
    }
    let whole = summary(&ended(eval(&folder, &["--resume", "out", "--quiet", "--json"]).output().unwrap()));
    assert_eq!(lines(&out)[..before.len()], before[..]);
    assert_eq!((&row(&whole, "slow")["status"], &whole["complete"]), (&"ok".into(), &true.into()));
    // Seven recordings, the cold run and the others of the clip: none twice.
    let sentinels = lines(&out).iter().filter(|line| line.contains("outcome") && line.contains("sentinel")).count();
    assert_eq!((outcomes(&out) - sentinels) as u64, 8 + 3 * kills);
}

#[test]
fn ctrl_c_leaves_a_report_and_the_command_that_goes_on() {
    let folder = folder("eval-stopped");
    set(&folder);
    engine(&folder, "slow", &format!("sleep 0.2; echo {SAID}"));
    let words = [&SHORT[..], &["--engine", "slow.toml", "-o", "out"]].concat();
    let mut command = eval(&folder, &words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let out = folder.join("out");
    wait_for(&mut child, || outcomes(&out) > 0);
    let stopped = Command::new("sh").arg("-c").arg(format!("kill -INT {}", child.id())).status().unwrap();
    assert!(stopped.success());
    let told = ended(child.wait_with_output().unwrap());
    assert!(told.code == Some(1) && told.stderr.contains("noctule eval --resume"), "{}", told.stderr);
    assert!(told.stdout.contains("slow"), "{}", told.stdout);
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("was stopped before"));
}

#[test]
fn a_plan_says_what_cannot_be_and_measures_nothing() {
    let folder = folder("eval-plan");
    set(&folder);
    fs::write(
        folder.join("stock.toml"),
        "name = \"stock\"\nstock = true\ncommand = [\"true\", \"{audio}\"]\n\
        [options]\nmodel = [\"{model}\"]\n",
    )
    .unwrap();
    let words = ["tiny", "--types", "q4_0,q4_k", "-a", "set", "--engine", "noctule,stock.toml", "--dry-run"];
    let told = ended(eval(&folder, &words).output().unwrap());
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let line =
        |words: [&str; 2]| told.stdout.lines().find(|line| words.iter().all(|word| line.contains(word))).unwrap();
    assert!(line(["stock", "tiny-q4_k"]).contains("384"), "{}", told.stdout);
    assert!(!line(["noctule", "tiny-q4_k"]).contains("384"), "{}", told.stdout);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing was written");
    let words = [&words[..], &["--no-pull"]].concat();
    let told = ended(eval(&folder, &words).output().unwrap());
    assert!(told.stdout.contains("without --no-pull it would be"), "{}", told.stdout);
}

#[test]
fn a_simulated_board_is_diagnosed() {
    let folder = folder("doctor");
    for (path, text) in [
        ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4"),
        ("proc/cpuinfo", "CPU implementer\t: 0x41\nCPU part\t: 0xd08\n"),
        ("proc/meminfo", "MemTotal: 948000 kB\nMemAvailable: 500000 kB\n"),
        ("proc/swaps", "Filename Type Size Used Priority\n/dev/mmcblk0p3 partition 102396 51200 -2\n"),
        ("proc/loadavg", "0.10 0.10 0.10 1/100 1\n"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n"),
        ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
        ("sys/class/thermal/thermal_zone0/temp", "78500\n"),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n"),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let doctor = |words: &[&str]| {
        let mut command = program();
        command.env("NOCTULE_BOARD_ROOT", &folder).arg("doctor").args(words);
        ended(command.output().unwrap())
    };
    let told = doctor(&["--json"]);
    let found = documented(&told.stdout, "doctor");
    let ids: Vec<&str> = found["findings"].as_array().unwrap().iter().filter_map(|f| f["id"].as_str()).collect();
    for id in ["throttled", "hot", "governor", "card_swap"] {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
    assert!(found["speed"]["macs"].as_f64().unwrap() > 1e6);
    let missing = |name: &str| {
        let models = found["models"].as_array().unwrap();
        models.iter().find(|model| model["name"] == name).unwrap()["missing_bytes"].as_u64().unwrap()
    };
    assert!(missing("tiny") == 0 && missing("base-q5_1") == 0 && missing("medium") > 1_000_000_000);
    let told = doctor(&[]);
    assert!(told.stdout.contains("Raspberry Pi 4 Model B Rev 1.4") && told.stdout.contains("under-voltage"));
    assert!(told.stdout.contains("sudo swapoff /dev/mmcblk0p3"), "{}", told.stdout);
}

#[test]
fn a_bare_board_gets_a_recommendation() {
    let recommend = |words: &[&str]| ended(program().arg("recommend").args(words).output().unwrap());
    let told = recommend(&["smallest"]);
    assert!(told.code == Some(0) && told.stdout.starts_with("tiny-q5_1: "), "{}{}", told.stdout, told.stderr);
    assert!(told.stdout.contains("\n  noctule models pull tiny-q5_1\n"), "{}", told.stdout);
    let none = recommend(&["with 10 MB"]);
    assert!(none.code == Some(1) && none.stdout.contains("Nearest is tiny-q5_1"), "{}", none.stdout);
}

#[test]
fn thread_counts_are_found_and_remembered() {
    let folder = folder("doctor-tune");
    let with = |words: &[&str]| {
        let mut command = program();
        command.env("XDG_STATE_HOME", &folder).args(words);
        ended(command.output().unwrap())
    };
    let told = with(&["doctor", "--tune", "--json"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let found: Value = serde_json::from_str(&told.stdout).unwrap();
    let kept = folder.join("noctule/threads.json");
    assert_eq!(found["file"], kept.to_str().unwrap());
    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    for name in ["encode_threads", "decode_threads"] {
        assert!((1..=cores).contains(&found[name].as_u64().unwrap()), "{found}");
    }
    let known = |streams: &Value| ["one", "several"].iter().any(|name| streams == name);
    let ways = found["ways"].as_array().unwrap();
    assert!(known(&found["streams"]) && ways.iter().all(|way| known(&way["streams"])), "{found}");
    assert!(ways.iter().all(|way| way["token_s"].as_f64().unwrap() > 0.0), "{found}");
    // What is remembered is used, unless the user says something else or it is of another machine.
    let mut remembered: Value = serde_json::from_str(&fs::read_to_string(&kept).unwrap()).unwrap();
    assert_eq!(remembered["streams"], found["streams"]);
    (remembered["encode_threads"], remembered["decode_threads"]) = (3.into(), 2.into());
    let threads = |words: &[&str]| {
        let sample = speech(SAMPLE);
        let told = with(&[&["transcribe", "--json", "-q", sample.to_str().unwrap()], words].concat());
        assert_eq!(told.code, Some(0), "{}", told.stderr);
        serde_json::from_str::<Value>(&told.stdout).unwrap()["kernels"]["threads"].as_u64().unwrap()
    };
    let with_file = |text: &str, words: &[&str]| {
        fs::write(&kept, text).unwrap();
        threads(words)
    };
    assert_eq!(with_file(&remembered.to_string(), &[]), 3);
    assert_eq!(with_file(&remembered.to_string(), &["-t", "1"]), 1);
    // A file of before ways to read were measured, and one of a later program.
    remembered.as_object_mut().unwrap().remove("streams");
    assert_eq!(with_file(&remembered.to_string(), &[]), 3);
    remembered["streams"] = "many".into();
    assert_eq!(with_file(&remembered.to_string(), &[]), 3);
    remembered["cpu"] = "another".into();
    assert_eq!(with_file(&remembered.to_string(), &[]), cores.min(4));
    assert_eq!(with_file("{", &[]), cores.min(4));
}

#[test]
fn the_embedded_model_is_measured() {
    let folder = folder("eval-real");
    fs::create_dir_all(folder.join("set")).unwrap();
    fs::copy(speech(SAMPLE), folder.join("set").join(SAMPLE)).unwrap();
    let manifest = format!("{{\"audio\": \"{SAMPLE}\", \"text\": \"It was the first great sorrow of his life\"}}\n");
    fs::write(folder.join("set/manifest.jsonl"), manifest).unwrap();
    let words =
        [&SHORT[..], &["--tasks", "timing", "-l", "en", "-t", "2", "--mode", "bare", "-o", "out", "--json"]].concat();
    let summary = summary(&ended(eval(&folder, &words).output().unwrap()));
    let row = row(&summary, "noctule");
    assert_eq!((&row["status"], &row["model"]), (&"ok".into(), &"tiny.en-q5_0".into()));
    let phases = &row["times"]["phases"];
    assert!(phases["windows"] == 1.0 && phases["encode_s"].as_f64().unwrap() > 0.0, "{phases}");
    assert!(row["times"]["clips"][0]["first_text_s"].as_f64().unwrap() > 0.0, "{row}");
    let (peak, expected) = (&row["memory"]["peak_bytes"], &row["memory"]["expected_bytes"]);
    let share = peak.as_f64().unwrap() / expected.as_f64().unwrap();
    assert!((0.5..1.1).contains(&share), "{peak} measured, {expected} expected");
}

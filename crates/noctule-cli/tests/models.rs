//! `noctule models` against a server that drops connections, lies, redirects and limits, and against itself.
#![cfg(all(unix, feature = "download"))]

mod common;
mod server;

use common::{folder, program, rounds};
use noctule_kernels::block::GgmlType;
use noctule_model::{Hparams, synthetic};
use server::{Reply, Request, Server};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

/// A published name without a listed digest, so that any model may be served under it.
const NAME: &str = "tiny-q8_0";
const ETAG: &str = "\"one\"";

/// A whole model of 2 MB.
fn model() -> &'static [u8] {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    MODEL.get_or_init(|| {
        let hparams = Hparams {
            n_vocab: 51865,
            n_audio_ctx: 8,
            n_audio_state: 16,
            n_audio_head: 1,
            n_audio_layer: 1,
            n_text_ctx: 16,
            n_text_state: 16,
            n_text_head: 1,
            n_text_layer: 1,
            n_mels: 80,
            ftype: 1,
        };
        synthetic::model(&synthetic::header(hparams).unwrap(), GgmlType::F16, 1).unwrap()
    })
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file as the hub serves it, with its digest.
fn hub(request: &Request) -> Reply {
    Reply::file(request, model(), ETAG)
        .with("X-Linked-Etag", format!("\"{}\"", sha256(model())))
        .with("X-Linked-Size", model().len())
}

fn command(home: &Path, server: &str, words: &[&str]) -> Command {
    let mut command = program();
    command.arg("models").args(words).env("XDG_DATA_HOME", home).env("HF_ENDPOINT", server);
    command.env("HF_HOME", home.join("hub")).env_remove("HF_HUB_CACHE").env_remove("HF_HUB_OFFLINE");
    for name in ["HF_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name);
    }
    command
}

fn run(home: &Path, server: &str, words: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(home, server, words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert!(!stderr.contains("panicked"), "{stderr}");
    (status.code().unwrap_or(-1), stdout, stderr)
}

fn pull(home: &Path, server: &Server) -> (i32, String, String) {
    run(home, &server.address(), &["pull", NAME, "--timeout", "2"])
}

fn installed(home: &Path) -> PathBuf {
    home.join("noctule/models").join(format!("{NAME}.bin"))
}

#[track_caller]
fn is_installed(home: &Path, (code, stdout, stderr): (i32, String, String)) -> (String, String) {
    assert_eq!(code, 0, "{stderr}");
    assert!(fs::read(installed(home)).unwrap() == model(), "another file was installed");
    assert_eq!(fs::read_dir(home.join("noctule/models/.partial")).unwrap().count(), 0, "something was left");
    (stdout, stderr)
}

#[track_caller]
fn is_refused(home: &Path, (code, _, stderr): (i32, String, String), words: &str) {
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains(words) && stderr.contains(NAME), "{stderr}");
    assert!(!installed(home).exists(), "a file was installed");
}

#[test]
fn a_model_is_fetched_checked_used_and_removed() {
    let home = folder("pull");
    let server = Server::start(|_, request| hub(request));
    let (stdout, _) = is_installed(&home, pull(&home, &server));
    assert!(stdout.contains(&format!("SHA-256 {} as the hub has it", sha256(model()))), "{stdout}");
    assert_eq!(server.requests()[0].path, format!("/ggerganov/whisper.cpp/resolve/main/ggml-{NAME}.bin"));
    let (code, _, stderr) = pull(&home, &server);
    assert!(code == 0 && stderr.contains("installed already"), "{stderr}");
    assert_eq!(server.requests().len(), 1, "what is there is not fetched");

    let (code, stdout, _) = run(&home, "", &["info", NAME, "--json"]);
    let info: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &info["header"]["n_audio_state"]), (0, &16.into()), "{stdout}");
    assert!(info["memory_bytes"].as_u64() > info["size_bytes"].as_u64(), "{stdout}");
    let (_, stdout, _) = run(&home, "", &["list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(list["installed"][0]["name"], NAME);
    assert!(list["available"].as_array().unwrap().iter().any(|m| m["name"] == NAME && m["installed"] == true));

    assert_eq!(run(&home, "", &["verify", NAME]).0, 0);
    let mut bytes = fs::read(installed(&home)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(installed(&home), bytes).unwrap();
    let (code, _, stderr) = run(&home, "", &["verify", NAME]);
    assert!(code == 1 && stderr.contains("damaged"), "{stderr}");
    assert_eq!(run(&home, "", &["rm", NAME]).0, 0);
    assert!(!installed(&home).exists());
    assert_eq!(run(&home, "", &["rm", NAME]).0, 1);
    assert_eq!(run(&home, "", &["verify", NAME]).0, 1);
}

#[test]
fn a_name_in_the_store_is_a_model_for_transcribe() {
    let home = folder("named");
    let server = Server::start(|_, request| hub(request));
    is_installed(&home, pull(&home, &server));
    let say = |model: &str| {
        let mut command = program();
        command.args(["transcribe", "--memory-limit", "1M", "-m", model]).env("XDG_DATA_HOME", &home);
        let output = command.arg(common::speech(common::SAMPLE)).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    // The limit stops the run when the model has been opened.
    for name in [NAME, "ggml-tiny-q8_0.bin"] {
        assert!(say(name).contains("the model tiny-q8_0 needs about"), "{}", say(name));
    }
    assert!(say("base").contains("'noctule models pull base'"), "{}", say("base"));
}

#[test]
fn dropped_connections_go_on() {
    let home = folder("dropped");
    let server = Server::start(|_, request| Reply { cut: Some(300_000), ..hub(request) });
    is_installed(&home, pull(&home, &server));
    let requests = server.requests();
    assert!(requests.len() > 5, "{}", requests.len());
    assert_eq!(requests[3].from(), Some(900_000));
    assert!(requests[1..].iter().all(|request| request.header("if-range") == Some(ETAG)));
}

#[test]
fn a_server_that_ignores_ranges_is_read_from_the_start() {
    let home = folder("no ranges");
    let server = Server::start(|n, _| {
        let whole = hub(&Request::default());
        if n == 0 { Reply { cut: Some(300_000), ..whole } } else { whole }
    });
    is_installed(&home, pull(&home, &server));
    assert_eq!(server.requests()[1].from(), Some(300_000));
}

#[test]
fn a_file_that_changes_in_between_is_fetched_anew() {
    let home = folder("changed");
    let server = Server::start(|n, request| match n {
        0 => Reply { cut: Some(300_000), ..Reply::file(request, &vec![7; model().len()], "\"old\"") },
        _ => hub(request),
    });
    is_installed(&home, pull(&home, &server));
    // And where the server gives the rest of another file without a word.
    let home = folder("changed silently");
    let server = Server::start(|n, request| match n {
        0 => Reply { cut: Some(300_000), ..Reply::file(request, &vec![7; model().len()], "\"old\"") },
        1 => {
            let mut request = request.clone();
            request.headers.retain(|(name, _)| name != "if-range");
            hub(&request)
        }
        _ => hub(request),
    });
    is_installed(&home, pull(&home, &server));
}

#[test]
fn lies_about_lengths_install_nothing() {
    let home = folder("long");
    let server =
        Server::start(|_, request| Reply { length: Some(model().len() + 9), ..Reply::file(request, model(), ETAG) });
    is_refused(&home, pull(&home, &server), "the same command goes on");
    let home = folder("other size");
    let server =
        Server::start(|_, request| Reply::file(request, &model()[..1_000_000], ETAG).with("X-Linked-Size", 2_000_000));
    is_refused(&home, pull(&home, &server), "that the hub announces");
    let home = folder("short");
    let server = Server::start(|_, request| Reply::file(request, &model()[..1_000_000], ETAG));
    is_refused(&home, pull(&home, &server), "ends too early");
}

#[test]
fn wrong_bytes_are_fetched_once_more_and_never_installed() {
    let wrong = |request: &Request| {
        let mut bytes = model().to_vec();
        bytes[1_500_000] ^= 1;
        let digest = format!("\"{}\"", sha256(model()));
        Reply::file(request, &bytes, ETAG).with("X-Linked-Etag", digest)
    };
    let home = folder("wrong once");
    let server = Server::start(move |n, request| if n == 0 { wrong(request) } else { hub(request) });
    is_installed(&home, pull(&home, &server));
    let home = folder("wrong always");
    let server = Server::start(move |_, request| wrong(request));
    is_refused(&home, pull(&home, &server), "damaged");
    assert_eq!(server.requests().len(), 2);
    let home = folder("page");
    let server = Server::start(|_, request| Reply::file(request, b"<html>sorry</html>", ETAG));
    is_refused(&home, pull(&home, &server), "web page");
}

#[test]
fn redirects_are_followed_without_the_token() {
    let home = folder("redirects");
    let far = Server::start(|_, request| Reply::file(request, model(), ETAG));
    let to = format!("{}/blob?signature=1", far.address());
    let near = Server::start(move |n, _| {
        let digest = format!("\"{}\"", sha256(model()));
        match n {
            0 => Reply::status(307).with("Location", "/renamed/file.bin"),
            _ => Reply::status(302).with("Location", &to).with("X-Linked-Etag", digest),
        }
    });
    let mut command = command(&home, &near.address(), &["pull", NAME]);
    let output = command.env("HF_TOKEN", "hf_secret").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let done = (output.status.code().unwrap(), text(output.stdout), text(output.stderr));
    let (stdout, _) = is_installed(&home, done);
    assert!(stdout.contains("as the hub has it"), "the digest of the redirect counts: {stdout}");
    assert!(near.requests().iter().all(|r| r.header("authorization") == Some("Bearer hf_secret")));
    assert_eq!(near.requests()[1].path, "/renamed/file.bin");
    assert_eq!(far.requests()[0].header("authorization"), None);

    let home = folder("circle");
    let server = Server::start(|_, request| Reply::status(302).with("Location", &request.path));
    is_refused(&home, pull(&home, &server), "redirects");
    let home = folder("nowhere");
    let server = Server::start(|_, _| Reply::status(302).with("Location", "file:///etc/passwd"));
    is_refused(&home, pull(&home, &server), "leads nowhere");
}

/// A published float model without a listed digest.
const FLOAT: &str = "distil-small.en";

fn weight_type(home: &Path, name: &str) -> String {
    let path = home.join("noctule/models").join(format!("{name}.bin"));
    noctule_model::Model::open(&path).unwrap().weight_type().to_string()
}

#[test]
fn types_that_nobody_publishes_are_made_while_pulling() {
    let home = folder("made");
    let server = Server::start(|_, request| hub(request));
    let (code, stdout, stderr) = run(
        &home,
        &server.address(),
        &["pull", "distil-small.en:q5_0", "distil-small.en:q8_0", "--json", "--jobs", "4"],
    );
    assert_eq!(code, 0, "{stderr}");
    let mut reports: Vec<serde_json::Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    reports.sort_by_key(|report| report["name"].to_string());
    for (report, ty) in reports.iter().zip(["q5_0", "q8_0"]) {
        let name = format!("{FLOAT}-{ty}");
        assert_eq!((&report["name"], &report["status"]), (&name.clone().into(), &"installed".into()), "{report}");
        let checked = report["checked"][0].as_str().unwrap();
        assert!(
            checked.contains(&format!("quantised here to {ty} from {FLOAT} (SHA-256 {}", sha256(model()))),
            "{report}"
        );
        assert_eq!(run(&home, "", &["verify", &name]).0, 0);
        let size = fs::metadata(home.join(format!("noctule/models/{name}.bin"))).unwrap().len();
        assert_eq!(report["size_bytes"], size);
    }
    // Rows of 16 fit no block of 32 and stay floats; those of 64 are quantised.
    assert!(weight_type(&home, "distil-small.en-q5_0").contains("mixed"));
    assert_eq!(server.requests().len(), 1, "the source is fetched once");
    assert_eq!(fs::read(home.join(format!("noctule/models/{FLOAT}.bin"))).unwrap(), model(), "the source stays");
    assert_eq!(fs::read_dir(home.join("noctule/models/.partial")).unwrap().count(), 0, "something was left");

    let (code, _, stderr) = run(&home, "", &["pull", "distil-small.en:Q5_0", "--offline"]);
    assert!(code == 0 && stderr.contains("installed already"), "{stderr}");
    // What is installed needs no network, and neither has the other verb that makes it.
    let (code, stdout, stderr) = run(&home, "", &["pull", "distil-small.en:q4_1", "--offline"]);
    assert!(code == 0 && stdout.contains("distil-small.en-q4_1"), "{stdout}{stderr}");
    let mut command = program();
    command.args(["quantize", FLOAT, "q4_0"]).env("XDG_DATA_HOME", &home);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(run(&home, "", &["verify", "distil-small.en-q4_0"]).0, 0, "it is installed with its record");
    let mut command = program();
    let output = command.args(["quantize", "base", "q4_0"]).env("XDG_DATA_HOME", &home).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("noctule models pull base"), "{output:?}");
}

#[test]
fn a_published_type_is_fetched_instead_of_made() {
    let home = folder("published type");
    let server = Server::start(|_, request| hub(request));
    let word = NAME.replace("-q8_0", ":q8_0");
    is_installed(&home, run(&home, &server.address(), &["pull", &word]));
    assert!(server.requests()[0].path.ends_with(&format!("ggml-{NAME}.bin")), "{:?}", server.requests());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_cannot_be_made_is_said() {
    let home = folder("not made");
    for (word, code, part) in [
        ("base:q4k", 2, "did you mean 'q4_k'"),
        ("base:iq4_s", 2, "iq4_xs"),
        ("base:iq4_m", 1, "offline"),
        ("bsae:q4_k", 2, "did you mean 'base'"),
        ("base-q5_1:q4_0", 2, "quantised already"),
        ("base-q4_k", 2, "'noctule models pull base:q4_k' makes it here"),
        ("base:q4_k", 1, "offline"),
    ] {
        let (found, _, stderr) = run(&home, "", &["pull", word, "--offline"]);
        assert!(found == code && stderr.contains(part), "{word}: {found} {stderr}");
    }
    assert!(!home.join("noctule/models/base-q4_k.bin").exists());
}

#[test]
fn limits_are_respected() {
    let home = folder("limits");
    let server = Server::start(|n, request| match n {
        0 => Reply::status(429).with("Retry-After", 1),
        1 => Reply::status(503),
        _ => hub(request),
    });
    let before = SystemTime::now();
    let (_, stderr) = is_installed(&home, pull(&home, &server));
    assert!(before.elapsed().unwrap() >= Duration::from_secs(1), "{stderr}");
    assert!(stderr.contains("asked too often") && stderr.contains("1.0 s"), "{stderr}");
    for (status, words) in [(404, "is not there"), (401, "HF_TOKEN"), (418, "unexpected answer 418")] {
        let server = Server::start(move |_, _| Reply::status(status));
        is_refused(&folder("status"), pull(&folder("status"), &server), words);
        assert_eq!(server.requests().len(), 1, "{status}");
    }
    // A date is as good as seconds; this one is whole seconds, at most two of them away.
    let home = folder("date");
    let server = Server::start(|n, request| match n {
        0 => {
            Reply::status(503).with("Retry-After", httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2)))
        }
        _ => hub(request),
    });
    let before = SystemTime::now();
    let (_, stderr) = is_installed(&home, pull(&home, &server));
    assert!(before.elapsed().unwrap() >= Duration::from_millis(900), "{stderr}");
    assert!(["1.", "2.0 s"].iter().any(|wait| stderr.contains(&format!("again in {wait}"))), "{stderr}");
    let home = folder("too long");
    let tomorrow = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(86400));
    let server = Server::start(move |_, _| Reply::status(503).with("Retry-After", &tomorrow));
    is_refused(&home, pull(&home, &server), "the same command goes on");
    assert_eq!(server.requests().len(), 1, "nobody waits a day");
    let home = folder("too long");
    let server = Server::start(|_, _| Reply::status(429).with("Retry-After", 86400));
    is_refused(&home, pull(&home, &server), "asked too often");
}

#[test]
fn a_server_that_falls_silent_is_left() {
    let home = folder("silent");
    let server = Server::start(|n, request| match n {
        0 => Reply { pace: Duration::from_secs(20), ..hub(request) },
        _ => hub(request),
    });
    let (_, stderr) = is_installed(&home, run(&home, &server.address(), &["pull", NAME, "--timeout", "1"]));
    assert!(stderr.contains("the connection was lost"), "{stderr}");
}

#[test]
fn without_a_network_the_message_says_what_is_missing() {
    let home = folder("offline");
    let offline = run(&home, "http://127.0.0.1:1", &["pull", NAME, "--offline"]);
    is_refused(&home, offline, "--from");
    let (code, _, stderr) = run(&home, "ftp://x", &["pull", NAME]);
    assert!(code == 2 && stderr.contains("no address of a hub"), "{stderr}");
    assert_eq!(run(&home, "", &["list"]).0, 0);
    for words in [&["pull", "tny"][..], &["pull", "../x"], &["pull", "base:q4k"], &["rm", "a/b"], &["pull"]] {
        assert_eq!(run(&home, "", words).0, 2, "{words:?}");
    }
}

#[test]
fn caches_are_used_before_the_network() {
    let home = folder("cache");
    let repository = home.join("hub/hub/models--ggerganov--whisper.cpp");
    let blob = repository.join("blobs").join(sha256(model()));
    let snapshot = repository.join("snapshots/0123abcd");
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    fs::create_dir_all(&snapshot).unwrap();
    fs::write(&blob, model()).unwrap();
    std::os::unix::fs::symlink(&blob, snapshot.join(format!("ggml-{NAME}.bin"))).unwrap();
    let (stdout, _) = is_installed(&home, run(&home, "", &["pull", NAME, "--offline"]));
    assert!(stdout.contains("as the hub has it"), "{stdout}");
    // A damaged blob is not taken.
    fs::write(repository.join("blobs/x"), "").unwrap();
    assert_eq!(run(&home, "", &["rm", NAME]).0, 0);
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, &model()[1..]).unwrap();
    assert_eq!(run(&home, "", &["pull", NAME, "--offline"]).0, 1);
    assert!(!installed(&home).exists());
    // A folder of whisper.cpp.
    let models = home.join("whisper.cpp");
    fs::create_dir_all(&models).unwrap();
    fs::write(models.join(format!("ggml-{NAME}.bin")), model()).unwrap();
    is_installed(&home, run(&home, "", &["pull", NAME, "--from", models.to_str().unwrap()]));
    // One with a listed digest must have it.
    fs::write(models.join("ggml-base.bin"), model()).unwrap();
    let (code, _, stderr) = run(&home, "", &["pull", "base", "--from", models.to_str().unwrap()]);
    assert!(code == 1 && stderr.contains("not the published file"), "{stderr}");
}

/// A number below `end` that nobody can foresee.
fn chance(end: u64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    (u64::from(now.subsec_nanos()).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % end
}

fn quietly(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills fetches at random moments; whatever has its name must be whole.
fn kill_at_random_moments(rounds: u64) {
    let home = folder(&format!("killed-{rounds}"));
    let server = Server::start(|_, request| Reply { pace: Duration::from_millis(1), ..hub(request) });
    let mut finished = 0;
    for _ in 0..rounds {
        let mut child = quietly(command(&home, &server.address(), &["pull", NAME]));
        std::thread::sleep(Duration::from_millis(chance(400)));
        child.kill().unwrap();
        child.wait().unwrap();
        if installed(&home).exists() {
            finished += 1;
            assert!(fs::read(installed(&home)).unwrap() == model(), "half a file under its name");
            assert_eq!(run(&home, "", &["verify", NAME]).0, 0);
            assert_eq!(run(&home, "", &["rm", NAME]).0, 0);
        }
    }
    is_installed(&home, pull(&home, &server));
    let resumed = server.requests().iter().filter(|request| request.from().is_some()).count();
    println!("{rounds} kills: {finished} came too late, {resumed} fetches went on where one was killed");
}

#[test]
fn kill_9_leaves_nothing_wrong_behind() {
    kill_at_random_moments(rounds("NOCTULE_KILLS", 4));
}

/// Lets two processes pull and remove the same model at once.
fn pull_and_remove(rounds: u64) {
    let home = folder(&format!("race-{rounds}"));
    let server = Server::start(|_, request| hub(request));
    let mut there = 0;
    for round in 0..rounds {
        let words: [&[&str]; 2] = [&["pull", NAME], &["rm", NAME]];
        let mut children: Vec<Child> = (0..4)
            .map(|i| {
                std::thread::sleep(Duration::from_millis(chance(8)));
                quietly(command(&home, &server.address(), words[(i + round as usize) % 2]))
            })
            .collect();
        for (i, child) in children.iter_mut().enumerate() {
            let code = child.wait().unwrap().code();
            let removes = (i + round as usize) % 2 == 1;
            assert!(code == Some(0) || (removes && code == Some(1)), "round {round}: {code:?}");
        }
        if let Ok(bytes) = fs::read(installed(&home)) {
            there += 1;
            assert!(bytes == model(), "round {round}: corrupted");
            assert_eq!(run(&home, "", &["verify", NAME]).0, 0);
        }
    }
    println!("{rounds} rounds: there after {there} of them");
}

#[test]
fn two_processes_do_not_disturb_each_other() {
    pull_and_remove(rounds("NOCTULE_ROUNDS", 4));
}

//! A server of one file that behaves as badly as it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub path: String,
    pub headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first byte that is asked for.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Instead of the body's length.
    pub length: Option<usize>,
    /// The connection ends after so many bytes of the body.
    pub cut: Option<usize>,
    /// Time between pieces of 16 KiB.
    pub pace: Duration,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Reply { status, ..Self::default() }
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// The file, or the part of it that was asked for.
    pub fn file(request: &Request, file: &[u8], etag: &str) -> Self {
        let unchanged = request.header("if-range").is_none_or(|tag| tag == etag);
        let reply = match request.from().filter(|&from| unchanged && from < file.len()) {
            Some(from) => {
                let range = format!("bytes {from}-{}/{}", file.len() - 1, file.len());
                Reply { status: 206, body: file[from..].to_vec(), ..Self::default() }.with("Content-Range", range)
            }
            None => Reply { status: 200, body: file.to_vec(), ..Self::default() },
        };
        reply.with("ETag", etag).with("Accept-Ranges", "bytes")
    }
}

/// A running server.
pub struct Server {
    pub port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers every request by `answer`, which also gets its number.
    pub fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (answer, seen) = (Arc::new(answer), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen) = (answer.clone(), seen.clone());
                thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    // A client that has gone is no failure of the server.
                    let _ = write(stream, &answer(number, &request));
                });
            }
        });
        Server { port, requests }
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut request = Request { path, headers: Vec::new() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => request.headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => return Some(request),
        }
    }
}

fn write(mut stream: TcpStream, reply: &Reply) -> std::io::Result<()> {
    let length = reply.length.unwrap_or(reply.body.len());
    let mut head = format!("HTTP/1.1 {} X\r\nContent-Length: {length}\r\nConnection: close\r\n", reply.status);
    reply.headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let end = reply.cut.unwrap_or(reply.body.len()).min(reply.body.len());
    for piece in reply.body[..end].chunks(16 << 10) {
        stream.write_all(piece)?;
        thread::sleep(reply.pace);
    }
    stream.flush()
}

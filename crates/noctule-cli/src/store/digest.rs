//! Digests of files: SHA-256 as the hub gives it, SHA-1 as whisper.cpp's list does.

use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Both digests of bytes that come one after the other.
#[derive(Debug, Clone, Default)]
pub struct Digests {
    sha256: Sha256,
    sha1: Sha1,
}

/// Both digests, hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    /// 64 digits.
    pub sha256: String,
    /// 40 digits.
    pub sha1: String,
}

impl Digests {
    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.sha1.update(bytes);
    }

    /// The digests of all bytes so far.
    pub fn finish(self) -> Sums {
        Sums { sha256: hexadecimal(&self.sha256.finalize()), sha1: hexadecimal(&self.sha1.finalize()) }
    }

    /// Takes a file in, as far as it goes; returns how many bytes that were.
    pub fn read(&mut self, mut file: impl Read) -> io::Result<u64> {
        let mut buffer = vec![0; 1 << 18];
        let mut total = 0;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(n) => {
                    self.update(&buffer[..n]);
                    total += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The digests of a file.
pub fn of_file(path: &Path) -> io::Result<Sums> {
    let mut digests = Digests::default();
    digests.read(File::open(path)?)?;
    Ok(digests.finish())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        // FIPS 180-2, appendices A.1 and B.1.
        let mut digests = Digests::default();
        assert_eq!(digests.read(&b"abc"[..]).unwrap(), 3);
        let sums = digests.finish();
        assert_eq!(sums.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sums.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}

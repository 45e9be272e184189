//! A file that gets its name when it is complete, since what is in it is part of that.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file in the making, under a name that readers of folders pass over.
pub(super) struct Draft {
    path: PathBuf,
    file: File,
    hash: u32,
}

/// Where FNV-1a of 32 bits begins, and what it multiplies by: AWS's hash says nothing, this one is the same on every machine.
const BASIS: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

impl Draft {
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let file = File::create(&path)?;
        Ok(Self { path, file, hash: BASIS })
    }

    /// Of what was written so far.
    pub(super) fn hash(&self) -> u32 {
        self.hash
    }

    /// It is complete. A file of that name has the same in it.
    pub(super) fn publish(self, path: &Path) -> io::Result<()> {
        fs::rename(self.path, path)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.hash = bytes[..length].iter().fold(self.hash, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(PRIME));
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

//! Network namespaces without names: they live as long as somebody holds them open, so that not even a killed test leaves
//! one behind.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace.
pub(crate) struct Namespace(File);

impl Namespace {
    /// A new one, empty. Needs root.
    pub(crate) fn new() -> std::io::Result<Self> {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        });
        made.join().unwrap().map(Self)
    }

    /// Runs `work` in it, on a thread of its own: a namespace is a property of a thread.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A path by which `ip` finds it while this process lives.
    pub(crate) fn path(&self) -> String {
        use std::os::fd::AsRawFd;
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

/// Runs a command in the namespace of this thread and hands it its standard input. Panics with what it says if it fails.
pub(crate) fn run(command: &str, arguments: &[&str], input: &str) {
    let mut child = Command::new(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command} {}: {said}\n{input}", arguments.join(" "));
}

/// Sets a kernel parameter in the namespace of this thread; the path is below `/proc/sys/net`.
pub(crate) fn set(parameter: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/{parameter}"), value)
        .unwrap_or_else(|error| panic!("{parameter} = {value}: {error}"));
}

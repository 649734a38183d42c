//! System calls of both programs, counted by `strace`.

use std::path::Path;
use std::time::Duration;

use super::boxes::Fetching;
use super::headend::{Headend, Stream};
use super::place::Place;

/// Calls of one transfer.
pub(crate) struct Calls {
    pub(crate) sender: f64,
    pub(crate) receiver: f64,
    /// Of them, what sends or receives datagrams.
    pub(crate) sends: f64,
    pub(crate) receives: f64,
    /// The box needed one cycle only.
    pub(crate) complete: bool,
}

/// One cycle counted at the sender, then one transfer counted at the box; none without `strace`.
pub(crate) fn count(place: &Place, directory: &Path, stream: &Stream) -> Option<Calls> {
    super::installed("strace").then(|| {
        let files = tempfile::tempdir_in(directory).unwrap();
        let wrap = |file: &Path| {
            ["strace", "-f", "-c", "-U", "calls,name", "-o", file.to_str().unwrap()]
                .map(str::to_owned)
        };
        let (one, other) = (files.path().join("sender"), files.path().join("receiver"));
        let arguments = wrap(&one);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let streams = std::slice::from_ref(stream);
        let headend = Headend::start_as(place, directory, streams, &["--cycles", "1"], &arguments);
        headend.process.wait(Duration::from_secs(60));
        let arguments = wrap(&other);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = files.path().join("fetched");
        let fetching = Fetching::start_as(place, 0, stream.group, &output, &arguments);
        place.wait_joined(0, *stream.group.ip(), 1);
        let headend = Headend::start(place, directory, streams, &["--cycles", "3"]);
        let fetched = fetching.finish(&stream.image, Duration::from_secs(40));
        drop(headend);
        let (sender, sends) = sums(&one, "send");
        let (receiver, receives) = sums(&other, "recv");
        Calls { sender, receiver, sends, receives, complete: fetched.cycles < 1.01 }
    })
}

/// All calls of a summary, and those whose name begins with `prefix`.
fn sums(file: &Path, prefix: &str) -> (f64, f64) {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let calls = text.lines().filter_map(|line| {
        let (count, name) = line.trim().split_once(char::is_whitespace)?;
        let name = name.trim();
        (name != "total").then(|| count.parse::<f64>().ok().map(|count| (count, name)))?
    });
    calls.fold((0.0, 0.0), |(all, some), (count, name)| {
        (all + count, if name.starts_with(prefix) { some + count } else { some })
    })
}

//! A program of somebody else, run for its answer and not for longer than it may take.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Most bytes of an answer that are kept; the rest is read and dropped.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Between two looks at a program that has said everything and has not ended.
const LOOK: Duration = Duration::from_millis(5);

/// What a program said.
pub(super) struct Answer {
    pub(super) status: ExitStatus,
    pub(super) out: Vec<u8>,
    pub(super) error: Vec<u8>,
}

/// Runs a program with this input. `None` where it did not end in time; it has been ended then.
pub(super) fn run(
    command: &mut Command,
    input: &[u8],
    patience: Duration,
) -> io::Result<Option<Answer>> {
    let deadline = Instant::now() + patience;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let answer = answer(&mut child, input, deadline);
    if !matches!(answer, Ok(Some(_))) {
        let _ = child.kill();
        let _ = child.wait();
    }
    answer
}

fn answer(child: &mut Child, input: &[u8], deadline: Instant) -> io::Result<Option<Answer>> {
    let out = child.stdout.take().map(reader).transpose()?;
    let error = child.stderr.take().map(reader).transpose()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Requests are shorter than a pipe is deep; who does not read them says why.
        let _ = stdin.write_all(input);
    }
    let left = || deadline.saturating_duration_since(Instant::now());
    let said = |pipe: Option<Receiver<Vec<u8>>>| match pipe {
        Some(pipe) => pipe.recv_timeout(left()).ok(),
        None => Some(Vec::new()),
    };
    let (Some(out), Some(error)) = (said(out), said(error)) else { return Ok(None) };
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(Answer { status, out, error }));
        }
        if left().is_zero() {
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// Reads a pipe to its end, in a thread that ends with the pipe.
fn reader(mut pipe: impl Read + Send + 'static) -> io::Result<Receiver<Vec<u8>>> {
    let (tell, told) = channel();
    thread::Builder::new().name("answer".to_owned()).spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.by_ref().take(ANSWER_BYTES_MAX).read_to_end(&mut bytes);
        let _ = io::copy(&mut pipe, &mut io::sink());
        let _ = tell.send(bytes);
    })?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let begun = Instant::now();
        let mut command = Command::new("sleep");
        let answer = run(command.arg("600"), b"", Duration::from_millis(200)).unwrap();
        assert!(answer.is_none());
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn what_a_program_says_is_read_with_its_exit_code() {
        let mut command = Command::new("sh");
        command.args(["-c", "cat; echo wrong >&2; exit 3"]);
        let answer = run(&mut command, b"said", Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!((&answer.out[..], &answer.error[..]), (&b"said"[..], &b"wrong\n"[..]));
        assert_eq!(answer.status.code(), Some(3));
    }
}

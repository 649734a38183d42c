//! Asking a headend.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{REPLY_BYTES_MAX, Reply, Request, short};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No headend listens there.
    #[error("no headend is running: nobody listens at {}", path.display())]
    Nobody {
        /// The socket.
        path: PathBuf,
    },
    /// One may, and this user may not ask it.
    #[error(
        "no permission to ask the headend at {}: use sudo, or be in the group of the socket",
        path.display()
    )]
    Denied {
        /// The socket.
        path: PathBuf,
    },
    /// One may, and cannot be asked.
    #[error("cannot ask the headend at {}: {error}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// It answers, and nobody understands it.
    #[error("the headend at {} answers what nobody understands: {why}", path.display())]
    Answer {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Asks the headend that listens at `path`, and waits for its reply.
///
/// # Errors
/// When there is none, or it does not answer in time.
pub fn ask(path: &Path, request: &Request) -> Result<Reply, ClientError> {
    let failed = |error: io::Error| ClientError::System { path: path.to_owned(), error };
    let answer = |why: String| ClientError::Answer { path: path.to_owned(), why };
    let connected = short(path).and_then(|(_held, short)| UnixStream::connect(short));
    let mut stream = match connected {
        Err(error) if is_nobody(&error) => {
            return Err(ClientError::Nobody { path: path.to_owned() });
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(ClientError::Denied { path: path.to_owned() });
        }
        stream => stream.map_err(failed)?,
    };
    let patience = request.patience() + Duration::from_secs(2);
    stream.set_read_timeout(Some(patience)).map_err(failed)?;
    stream.set_write_timeout(Some(patience)).map_err(failed)?;
    let mut line = serde_json::to_string(request).map_err(|error| answer(error.to_string()))?;
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(failed)?;
    let mut reply = String::new();
    BufReader::new(stream).take(REPLY_BYTES_MAX).read_line(&mut reply).map_err(failed)?;
    serde_json::from_str(&reply).map_err(|error| answer(error.to_string()))
}

/// Whether nobody listens: there is no socket, or a program left it behind.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

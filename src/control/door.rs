//! The socket: who asks, and what.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::FlockOperation;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::{REQUEST_BYTES_MAX, Reply, Request, short};

/// Most connections at once; others wait.
const CONNECTIONS_MAX: usize = 16;

/// How long a request may take to arrive, and a reply to be taken.
const LINE_PATIENCE: Duration = Duration::from_secs(5);

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoorError {
    /// Another headend listens there.
    #[error(
        "another stbcast serve uses {}: give this one another directory with --state DIR",
        path.display()
    )]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot listen at {}: {error}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// Its answer.
        error: io::Error,
    },
}

/// A request and who waits for the reply.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    /// The user who asks.
    pub(crate) uid: Option<u32>,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// The open socket; its file is removed with it.
#[derive(Debug)]
pub(crate) struct Door {
    asked: mpsc::Receiver<Asked>,
    _place: Taken,
}

/// The file of the socket, and the right to it.
#[derive(Debug)]
struct Taken {
    path: PathBuf,
    /// Locked as long as the program lives, however it ends.
    _lock: File,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Door {
    /// Listens at `path`. A socket that a program left behind is replaced.
    ///
    /// # Errors
    /// When another headend listens there, or the system refuses.
    pub(crate) fn open(path: &Path) -> Result<Self, DoorError> {
        let failed = |error: io::Error| DoorError::System { path: path.to_owned(), error };
        let place = Taken { path: path.to_owned(), _lock: lock(path)? };
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let (_held, short) = short(path).map_err(failed)?;
        let listener = UnixListener::bind(short).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(failed)?;
        let (tell, asked) = mpsc::channel(CONNECTIONS_MAX);
        tokio::spawn(listen(listener, tell));
        Ok(Self { asked, _place: place })
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Option<Asked> {
        self.asked.recv().await
    }
}

/// The lock beside the socket, which tells a headend that lives from one that left its socket behind.
fn lock(path: &Path) -> Result<File, DoorError> {
    let failed = |error: io::Error| DoorError::System { path: path.to_owned(), error };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file =
        File::options().create(true).write(true).truncate(false).open(name).map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(DoorError::Taken { path: path.to_owned() }),
        Err(error) => Err(failed(error.into())),
    }
}

/// Serves connections until nobody takes requests any more.
async fn listen(listener: UnixListener, tell: mpsc::Sender<Asked>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        tokio::select! {
            () = tell.closed() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let tell = tell.clone();
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, tell).await {
                            tracing::debug!("control socket: {error}");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!("control socket: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

/// One request, one reply.
async fn converse(stream: UnixStream, tell: mpsc::Sender<Asked>) -> io::Result<()> {
    let uid = stream.peer_cred().ok().map(|peer| peer.uid());
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut read = BufReader::new(read).take(REQUEST_BYTES_MAX);
    timeout(LINE_PATIENCE, read.read_until(b'\n', &mut line)).await??;
    let reply = match serde_json::from_slice::<Request>(&line) {
        Ok(request) => answer(request, uid, &tell).await,
        Err(error) => Reply::error(format!("this is no request: {error}")),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    timeout(LINE_PATIENCE, write.write_all(&text)).await??;
    Ok(())
}

async fn answer(request: Request, uid: Option<u32>, tell: &mpsc::Sender<Asked>) -> Reply {
    let (reply, replied) = oneshot::channel();
    let patience = request.patience();
    let asked = async {
        tell.send(Asked { request, uid, reply }).await.ok()?;
        replied.await.ok()
    };
    match timeout(patience, asked).await {
        Ok(Some(reply)) => reply,
        Ok(None) => Reply::error("the headend is stopping"),
        Err(_) => Reply::error(format!("no answer within {} s", patience.as_secs())),
    }
}

//! Somebody else on the home network of a box: he announces what nobody signed.

use std::error::Error;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stbcast_flute::fdt::File;
use stbcast_flute::{AnnounceSession, DEFAULT_TSI, FdtSettings, Statement, Step};
use stbcast_object::Micros;

use crate::loss::far_end;
use crate::operator::Statements;

/// He repeats himself oftener than the headend does.
const EACH: Duration = Duration::from_millis(100);

/// What he says is wrong for so many reasons.
pub(crate) const STRANGER_LIES: usize = 2;

/// Sends until it is dropped.
pub(crate) struct Stranger {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stranger {
    /// Announces a release of his own, and the operator's with one byte changed.
    pub(crate) fn on(group: SocketAddrV4, statements: &Statements) -> Result<Self, Box<dyn Error>> {
        let mut tampered = statements.release.clone();
        let middle = tampered.len() / 2;
        if let Some(byte) = tampered.get_mut(middle) {
            *byte ^= 1;
        }
        let datagrams = [datagram(&statements.forged, 1)?, datagram(&tampered, 2)?];
        // As if he were the headend.
        let (socket, stop) = (far_end()?, Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&stop);
        let send = move || {
            while !told.load(Ordering::Relaxed) {
                for datagram in &datagrams {
                    let _ = socket.send_to(datagram, group);
                }
                std::thread::sleep(EACH);
            }
        };
        let thread = std::thread::Builder::new().name("stranger".to_owned()).spawn(send)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The datagram of a statement as a headend would send it.
fn datagram(statement: &[u8], toi: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let wall: Micros = SystemTime::now().duration_since(UNIX_EPOCH)?.into();
    let statement = Statement::new(File::new("release:1", toi)?, statement.into())?;
    let mut session = AnnounceSession::new(FdtSettings::new(DEFAULT_TSI), Vec::new(), wall)?;
    session.set(Vec::new(), vec![statement], wall)?;
    let mut last = Vec::new();
    while let Step::Fdt(bytes) = session.next(Micros::ZERO, wall) {
        last = bytes;
    }
    Ok(last)
}

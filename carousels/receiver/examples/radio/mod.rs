//! What a boot loader has instead of feature `io`: sockets, a clock, and the loop between them and a session.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::ops::Range;
use std::time::{Duration, Instant};

use stbcast_object::Group;
use stbcast_receiver::{Event, GroupDecoder, Input, Output, Session, Storage, drive};

/// Longest datagram there is.
const DATAGRAM_BYTES: usize = 65_535;

pub type AnyError = Box<dyn Error>;

/// A group that is joined.
struct Ear {
    decoder: GroupDecoder,
    socket: UdpSocket,
}

/// The box: what it runs, and what it has.
struct Radio<'a, S, T> {
    session: &'a mut S,
    storage: &'a mut T,
    ears: Vec<Ear>,
    interface: Ipv4Addr,
    began: Instant,
    tell: &'a mut dyn FnMut(Event),
}

/// Runs a session to its end; what it says goes to `tell`.
pub fn run<S, T>(
    session: &mut S,
    storage: &mut T,
    interface: Ipv4Addr,
    tell: &mut dyn FnMut(Event),
) -> Result<(), AnyError>
where
    S: Session<Range<usize>>,
    T: Storage<Error: Into<AnyError>>,
{
    let (ears, began) = (Vec::new(), Instant::now());
    let mut radio = Radio { session, storage, ears, interface, began, tell };
    let mut buffer = vec![0; DATAGRAM_BYTES];
    while !radio.session.is_over() {
        if !radio.listen(&mut buffer)? {
            std::thread::sleep(Duration::from_millis(1));
        }
        let now = began.elapsed().into();
        if radio.session.wake_at().is_some_and(|at| at <= now) {
            radio.step(Input::Wake, &[])?;
        }
    }
    Ok(())
}

impl<S, T> Radio<'_, S, T>
where
    S: Session<Range<usize>>,
    T: Storage<Error: Into<AnyError>>,
{
    /// Hands an input in and does what the session wants.
    fn step(&mut self, input: Input<'_, Range<usize>>, datagram: &[u8]) -> Result<(), AnyError> {
        let (mut moves, now) = (Vec::new(), self.began.elapsed().into());
        let shell = &mut |output| match output {
            Output::Event(event) => (self.tell)(event),
            output => moves.push(output),
        };
        drive(self.session, self.storage, now, input, datagram, shell).map_err(Into::into)?;
        for output in moves {
            match output {
                Output::Join { group, source, listen } => {
                    let decoder = GroupDecoder::new(group, source, &listen);
                    self.ears.push(Ear { decoder, socket: join(group, self.interface)? });
                }
                Output::Leave { group } => self.ears.retain(|ear| ear.decoder.group() != group),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes a datagram of each group that has one; whether there was any. A real box takes them in
    /// the order in which they arrived; here a mixture of two revisions is left to the digest.
    fn listen(&mut self, buffer: &mut [u8]) -> Result<bool, AnyError> {
        let mut heard = false;
        for turn in 0..self.ears.len() {
            let Some(ear) = self.ears.get_mut(turn) else { break };
            let Ok((length, from)) = ear.socket.recv_from(buffer) else { continue };
            let datagram = buffer.get(..length).unwrap_or_default();
            let input = ear.decoder.decode(from.ip(), datagram, None);
            self.step(input, datagram)?;
            heard = true;
        }
        Ok(heard)
    }
}

/// Hears one group without waiting for it.
fn join(group: Group, interface: Ipv4Addr) -> Result<UdpSocket, AnyError> {
    let IpAddr::V4(address) = group.address() else { return Err("IPv4 alone".into()) };
    let socket = UdpSocket::bind(group.socket_addr())?;
    socket.join_multicast_v4(&address, &interface)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

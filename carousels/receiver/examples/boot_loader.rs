//! How a boot loader drives the session itself: own socket, own flash, nothing of feature `io`.
//!
//! ```text
//! cargo run --no-default-features --example boot_loader -- \
//!     239.255.2.11:22222 software 192.0.2.7 239.255.2.3:22223
//! ```
//!
//! The arguments are group, object name, the address of the interface to listen on, and where there is
//! one the announce group: with it the image is verified and lost datagrams are repaired.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::ops::Range;
use std::time::{Duration, Instant};

use stbcast_infocast::Name;
use stbcast_object::Group;
use stbcast_receiver::{
    Area, Event, Fetch, FetchOptions, GroupDecoder, Input, Output, Recovered, Recoverer, Recovery,
    RecoveryAreas, Role, Storage, Target, drive,
};

/// A flash in memory: the active image, and the areas in which the next one is received.
#[derive(Default)]
struct Flash {
    active: Vec<u8>,
    slot: Vec<u8>,
    scratch: Vec<u8>,
    parking: Vec<u8>,
    repair: Vec<u8>,
    recoverer: Recoverer,
}

/// Longest datagram there is.
const DATAGRAM_BYTES: usize = 65_535;

type AnyError = Box<dyn Error>;

type Done = Result<(), &'static str>;

impl Flash {
    fn area(&mut self, area: Area) -> &mut Vec<u8> {
        match area {
            Area::Slot => &mut self.slot,
            Area::Scratch => &mut self.scratch,
            Area::Parking => &mut self.parking,
            Area::Repair => &mut self.repair,
        }
    }
}

impl Storage for Flash {
    type Error = &'static str;

    fn begin(&mut self, _role: Role, _version: Option<&str>) -> Done {
        *self = Self { active: std::mem::take(&mut self.active), ..Self::default() };
        Ok(())
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Done {
        put(self.area(area), offset, bytes)
    }

    fn read(&mut self, area: Area, offset: u64, length: u64, into: &mut Vec<u8>) -> Done {
        let bytes = self.area(area).get(offset as usize..(offset + length) as usize);
        into.extend_from_slice(bytes.ok_or("outside")?);
        Ok(())
    }

    fn sync(&mut self, length: u64) -> Done {
        self.slot.truncate(length as usize);
        Ok(())
    }

    fn commit(&mut self) -> Done {
        self.active = std::mem::take(&mut self.slot);
        Ok(())
    }

    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, &'static str> {
        let mut areas = Areas { slot: &mut self.slot, repair: &self.repair };
        let outcome = self.recoverer.run(&recovery, &mut areas)?;
        Ok(Some(Recovered { id: recovery.id, outcome }))
    }
}

/// What a recovery works on.
struct Areas<'a> {
    slot: &'a mut Vec<u8>,
    repair: &'a [u8],
}

impl RecoveryAreas for Areas<'_> {
    type Error = &'static str;

    fn read_slot(&mut self, offset: u64, into: &mut [u8]) -> Done {
        fill(self.slot, offset, into)
    }

    fn read_repair(&mut self, offset: u64, into: &mut [u8]) -> Done {
        fill(self.repair, offset, into)
    }

    fn write_slot(&mut self, offset: u64, bytes: &[u8]) -> Done {
        put(self.slot, offset, bytes)
    }
}

fn fill(area: &[u8], offset: u64, into: &mut [u8]) -> Done {
    let end = offset as usize + into.len();
    into.copy_from_slice(area.get(offset as usize..end).ok_or("outside")?);
    Ok(())
}

fn put(area: &mut Vec<u8>, offset: u64, bytes: &[u8]) -> Done {
    let end = offset as usize + bytes.len();
    area.resize(area.len().max(end), 0);
    area.get_mut(offset as usize..end).ok_or("outside")?.copy_from_slice(bytes);
    Ok(())
}

/// A group that is joined.
struct Ear {
    decoder: GroupDecoder,
    socket: UdpSocket,
}

/// The box: what it runs, and what it has.
struct Stb {
    session: Fetch<Range<usize>>,
    flash: Flash,
    ears: Vec<Ear>,
    interface: Ipv4Addr,
    began: Instant,
    last: Option<Event>,
}

impl Stb {
    /// Hands an input in and does what the session wants.
    fn step(&mut self, input: Input<'_, Range<usize>>, datagram: &[u8]) -> Result<(), AnyError> {
        let (mut moves, now) = (Vec::new(), self.began.elapsed().into());
        let shell = &mut |output| match output {
            Output::Event(event) => self.last = Some(event),
            output => moves.push(output),
        };
        drive(&mut self.session, &mut self.flash, now, input, datagram, shell)?;
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

fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: boot_loader GROUP:PORT NAME INTERFACE [ANNOUNCE_GROUP:PORT]";
    let mut argument = || arguments.next().ok_or(usage);
    let group = Group::parse(&argument()?, None)?;
    let name = Name::new(&argument()?)?;
    let interface: Ipv4Addr = argument()?.parse()?;
    let announce = argument().ok().map(|group| Group::parse(&group, None)).transpose()?;

    let options = FetchOptions { announce, ..FetchOptions::default() };
    let session = Fetch::new(Target::infocast(group, name), options);
    let (flash, ears, began) = (Flash::default(), Vec::new(), Instant::now());
    let mut stb = Stb { session, flash, ears, interface, began, last: None };
    let mut buffer = vec![0; DATAGRAM_BYTES];
    while !stb.session.is_over() {
        if !stb.listen(&mut buffer)? {
            std::thread::sleep(Duration::from_millis(1));
        }
        let now = began.elapsed().into();
        if stb.session.wake_at().is_some_and(|at| at <= now) {
            stb.step(Input::Wake, &[])?;
        }
    }
    match stb.last {
        Some(Event::Complete { length, .. }) => {
            let held = stb.flash.active.len();
            println!("installed {name}: {length} bytes, the flash holds {held}");
            Ok(())
        }
        Some(Event::Failed(error)) => Err(error.into()),
        _ => Err("the session said nothing".into()),
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

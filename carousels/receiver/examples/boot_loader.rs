//! How a boot loader drives the session itself: own socket, own flash, nothing of feature `io`.
//!
//! ```text
//! cargo run --no-default-features --example boot_loader -- 239.255.2.11:22222 software 192.0.2.7
//! ```
//!
//! The arguments are group, object name and the address of the interface to listen on.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use stbcast_infocast::{Name, Packet};
use stbcast_object::Group;
use stbcast_receiver::{
    Area, ChannelDecoder, Event, Fetch, FetchOptions, Input, Output, Role, Storage, Target, drive,
};

/// A flash in memory: the active image, and the areas in which the next one is received.
#[derive(Default)]
struct Flash {
    active: Vec<u8>,
    slot: Vec<u8>,
    scratch: Vec<u8>,
    parking: Vec<u8>,
    repair: Vec<u8>,
}

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
        let (area, start) = (self.area(area), offset as usize);
        let end = start + bytes.len();
        area.resize(area.len().max(end), 0);
        area.get_mut(start..end).ok_or("outside")?.copy_from_slice(bytes);
        Ok(())
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
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().ok_or("usage: boot_loader GROUP:PORT NAME INTERFACE");
    let group: SocketAddrV4 = argument()?.parse()?;
    let name = Name::new(&argument()?)?;
    let interface: Ipv4Addr = argument()?.parse()?;

    let target = Target::infocast(Group::new((*group.ip()).into(), group.port())?, name);
    let mut session = Fetch::new(target, FetchOptions::default());
    let mut flash = Flash::default();
    let mut decoder = ChannelDecoder::default();
    let (mut socket, mut wanted, mut outcome) = (None::<UdpSocket>, false, None);
    let mut datagram = vec![0; Packet::BYTES_MAX + 1];
    let began = Instant::now();

    while !session.is_over() {
        let received = socket.as_ref().and_then(|s| s.recv_from(&mut datagram).ok());
        let bytes = datagram.get(..received.map_or(0, |(bytes, _)| bytes)).unwrap_or_default();
        let input = match received.map(|(_, from)| decoder.decode(from.ip(), bytes)) {
            None => Input::Wake,
            Some(Ok(arrival)) => Input::Arrival(arrival),
            Some(Err(reject)) => Input::Rejected(bytes.len(), reject.into()),
        };
        let now = began.elapsed().into();
        drive(&mut session, &mut flash, now, input, bytes, &mut |output| match output {
            Output::Join { .. } => wanted = true,
            Output::Leave { .. } => (wanted, socket) = (false, None),
            Output::Event(event) => outcome = Some(event),
            _ => {}
        })?;
        if wanted && socket.is_none() {
            socket = Some(join(group, interface)?);
        }
    }
    match outcome {
        Some(Event::Complete { length, .. }) => {
            println!("installed {name}: {length} bytes, the flash holds {}", flash.active.len());
            Ok(())
        }
        Some(Event::Failed(error)) => Err(error.into()),
        _ => Err("the session said nothing".into()),
    }
}

/// Hears one group; a read gives up after a tenth of a second, so that the session is woken.
fn join(group: SocketAddrV4, interface: Ipv4Addr) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(group)?;
    socket.join_multicast_v4(group.ip(), &interface)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    Ok(socket)
}

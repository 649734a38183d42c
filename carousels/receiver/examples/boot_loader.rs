//! How a boot loader drives the session itself: own socket, own flash, nothing of feature `io`.
//!
//! ```text
//! cargo run --no-default-features --example boot_loader -- \
//!     239.255.2.11:22222 software 192.0.2.7 239.255.2.3:22223
//! ```
//!
//! The arguments are group, object name, the address of the interface to listen on, and where there is
//! one the announce group: with it the image is verified and lost datagrams are repaired.

use std::net::Ipv4Addr;

use radio::AnyError;
use stbcast_infocast::Name;
use stbcast_object::Group;
use stbcast_receiver::{
    Area, Event, Fetch, FetchOptions, Recovered, Recoverer, Recovery, RecoveryAreas, Role, Storage,
    Target,
};

mod radio;

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

fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: boot_loader GROUP:PORT NAME INTERFACE [ANNOUNCE_GROUP:PORT]";
    let mut argument = || arguments.next().ok_or(usage);
    let group = Group::parse(&argument()?, None)?;
    let name = Name::new(&argument()?)?;
    let interface: Ipv4Addr = argument()?.parse()?;
    let announce = argument().ok().map(|group| Group::parse(&group, None)).transpose()?;

    let options = FetchOptions { announce, ..FetchOptions::default() };
    let mut session = Fetch::new(Target::infocast(group, name), options);
    let (mut flash, mut last) = (Flash::default(), None);
    radio::run(&mut session, &mut flash, interface, &mut |event| last = Some(event))?;
    match last {
        Some(Event::Complete { length, .. }) => {
            let held = flash.active.len();
            println!("installed {name}: {length} bytes, the flash holds {held}");
            Ok(())
        }
        Some(Event::Failed(error)) => Err(error.into()),
        _ => Err("the session said nothing".into()),
    }
}

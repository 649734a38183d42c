//! Other sessions: FLUTE carousels of ours and of the crate `flute`, an announce session alone.

use std::collections::VecDeque;
use std::time::{Instant, SystemTime};

use stbcast_flute::fdt::{File, toi_candidates};
use stbcast_flute::{AnnounceSession, CarouselSettings, FdtSettings, Fti, Step};
use stbcast_object::Group;

use super::Air;
use super::headend::{Clock, Weather, gather};
use super::image::{Groups, Image, TSI};

/// The announce session of a line-up that is not on air.
pub fn announce(groups: &Groups, image: &Image) -> Air {
    let (clock, group) = (Clock(Instant::now()), groups.announce);
    let files = vec![image.file(groups)];
    let mut session = AnnounceSession::new(FdtSettings::new(1), files, clock.now().1).unwrap();
    Air::steps(move || {
        let (now, wall) = clock.now();
        match session.next(now, wall) {
            Step::Fdt(bytes) => Some((group, bytes)),
            _ => None,
        }
    })
}

/// A FLUTE carousel of ours with this object, without a code where it has none.
pub fn flute_carousel(group: Group, image: &Image, mut weather: Weather) -> Air {
    let sha256 = image.sha256();
    let location = format!("flute://{group}/{}", image.name);
    let mut file = File::new(&location, toi_candidates(&sha256).next().unwrap()).unwrap();
    file.sha256 = Some(sha256);
    let fti = match image.geometry() {
        Some(geometry) => Fti::of_geometry(geometry),
        None => {
            let scheme = stbcast_flute::Scheme::NoCode { block_symbols: 64 };
            Fti::new(scheme, image.bytes.len() as u64, 1_400).unwrap()
        }
    };
    let (entry, store) = image.flute(file.with_fti(fti), (0, 1), 20);
    let stores = [image.bytes.clone(), store];
    let clock = Clock(Instant::now());
    let settings = CarouselSettings::new(TSI, 100_000_000);
    let mut carousel = stbcast_flute::Carousel::new(settings, vec![entry], clock.now().1).unwrap();
    Air::steps(move || {
        let (now, wall) = clock.now();
        match carousel.next(now, wall) {
            Step::Fdt(bytes) => Some((group, bytes)),
            Step::Datagram(datagram) => {
                (!weather.loses()).then(|| (group, gather(&datagram, &stores)))
            }
            Step::CycleEnd | Step::Idle { .. } => None,
        }
    })
}

/// A carousel of the crate `flute` with this object under a name of its own.
pub fn foreign_carousel(group: Group, location: &str, oti: flute::core::Oti, bytes: &[u8]) -> Air {
    use flute::core::UDPEndpoint;
    use flute::sender::{CarouselRepeatMode, Config, ObjectDesc, Sender, TransferConfig};
    let config = TransferConfig {
        max_transfer_count: 1_000_000,
        carousel_mode: Some(CarouselRepeatMode::DelayBetweenTransfers(Default::default())),
        ..TransferConfig::default()
    };
    let url = location.parse().unwrap();
    let kind = "application/octet-stream";
    let object = ObjectDesc::create_from_buffer(bytes.to_vec(), kind, &url, true, config).unwrap();
    let endpoint = UDPEndpoint::new(None, group.address().to_string(), group.port());
    let mut sender = Sender::new(endpoint, 1, &oti, &Config::default());
    let mut queue = VecDeque::new();
    sender.add_object(0, object).unwrap();
    sender.publish(SystemTime::now()).unwrap();
    Air::steps(move || {
        if queue.is_empty() {
            queue.extend(sender.read(SystemTime::now()));
        }
        queue.pop_front().map(|bytes| (group, bytes))
    })
}

//! One joined group: datagrams in, inputs of a session out.

use alloc::boxed::Box;
use alloc::string::String;
use core::net::IpAddr;
use core::ops::Range;

use stbcast_flute::fdt::File;
use stbcast_flute::{Event, ObjectKey, Received, Session, Symbol};
use stbcast_object::{Group, Micros};

use crate::target::names;
use crate::{Announcement, ChannelDecoder, Input, Listen, Reject, SymbolArrival};

/// Turns the datagrams of one group into inputs. Made from what
/// [`Output::Join`](crate::Output::Join) says. Its memory is bounded whatever arrives.
#[derive(Clone, Debug)]
pub struct GroupDecoder {
    group: Group,
    source: Option<IpAddr>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Slices(Box<ChannelDecoder>),
    Flute(Box<Flute>),
}

impl GroupDecoder {
    /// A decoder that knows nothing yet. It learns from `source` alone, where one is pinned.
    pub fn new(group: Group, source: Option<IpAddr>, listen: &Listen) -> Self {
        let kind = match listen {
            Listen::Slices => Kind::Slices(Box::new(ChannelDecoder::new(source))),
            Listen::Flute { location, tsi } => Kind::Flute(Box::new(Flute {
                session: Session::new(tsi.map(u64::from)),
                location: location.clone(),
                told: None,
            })),
        };
        Self { group, source, kind }
    }

    /// The group.
    pub const fn group(&self) -> Group {
        self.group
    }

    /// Decodes one datagram. Payload handles are ranges of `bytes`; [`Input::within`] moves them.
    /// `wall` is the time since the Unix epoch, where the box knows it: without it the senders'
    /// clocks decide which descriptions have expired.
    pub fn decode(
        &mut self,
        from: IpAddr,
        bytes: &[u8],
        wall: Option<Micros>,
    ) -> Input<'static, Range<usize>> {
        match &mut self.kind {
            Kind::Slices(decoder) => match decoder.decode(from, bytes) {
                Ok(arrival) => Input::Arrival(arrival),
                Err(reject) => Input::Rejected(bytes.len(), reject.into()),
            },
            Kind::Flute(_) if self.source.is_some_and(|source| source != from) => {
                Input::Rejected(bytes.len(), Reject::WrongSource)
            }
            Kind::Flute(flute) => flute.decode(self.group, from, bytes, wall),
        }
    }
}

/// A FLUTE session heard for the sake of one object.
#[derive(Clone, Debug)]
struct Flute {
    session: Session,
    location: String,
    /// What was announced last.
    told: Option<(ObjectKey, Announcement)>,
}

impl Flute {
    fn decode(
        &mut self,
        group: Group,
        from: IpAddr,
        bytes: &[u8],
        wall: Option<Micros>,
    ) -> Input<'static, Range<usize>> {
        let heard = Input::Heard { group, bytes: bytes.len() };
        let announced = match self.session.push(from, bytes, wall) {
            Err(reject) => return Input::Rejected(bytes.len(), reject.into()),
            Ok(Event::FdtPart | Event::Closed { .. }) => return heard,
            Ok(Event::Symbol(received)) => {
                let file = self.session.table().get(received.key).map(|known| &known.file);
                let named = file.map(|file| names(&self.location, file.location.as_str()));
                match (named, file) {
                    // Another object of this session.
                    (Some(false), _) => return heard,
                    // The FDT left out how the object is coded; its symbols say it.
                    (Some(true), Some(file)) if self.lacks_code(received.key) => {
                        let file = file.clone().with_fti(received.fti);
                        self.announce(received.key, &file)
                    }
                    (named, _) => {
                        let of_location = named == Some(true);
                        let arrival = arrival(group, from, bytes.len(), received, of_location);
                        return Input::Symbol(arrival);
                    }
                }
            }
            Ok(Event::Described(_)) => {
                let Some((key, file)) = self.newest() else { return heard };
                let file = file.clone();
                self.announce(key, &file)
            }
        };
        match announced {
            Ok(None) => heard,
            Ok(Some(announcement)) => Input::Announced { group, bytes: bytes.len(), announcement },
            Err(reject) => Input::Rejected(bytes.len(), reject),
        }
    }

    /// The description of the wanted object that came last.
    fn newest(&self) -> Option<(ObjectKey, &File)> {
        let of_location = self
            .session
            .table()
            .iter()
            .filter(|(_, known)| names(&self.location, known.file.location.as_str()));
        let newest = of_location.max_by_key(|(_, known)| (known.sequence, known.expires_unix_s));
        newest.map(|(key, known)| (key, &known.file))
    }

    /// What is to be told of a description: nothing, where it is known.
    fn announce(
        &mut self,
        key: ObjectKey,
        file: &File,
    ) -> Result<Option<Box<Announcement>>, Reject> {
        let announcement = Announcement::of(file)?;
        let known = self.told.as_ref().filter(|(known, _)| *known == key);
        // What its symbols said of the code is not taken back by an FDT that says less.
        let silent =
            file.fti.is_none() && known.is_some_and(|(_, told)| told.symbol_bytes.is_some());
        if silent || known.is_some_and(|(_, told)| *told == announcement) {
            return Ok(None);
        }
        self.told = Some((key, announcement.clone()));
        Ok(Some(Box::new(announcement)))
    }

    /// Whether the description told last is of this object and says nothing of its code.
    fn lacks_code(&self, key: ObjectKey) -> bool {
        let told = self.told.as_ref().filter(|(told, _)| *told == key);
        told.is_some_and(|(_, announcement)| announcement.symbol_bytes.is_none())
    }
}

fn arrival(
    group: Group,
    from: IpAddr,
    datagram_bytes: usize,
    received: Received<'_>,
    of_location: bool,
) -> SymbolArrival<Range<usize>> {
    let carried = received.bytes.len();
    // The last source symbol may be filled up with zeros, which are not of the object.
    let bytes = match received.symbol {
        Symbol::Source { index } => {
            let range = received.fti.source_range(index);
            usize::try_from(range.end - range.start).map_or(carried, |own| own.min(carried))
        }
        Symbol::Repair { .. } => carried,
    };
    SymbolArrival {
        from,
        group,
        datagram_bytes,
        toi: received.key.toi,
        geometry: received.fti.geometry(),
        symbol: received.symbol,
        length: u32::try_from(bytes).unwrap_or(u32::MAX),
        payload: received.start..received.start.saturating_add(bytes),
        of_location,
    }
}

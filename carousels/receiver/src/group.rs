//! One joined group: datagrams in, inputs of a session out.

use alloc::boxed::Box;
use alloc::string::String;
use core::net::IpAddr;
use core::ops::Range;

use stbcast_flute::fdt::File;
use stbcast_flute::{Event, Fti, ObjectKey, Received, Scheme, Session, Symbol};
use stbcast_object::{Group, Micros};

use crate::limits::STATEMENT_BYTES_MAX;
use crate::target::names;
use crate::{Announcement, ChannelDecoder, Input, Listen, MagDecoder, Reject, SymbolArrival};

/// Turns the datagrams of one group into inputs. Made from what
/// [`Output::Join`](crate::Output::Join) says. Its memory is bounded whatever arrives.
#[derive(Clone, Debug)]
pub struct GroupDecoder {
    group: Group,
    source: Option<IpAddr>,
    listen: Listen,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Slices(Box<ChannelDecoder>),
    Mag(MagDecoder),
    Flute(Box<Flute>),
}

impl GroupDecoder {
    /// A decoder that knows nothing yet. It learns from `source` alone, where one is pinned.
    pub fn new(group: Group, source: Option<IpAddr>, listen: &Listen) -> Self {
        let kind = match listen {
            Listen::Slices => Kind::Slices(Box::new(ChannelDecoder::new(source))),
            Listen::Mag => Kind::Mag(MagDecoder::default()),
            Listen::Flute { location, tsi, statements, expected } => {
                let session = Session::new(tsi.map(u64::from));
                let is_self_described = *statements || *expected;
                Kind::Flute(Box::new(Flute {
                    session: if is_self_described { session.self_described() } else { session },
                    location: location.clone(),
                    statements: *statements,
                    expected: *expected,
                    told: None,
                }))
            }
        };
        Self { group, source, listen: listen.clone(), kind }
    }

    /// Whether it was made for just this. One that is goes on where it was when the group is joined
    /// again: what it has learned still holds.
    pub fn is_for(&self, group: Group, source: Option<IpAddr>, listen: &Listen) -> bool {
        (self.group, self.source, &self.listen) == (group, source, listen)
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
            Kind::Mag(_) | Kind::Flute(_) if self.source.is_some_and(|source| source != from) => {
                Input::Rejected(bytes.len(), Reject::WrongSource)
            }
            Kind::Mag(decoder) => match decoder.decode(from, bytes) {
                Ok(Some(arrival)) => Input::Arrival(arrival),
                Ok(None) => Input::Heard { group: self.group, bytes: bytes.len() },
                Err(reject) => Input::Rejected(bytes.len(), reject.into()),
            },
            Kind::Flute(flute) => {
                flute.decode(Frame { from, group: self.group, bytes: bytes.len() }, bytes, wall)
            }
        }
    }
}

/// What was announced last.
#[derive(Clone, Debug)]
struct Told {
    key: ObjectKey,
    announcement: Announcement,
    /// How the object is coded, by the FDT or, where that says nothing, by the first symbol.
    fti: Option<Fti>,
}

/// A datagram without its content.
#[derive(Clone, Copy)]
struct Frame {
    from: IpAddr,
    group: Group,
    bytes: usize,
}

/// What a datagram brings for the object.
enum News {
    Announced(Box<Announcement>),
    Symbol(SymbolArrival<Range<usize>>),
    /// A whole object of one symbol.
    Statement(Box<[u8]>),
}

/// A FLUTE session heard for the sake of one object.
#[derive(Clone, Debug)]
struct Flute {
    session: Session,
    location: String,
    statements: bool,
    expected: bool,
    told: Option<Told>,
}

impl Flute {
    fn decode(
        &mut self,
        frame: Frame,
        datagram: &[u8],
        wall: Option<Micros>,
    ) -> Input<'static, Range<usize>> {
        let news = match self.session.push(frame.from, datagram, wall) {
            Err(reject) => Err(reject.into()),
            Ok(Event::FdtPart | Event::Closed { .. }) => Ok(None),
            Ok(Event::Described(_)) => self.on_described(),
            Ok(Event::Symbol(received)) if self.statements && is_statement(&received) => {
                Ok(Some(News::Statement(received.bytes.into())))
            }
            Ok(Event::Symbol(received)) => self.on_symbol(frame, received),
        };
        let Frame { group, bytes, .. } = frame;
        match news {
            Ok(None) => Input::Heard { group, bytes },
            Ok(Some(News::Announced(announcement))) => {
                Input::Announced { group, bytes, announcement }
            }
            Ok(Some(News::Symbol(symbol))) => Input::Symbol(symbol),
            Ok(Some(News::Statement(bytes))) => {
                Input::Statement { bytes, heard: self.session.told_unix_s() }
            }
            Err(reject) => Input::Rejected(bytes, reject),
        }
    }

    fn on_described(&mut self) -> Result<Option<News>, Reject> {
        let Some((key, file)) = self.newest() else { return Ok(None) };
        let file = file.clone();
        self.announce(key, &file)
    }

    fn on_symbol(&mut self, frame: Frame, received: Received<'_>) -> Result<Option<News>, Reject> {
        let file = self.session.table().get(received.key).map(|known| &known.file);
        let named = file.map(|file| names(&self.location, file.location.as_str()));
        let told = self.told.as_ref().filter(|told| told.key == received.key);
        if self.expected {
            return Ok(Some(News::Symbol(arrival(frame, received, named == Some(true)))));
        }
        match (named, file, told.map(|told| told.fti)) {
            // Another object of this session.
            (Some(false), ..) => Ok(None),
            // The FDT leaves out how the object is coded; its symbols say it.
            (Some(true), Some(file), Some(None)) => {
                let file = file.clone().with_fti(received.fti);
                self.announce(received.key, &file)
            }
            (_, _, Some(Some(told))) if told != received.fti => {
                Err(stbcast_flute::Reject::Contradiction.into())
            }
            _ => Ok(Some(News::Symbol(arrival(frame, received, named == Some(true))))),
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
    fn announce(&mut self, key: ObjectKey, file: &File) -> Result<Option<News>, Reject> {
        let announcement = Announcement::of(file)?;
        if let Some(told) = self.told.as_ref().filter(|told| told.key == key) {
            // What its symbols said of the code is not taken back by an FDT that says less.
            let is_silent = file.fti.is_none() && told.fti.is_some();
            if is_silent || told.announcement == announcement {
                return Ok(None);
            }
        }
        let told = announcement.clone();
        self.told = Some(Told { key, announcement: told, fti: file.fti });
        Ok(Some(News::Announced(Box::new(announcement))))
    }
}

/// Whether a symbol is a whole object that could be a statement. Whether a session describes it says
/// nothing of it: its signature does.
fn is_statement(received: &Received<'_>) -> bool {
    let bytes = received.bytes.len();
    matches!(received.fti.scheme(), Scheme::NoCode { .. })
        && received.symbol == (Symbol::Source { index: 0 })
        && (1..=STATEMENT_BYTES_MAX).contains(&bytes)
        && received.fti.transfer_bytes() == bytes as u64
}

fn arrival(frame: Frame, received: Received<'_>, of_location: bool) -> SymbolArrival<Range<usize>> {
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
        from: frame.from,
        group: frame.group,
        datagram_bytes: frame.bytes,
        toi: received.key.toi,
        geometry: received.fti.geometry(),
        symbol: received.symbol,
        length: u32::try_from(bytes).unwrap_or(u32::MAX),
        payload: received.start..received.start.saturating_add(bytes),
        of_location,
    }
}

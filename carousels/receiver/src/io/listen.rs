//! What a channel carries, learned by listening to it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use stbcast_infocast::Name;
use stbcast_object::{Group, Micros};

use super::record::Recorder;
use super::run::Ticker;
use super::summary::rejected;
use super::{
    Batch, Clock, Datagram, Interface, IoError, Moment, Observer, ReceiveFigures, Receiver, Trouble,
};
use crate::{Census, ImageRecord, ObjectRecord, Target};

/// What to listen to, and how long.
#[derive(Clone, Debug)]
pub struct ListenRequest {
    /// The channel.
    pub group: Group,
    /// Where to listen; the system decides, when `None`.
    pub interface: Option<Interface>,
    /// The only sender listened to; any, when `None`.
    pub source: Option<IpAddr>,
    /// How long.
    pub span: Micros,
    /// A capture file that keeps every datagram.
    pub record: Option<PathBuf>,
    /// Ends listening when it becomes true; what was heard until then counts.
    pub stop: Arc<AtomicBool>,
}

impl ListenRequest {
    /// A request that listens for ten seconds.
    pub fn new(group: Group) -> Self {
        let (interface, source, record) = (None, None, None);
        let span = Micros::from_secs(10);
        Self { group, interface, source, span, record, stop: Arc::default() }
    }
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListenSummary {
    /// The channel.
    pub group: String,
    /// How long it was listened to.
    pub seconds: f64,
    /// Datagrams heard.
    pub datagrams: u64,
    /// Their UDP payload in bytes.
    pub datagram_bytes: u64,
    /// Mean bit rate over the whole time in bits of IP per second.
    pub bit_rate_bps: u64,
    /// The objects by name.
    pub objects: Vec<ListedObject>,
    /// Datagrams refused, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Packets of names beyond those kept apart.
    pub other_names: u64,
    /// How datagrams were taken from the kernel.
    #[serde(flatten)]
    pub receive: ReceiveFigures,
}

/// One object of a channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListedObject {
    /// Its name, bytes that are not plain ASCII escaped; of the image of a MAG channel, which has none,
    /// its URL.
    pub name: String,
    /// Object type, as a word where there is one.
    #[serde(rename = "type")]
    pub object_type: String,
    /// Precoding, as a word where there is one.
    pub precoding: String,
    /// Slices it has.
    pub slices: u32,
    /// Bytes of each slice but the last; `None` when they differ or too few were heard.
    pub slice_bytes: Option<u32>,
    /// Length in bytes, once it can be known.
    pub bytes: Option<u64>,
    /// Mean seconds from one pass to the next, once a slice came twice.
    pub cycle_seconds: Option<f64>,
    /// Mean bit rate over the whole time in bits of IP per second.
    pub bit_rate_bps: u64,
    /// Datagrams heard.
    pub datagrams: u64,
    /// Times its content changed.
    pub changes: u64,
    /// Who sends it.
    pub senders: Vec<IpAddr>,
    /// The check learned from its trailers.
    pub check: Option<String>,
    /// Its serial number, on a MAG channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<u16>,
    /// What a MAG channel says of it to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Listens to a channel until the time is up or the stop flag is set.
///
/// # Errors
/// When the group cannot be joined, the recording cannot be written, or nothing was heard.
pub fn listen(
    request: &ListenRequest,
    observer: &mut dyn Observer,
) -> Result<ListenSummary, IoError> {
    let ListenRequest { group, source, span, .. } = *request;
    super::same_family(group, source)?;
    let mut recorder = request.record.as_deref().map(Recorder::create).transpose()?;
    let mut receiver = Receiver::join(group, source, request.interface.as_ref())?;
    if receiver.buffer().is_short() {
        observer.trouble(&Trouble::ReceiveBuffer(receiver.buffer()));
    }
    let clock = Clock::start();
    let mut census = Census::default();
    let mut batch = Batch::default();
    let mut ticker = Ticker::default();
    let mut tick = |census: &Census| {
        if let Some(at) = ticker.tick(clock.now()) {
            observer.tick(&Moment { at, stats: *census.stats(), ..Moment::default() });
        }
    };
    let stopped = || request.stop.load(Ordering::Relaxed);
    while clock.now() < span && !stopped() {
        let heard = receiver.recv(&mut batch, &clock);
        heard.map_err(|error| IoError::Receive { group, error })?;
        for Datagram { from, at, range } in batch.datagrams().take_while(|_| !stopped()) {
            // IPv6 joins are for any source, and a source-specific join may be emulated.
            if source.is_some_and(|pinned| pinned != from.ip()) {
                continue;
            }
            let datagram = batch.bytes().get(range).unwrap_or_default();
            census.observe(at, from.ip(), datagram, group.ip_udp_bytes());
            if let Some(recorder) = &mut recorder {
                recorder.add(clock.wall_at(at), from, group, datagram)?;
            }
            tick(&census);
        }
        tick(&census);
    }
    recorder.map_or(Ok(()), Recorder::finish)?;
    let mut receive = ReceiveFigures::default();
    receive.add(&receiver);
    summarize(&census, group, clock.now(), receive)
}

fn summarize(
    census: &Census,
    group: Group,
    span: Micros,
    receive: ReceiveFigures,
) -> Result<ListenSummary, IoError> {
    let stats = census.stats();
    if stats.datagrams == 0 {
        return Err(IoError::Nothing { group, seconds: span.as_secs_f64() });
    }
    Ok(ListenSummary {
        group: group.to_string(),
        seconds: span.as_secs_f64(),
        datagrams: stats.datagrams,
        datagram_bytes: stats.bytes,
        bit_rate_bps: census.bit_rate_bps(span),
        objects: objects(census, group, span),
        rejected: rejected(stats),
        other_names: census.other_names(),
        receive,
    })
}

fn objects(census: &Census, group: Group, span: Micros) -> Vec<ListedObject> {
    let image = census.image().map(|image| listed_image(census, image, group, span));
    let objects = census.objects().map(|(name, object)| listed(name, object, span));
    image.into_iter().chain(objects).collect()
}

/// Mean bit rate over a span.
fn bit_rate_bps(ip_bytes: u64, span: Micros) -> u64 {
    let bits = u128::from(ip_bytes) * 8_000_000 / u128::from(span.0.max(1));
    u64::try_from(bits).unwrap_or(u64::MAX)
}

fn listed_image(census: &Census, image: &ImageRecord, group: Group, span: Micros) -> ListedObject {
    ListedObject {
        name: Target::Mag { group }.to_string(),
        object_type: "mag".to_owned(),
        precoding: "none".to_owned(),
        slices: image.revision.packets(),
        slice_bytes: Some(u32::from(image.revision.packet_bytes.get())),
        bytes: Some(u64::from(image.revision.length)),
        cycle_seconds: image.cycle().map(Micros::as_secs_f64),
        bit_rate_bps: bit_rate_bps(image.ip_bytes, span),
        datagrams: image.datagrams,
        changes: image.changes,
        senders: image.senders.to_vec(),
        check: None,
        serial: Some(image.revision.serial),
        description: census.description(),
    }
}

fn listed(name: &Name, object: &ObjectRecord, span: Micros) -> ListedObject {
    ListedObject {
        name: name.to_string(),
        object_type: object.revision.object_type.to_string(),
        precoding: object.revision.precoding.to_string(),
        slices: object.revision.total,
        slice_bytes: object.slice_bytes,
        bytes: object.length(),
        cycle_seconds: object.cycle().map(Micros::as_secs_f64),
        bit_rate_bps: bit_rate_bps(object.ip_bytes, span),
        datagrams: object.datagrams,
        changes: object.changes,
        senders: object.senders.to_vec(),
        check: object.check.map(|check| check.to_string()),
        serial: None,
        description: None,
    }
}

//! The ways of a boot: bootcast, TFTP, what is held, HTTP, in the order the box was told.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod common;

use std::collections::BTreeMap;
use std::ops::Range;

use common::{SENDER, Sent, group, name};
use stbcast_bootcast::stbconfig::PermanentParams;
use stbcast_bootcast::{Host, HttpUrl, Order, Part, Protocol};
use stbcast_object::{Group, Micros};
use stbcast_receiver::{
    Answer, Boot, BootOptions, BootReport, ChannelDecoder, ControlOutcome, Event, FetchError,
    HttpBoot, Input, MemoryStorage, Orders, Output, PartOutcome, Request, Role, TftpBoot,
    UnicastError, drive,
};

const ID: &str = "arris-vip1113";

/// A box, and a network that has what is put into it; whatever is not there is silent or refused.
struct Lab {
    boot: Boot<Range<usize>>,
    storage: MemoryStorage,
    now: Micros,
    joined: Option<Group>,
    requests: Vec<Request>,
    events: Vec<Event>,
    channels: BTreeMap<Group, Sent>,
    /// URLs without their queries.
    pages: BTreeMap<String, Vec<u8>>,
}

impl Lab {
    fn new(options: BootOptions) -> Self {
        Self {
            boot: Boot::new(options),
            storage: MemoryStorage::default(),
            now: Micros::from_secs(1),
            joined: None,
            requests: Vec::new(),
            events: Vec::new(),
            channels: BTreeMap::new(),
            pages: BTreeMap::new(),
        }
    }

    fn channel(mut self, last: u8, name: &'static str, bytes: &[u8]) -> Self {
        self.channels.insert(group(last), Sent::equal(name, bytes, 256));
        self
    }

    fn page(mut self, url: &str, bytes: &[u8]) -> Self {
        self.pages.insert(url.to_owned(), bytes.to_vec());
        self
    }

    fn input(&mut self, input: Input<'_, Range<usize>>, bytes: &[u8]) -> Option<Request> {
        let (joined, events, mut asked) = (&mut self.joined, &mut self.events, None);
        let shell = &mut |output| match output {
            Output::Join { group, .. } => drop(joined.replace(group)),
            Output::Leave { .. } => *joined = None,
            Output::Event(event) => events.push(event),
            Output::Request(request) => asked = Some(request),
            Output::CancelRequest { .. } => asked = None,
            other => panic!("not for a shell: {other:?}"),
        };
        drive(&mut self.boot, &mut self.storage, self.now, input, bytes, shell).unwrap();
        asked
    }

    /// Plays until the boot is over.
    fn run(mut self) -> Self {
        let mut asked = self.input(Input::Wake, &[]);
        for _ in 0..200 {
            if self.boot.is_over() {
                return self;
            }
            asked = match asked {
                Some(request) => self.serve(request),
                None => match self.joined.and_then(|group| self.channels.get(&group)).cloned() {
                    Some(sent) => self.send(&sent),
                    None => {
                        self.now = self.boot.wake_at().expect("it waits for something");
                        self.input(Input::Wake, &[])
                    }
                },
            };
        }
        panic!("the boot does not end: {:?}", self.events);
    }

    fn send(&mut self, sent: &Sent) -> Option<Request> {
        let (joined, mut decoder) = (self.joined, ChannelDecoder::default());
        for datagram in sent.pass() {
            self.now = self.now.after(Micros::from_millis(1));
            let arrival = decoder.decode(SENDER, &datagram).unwrap();
            let asked = self.input(Input::Arrival(arrival), &datagram);
            if asked.is_some() || self.joined != joined || self.boot.is_over() {
                return asked;
            }
        }
        None
    }

    fn serve(&mut self, request: Request) -> Option<Request> {
        self.requests.push(request.clone());
        let Request { id, server, .. } = request;
        let url = server.to_string();
        let page = self.pages.get(url.split('?').next().unwrap()).cloned();
        let answer = match page {
            None => Answer::Failed(UnicastError::Status { status: 404 }),
            Some(bytes) => {
                let length = bytes.len();
                let input = Input::Bytes { id, offset: 0, length, payload: 0..length };
                assert!(self.input(input, &bytes).is_none(), "one request at a time");
                Answer::Done { length: length as u64, sha256: None }
            }
        };
        self.input(Input::Answered { id, answer }, &[])
    }

    fn report(&self) -> &BootReport {
        match self.events.last() {
            Some(Event::BootDone(report)) => report,
            other => panic!("not done: {other:?}"),
        }
    }

    fn kernel(&self) -> Option<&[u8]> {
        let committed = self.storage.committed(Role::Part(Part::Kernel));
        committed.map(|committed| committed.bytes.as_slice())
    }

    /// URLs asked for, without their queries.
    fn asked(&self) -> Vec<String> {
        let url = |request: &Request| request.server.to_string();
        self.requests.iter().map(|r| url(r).split('?').next().unwrap().to_owned()).collect()
    }

    /// The ways by which the boot image was tried.
    fn ways(&self) -> Vec<Protocol> {
        let way = |event: &Event| match event {
            Event::Part { part: Part::Kernel, by, .. } => Some(*by),
            _ => None,
        };
        self.events.iter().filter_map(way).collect()
    }
}

fn options(order: &str) -> BootOptions {
    BootOptions {
        orders: Orders::all(&order.parse::<Order>().unwrap()),
        http: Some(HttpBoot::new(HttpUrl::parse("http://boot.example").unwrap())),
        ..BootOptions::new(group(2), name(ID))
    }
}

fn holding(order: &str, version: &str) -> BootOptions {
    let mut options = options(order);
    options.stored.kernel = Some(version.into());
    options
}

fn config(kernel: &str, version: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\"?><StbConfig><BootParams><KernelUrl>{kernel}</KernelUrl>\
         <KernelVersion>{version}</KernelVersion></BootParams></StbConfig>"
    )
    .into_bytes()
}

const PAGE: &str = "http://boot.example/arris-vip1113";
const IMAGE: &[u8] = &[7; 5_000];
const INFO: &[u8] = b"bc_kernel_addr 239.255.2.11:22222\nbc_kernel_name software\n\
    bc_kernel_version 4.6\n";

#[test]
fn a_stbconfig_by_http_leads_to_an_image_on_air() {
    let page = config("infocast://239.255.2.11/software", "5.1");
    let lab = Lab::new(options("363")).page(PAGE, &page).channel(11, "software", IMAGE).run();
    assert!(lab.report().is_current(), "{:?}", lab.report());
    assert_eq!(lab.report().page, ControlOutcome::Read);
    assert_eq!(lab.report().control, ControlOutcome::NotAsked, "the order has no bootcast");
    assert!(lab.kernel() == Some(IMAGE));
}

#[test]
fn the_server_is_told_who_the_box_is_and_what_it_holds() {
    let mut options = holding("363", "1 2");
    options.query.serial = Some("1931690851".into());
    options.query.mac = Some("00:02:9b:00:01:02".into());
    let page = config("http://images.example/boot.bin?x=1", "5.1");
    let lab =
        Lab::new(options).page(PAGE, &page).page("http://images.example/boot.bin", IMAGE).run();
    assert!(lab.kernel() == Some(IMAGE), "{:?}", lab.report());
    let query =
        "product=arris-vip1113&serial=1931690851&mac=00:02:9b:00:01:02&kernel_version=1%202";
    let urls: Vec<_> = lab.requests.iter().map(|request| request.server.to_string()).collect();
    let image = "http://images.example/boot.bin?x=1";
    assert_eq!(urls, [format!("{PAGE}?{query}"), format!("{image}&{query}")]);
}

#[test]
fn a_stbconfig_on_the_metadata_channel_is_as_good_as_the_text() {
    let page = config("tftp://192.0.2.1/pub/boot", "5.1");
    let lab =
        Lab::new(options("313")).channel(2, ID, &page).page("tftp://192.0.2.1/pub/boot", IMAGE);
    let lab = lab.run();
    assert!(lab.kernel() == Some(IMAGE), "{:?}", lab.report());
    assert_eq!(lab.ways(), [Protocol::Bootcast]);
}

#[test]
fn each_way_that_fails_leads_to_the_next_one() {
    let mut options = holding("3,1,6,2,3", "4.0");
    options.tftp = Some(TftpBoot {
        pool_attempts: 2,
        ..TftpBoot::new(vec![Host::new("a.example").unwrap(), Host::new("b.example").unwrap()])
    });
    let lab = Lab::new(options).channel(2, ID, INFO).page(PAGE, &config("http://i.example/x", "5"));
    let lab = lab.run();
    use Protocol::{Bootcast, Http, Tftp};
    assert_eq!(lab.ways(), [Bootcast, Http, Tftp, Tftp, Tftp, Tftp]);
    let images: Vec<_> =
        lab.asked().into_iter().filter(|url| url.ends_with("default_kernel")).collect();
    assert_eq!(images.first().unwrap(), "tftp://a.example/default_kernel");
    assert!(images.iter().any(|url| url == "tftp://b.example/default_kernel"));
    let error = FetchError::Unicast(UnicastError::Status { status: 404 });
    assert_eq!(lab.report().kernel, PartOutcome::Failed(error));
    assert!(lab.report().may_use_stored);
}

#[test]
fn what_is_held_is_used_when_it_is_the_version_named() {
    let page = config("http://i.example/x", "5.1");
    for order in ["363", "63", "36"] {
        let lab = Lab::new(holding(order, "5.1")).page(PAGE, &page).run();
        assert_eq!(lab.report().kernel, PartOutcome::UpToDate { version: "5.1".into() });
        assert_eq!(lab.asked(), [PAGE], "order {order}");
    }
}

#[test]
fn what_is_held_does_not_count_where_the_order_has_no_3() {
    let page = config("http://i.example/x", "5.1");
    let lab = Lab::new(holding("6", "5.1")).page(PAGE, &page).page("http://i.example/x", IMAGE);
    let lab = lab.run();
    assert!(lab.kernel() == Some(IMAGE), "{:?}", lab.report());
    let lab = Lab::new(holding("6", "5.1")).run();
    assert!(!lab.report().may_use_stored);
}

#[test]
fn only_a_version_is_asked_for_what_is_held_first() {
    let lab = Lab::new(holding("3", "4.0")).run();
    assert_eq!(lab.report().kernel, PartOutcome::Kept { version: "4.0".into() });
    let ignoring = BootOptions { ignore_version: true, ..holding("313", "4.0") };
    let lab = Lab::new(ignoring).channel(2, ID, INFO).run();
    assert_eq!(lab.report().kernel, PartOutcome::Kept { version: "4.0".into() });
    let local = config("local://", "9");
    let lab = Lab::new(holding("363", "4.0")).page(PAGE, &local).run();
    assert_eq!(lab.report().kernel, PartOutcome::Kept { version: "4.0".into() });
}

#[test]
fn a_document_without_version_is_fetched_once() {
    let page = b"<StbConfig><BootParams><KernelUrl>http://i.example/x</KernelUrl></BootParams>\
        </StbConfig>";
    let lab = Lab::new(options("363")).page(PAGE, page).page("http://i.example/x", IMAGE).run();
    let stored = lab.storage.committed(Role::Part(Part::Kernel)).unwrap().version.clone();
    let lab = Lab::new(holding("363", &stored.unwrap())).page(PAGE, page).run();
    assert_eq!(lab.report().kernel, PartOutcome::UpToDate { version: String::new() });
}

#[test]
fn ways_that_cannot_be_gone_are_told() {
    let mut options = options("4,7,2,6,3");
    options.http = None;
    let lab = Lab::new(options).run();
    let closed: Vec<_> = lab
        .events
        .iter()
        .filter_map(|event| match event {
            Event::WayClosed { part: Part::Kernel, way, supported } => Some((*way, *supported)),
            _ => None,
        })
        .collect();
    use Protocol::{Http, Sap, Tftp, Usb};
    assert_eq!(closed, [(Sap, false), (Usb, false), (Tftp, true), (Http, true)]);
    assert_eq!(lab.report().kernel, PartOutcome::NotNamed);
}

#[test]
fn parts_have_orders_of_their_own() {
    let mut options = BootOptions { diagnostic: true, ..options("6") };
    options.orders.splash = "2".parse().unwrap();
    options.orders.diagnostic = "1".parse().unwrap();
    options.tftp = Some(TftpBoot::new(vec![Host::new("192.0.2.1").unwrap()]));
    let info = [
        INFO,
        b"bc_diagnostic_addr 239.255.2.14:5\nbc_diagnostic_name d\n\
        bc_diagnostic_version 1\n",
    ]
    .concat();
    let mut lab = Lab::new(options)
        .page(PAGE, &config("http://i.example/x", "5"))
        .page("http://i.example/x", IMAGE)
        .page("tftp://192.0.2.1/default_splash", &[1; 100])
        .channel(2, ID, &info);
    let diagnostic = Group::parse("239.255.2.14:5", None).unwrap();
    lab.channels.insert(diagnostic, Sent::equal("d", &[2; 700], 256));
    let lab = lab.run();
    let report = lab.report();
    for part in Part::ALL {
        assert!(matches!(report.part(part), PartOutcome::Installed { .. }), "{report:?}");
    }
}

#[test]
fn parameters_to_keep_are_handed_on_and_followed() {
    let page = b"<StbConfig><BootParams><KernelUrl>http://i.example/x</KernelUrl></BootParams>\
        <PermanentParams><SplashOrder>6,3</SplashOrder><BootOrder>2,3</BootOrder>\
        <TftpServer1>192.0.2.9</TftpServer1><TftpNodeAttempts>1</TftpNodeAttempts>\
        <KernelFilename>kernel.bin</KernelFilename></PermanentParams></StbConfig>";
    let lab = Lab::new(options("63")).page(PAGE, page).run();
    let kept: PermanentParams = lab
        .events
        .iter()
        .find_map(|event| match event {
            Event::Parameters(parameters) => Some((**parameters).clone()),
            _ => None,
        })
        .expect("they are told");
    let mut next = options("63");
    next.apply(&kept);
    assert_eq!(next.orders.get(Part::Splash).to_string(), "6,3");
    let lab = Lab::new(next).page("tftp://192.0.2.9/kernel.bin", IMAGE).run();
    assert!(lab.kernel() == Some(IMAGE), "{:?}", lab.report());
    assert_eq!(lab.ways(), [Protocol::Tftp]);
}

#[test]
fn a_page_that_no_box_could_use_is_tried_again_and_then_reported() {
    for page in [&b"<html><body>It works!</body></html>"[..], b"<StbConfig/>", b"\xff\xfe<\0"] {
        let lab = Lab::new(holding("63", "4.0")).page(PAGE, page).run();
        assert!(matches!(lab.report().page, ControlOutcome::Unusable(_)), "{:?}", lab.report());
        assert_eq!(lab.asked().len(), 3);
        assert_eq!(lab.report().kernel, PartOutcome::NotNamed);
    }
}

//! Repair symbols and announcements as they are on air.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use rustix::process::Signal;
use stbcast_flute::fdt::File;
use stbcast_flute::{Event, Session};

use super::harness::{Site, headend, hear, join, noise};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// When a datagram arrived, by the kernel, and its bytes.
pub(super) type Heard = (Duration, Vec<u8>);

/// A socket that has joined `group` and has the kernel say when datagrams arrived, from the first on.
pub(super) fn stamped(group: &str) -> UdpSocket {
    let socket = join(group);
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).unwrap();
    socket
}

/// Everything on a group until nothing came for three seconds.
fn hear_out(socket: &UdpSocket, longest: Duration) -> Vec<Heard> {
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let (mut heard, end) = (Vec::new(), Instant::now() + longest);
    while Instant::now() < end {
        match receive(socket) {
            Some(datagram) => heard.push(datagram),
            None if heard.is_empty() => {}
            None => break,
        }
    }
    heard
}

pub(super) fn receive(socket: &UdpSocket) -> Option<Heard> {
    let (mut buffer, mut space) = ([0; 2_048], nix::cmsg_space!(nix::sys::time::TimeSpec));
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let fd = socket.as_raw_fd();
    let message = recvmsg::<()>(fd, &mut parts, Some(&mut space), MsgFlags::empty()).ok()?;
    let stamp = message.cmsgs().unwrap().find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
        _ => None,
    });
    let length = message.bytes;
    Some((stamp.expect("a time stamp"), buffer[..length].to_vec()))
}

/// What boxes that know Infocast alone receive of two cycles.
fn legacy_cycles(repair: &str) -> Vec<Vec<u8>> {
    let mut site = Site::new();
    if !repair.is_empty() {
        site.announce();
    }
    let group = site.channel("images", 4_000, 1_000);
    if !repair.is_empty() {
        site.repair(repair);
    }
    site.object("boot", "boot.img", "precoding = \"crc32\"");
    site.object("splash", "splash.img", "");
    site.file("boot.img", &noise(20, 300_000));
    site.file("splash.img", &noise(21, 50_001));
    let socket = stamped(&group);
    let headend = site.serve(&["--cycles", "2"]);
    let heard = hear_out(&socket, Duration::from_secs(20));
    assert_eq!(headend.finish().0, 0);
    heard.into_iter().map(|(_, datagram)| datagram).collect()
}

#[test]
fn legacy_boxes_receive_the_same_datagrams_in_the_same_order_with_and_without_repair() {
    let plain = legacy_cycles("");
    assert_eq!(plain.len(), 2 * (300 + 51));
    for repair in ["ratio = 0.1", "ratio = 0.25, fec = \"raptorq\", keep_total = true"] {
        assert!(legacy_cycles(repair) == plain, "{repair}");
    }
}

#[test]
fn the_channel_itself_goes_on_undisturbed_when_its_repair_comes_changes_and_goes() {
    let mut site = Site::new();
    let group = site.channel("images", 2_000, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(31, 50_000));
    let socket = join(&group);
    let mut headend = site.serve(&[]);
    let mut line = format!("group = \"{group}\"");
    let companion = super::harness::free_group();
    let keys = ["ratio = 0.1", "ratio = 0.5, fec = \"rs16\"", "senders = 2, sender_index = 1", ""];
    for (generation, keys) in (2..).zip(keys) {
        let repair = format!("\nrepair = {{ group = \"{companion}\", {keys} }}");
        let next = format!("group = \"{group}\"{}", if keys.is_empty() { "" } else { &repair });
        site.replace(&line, &next);
        line = next;
        site.write();
        headend.signal(Signal::HUP);
        headend.wait_for(&format!("line-up {generation} is on air"));
    }
    let repaired = headend.log.iter().filter(|line| line.contains("channel images repair: on air"));
    assert_eq!(repaired.count(), 3);
    let again = headend.log.iter().filter(|line| line.contains("channel images: on air"));
    assert_eq!(again.count(), 1, "it was put on air anew");
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2_048];
    let heard = std::iter::from_fn(|| socket.recv(&mut buffer).ok().map(|_| buffer));
    let number = |datagram: [u8; 2_048]| u32::from_be_bytes(datagram[4..8].try_into().unwrap());
    let numbers: Vec<u32> = heard.map(number).collect();
    assert!(numbers.len() > 5);
    let expected: Vec<u32> = (0..numbers.len() as u32).map(|n| n % 50 + 1).collect();
    assert_eq!(numbers, expected, "a cycle was interrupted");
}

#[test]
fn repair_symbols_are_spread_evenly_at_their_ratio() {
    let mut site = Site::new();
    site.announce();
    let group = site.channel("images", 4_000, 1_000);
    let companion = site.repair("ratio = 0.2, fec = \"rs8\"");
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(22, 1_000_000));
    let (source, repair) = (stamped(&group), stamped(&companion));
    let headend = site.serve(&["--cycles", "3"]);
    let listen = std::thread::spawn(move || hear_out(&repair, Duration::from_secs(30)));
    let slices = hear_out(&source, Duration::from_secs(30));
    let heard = listen.join().unwrap();
    drop(headend);
    let mut session = Session::new(None);
    let mut is_symbol =
        |datagram: &[u8]| matches!(session_push(&mut session, datagram), Event::Symbol(_));
    let symbols = heard.iter().filter(|(_, datagram)| is_symbol(datagram));
    // How many slices came before each symbol: a machine that stalls delays both alike.
    let before = |at: Duration| slices.partition_point(|(sent, _)| *sent <= at);
    let places: Vec<usize> = symbols.map(|(at, _)| before(*at)).collect();
    let (first, last) = (places[0], places[places.len() - 1]);
    assert!(last - first > 1_000, "the companion was on air too briefly: {first} to {last}");
    for (symbol, place) in places.iter().enumerate() {
        let even = first + 5 * symbol;
        // A description of a few datagrams goes in between each second.
        let most = 20 + (place - first) / 50;
        assert!(place.abs_diff(even) <= most, "symbol {symbol} behind {place} slices, not {even}");
    }
}

fn session_push<'a>(session: &mut Session, datagram: &'a [u8]) -> Event<'a> {
    session.push(HOST, datagram, None).expect("a sound datagram")
}

/// The one file that a session describes under this name last.
fn described<'a>(session: &'a Session, name: &str) -> Option<&'a File> {
    let named =
        session.table().iter().filter(|(_, one)| one.file.location.as_str().ends_with(name));
    named.max_by_key(|(_, one)| one.sequence).map(|(_, one)| &one.file)
}

#[test]
fn the_announcement_says_all_that_a_box_must_know() {
    let mut site = Site::new();
    let announce = site.announce();
    site.channel("metadata", 64, 1_024);
    site.object("model", "{ kind = \"bootcast\", image = \"boot\" }", "");
    site.object("clock", "{ kind = \"time\" }", "");
    let group = site.channel("images", 4_000, 1_000);
    let companion = site.repair("worst_loss = 0.1");
    site.object("boot", "boot.img", "");
    let image = noise(23, 123_456);
    site.file("boot.img", &image);
    let socket = join(&announce);
    let _headend = site.serve(&[]);
    let mut session = Session::new(None);
    while described(&session, "/boot").is_none() {
        session_push(&mut session, &hear(&socket, 1)[0]);
    }
    let boot = described(&session, "/boot").unwrap();
    assert_eq!(boot.location.as_str(), format!("infocast://{group}/boot"));
    assert_eq!(boot.content_bytes, Some(123_456));
    use sha2::Digest as _;
    assert_eq!(boot.sha256, Some(sha2::Sha256::digest(&image).into()));
    assert_eq!(boot.announced.slice_bytes.unwrap().get(), 1_000);
    assert_eq!(boot.announced.companion.unwrap().group.to_string(), companion);
    assert_eq!(boot.announced.kind.as_ref().unwrap().as_str(), "image");
    let geometry = boot.fti.unwrap().geometry().unwrap();
    assert_eq!((geometry.blocks(), geometry.block_symbols()), (1, 124));
    let clock = described(&session, "/clock").unwrap();
    assert_eq!((clock.sha256, clock.fti, clock.content_bytes), (None, None, None));
    let model = described(&session, "/model").unwrap();
    assert!(model.sha256.is_some() && model.fti.is_none());
}

/// When what a headend sends first belongs to a new revision.
#[track_caller]
fn first_of(heard: &[Heard], mut is_new: impl FnMut(&[u8]) -> bool) -> (Duration, usize) {
    let place = heard.iter().position(|(_, datagram)| is_new(datagram));
    let place = place.unwrap_or_else(|| panic!("nothing new in {} datagrams", heard.len()));
    (heard[place].0, place)
}

#[test]
fn a_new_revision_is_announced_a_second_before_its_first_slice_and_its_repair_follows() {
    // Cycles of 5.7 s: boxes do not wait for the end of one.
    change_a_revision(600);
}

#[test]
fn a_new_revision_of_a_short_cycle_is_announced_a_second_before_its_first_slice_too() {
    // Cycles of 0.4 s.
    change_a_revision(8_000);
}

fn change_a_revision(kbps: u32) {
    let mut site = Site::new();
    let announce = site.announce();
    let group = site.channel("images", kbps, 1_000);
    let companion = site.repair("ratio = 0.5");
    site.object("boot", "boot.img", "");
    let (old, new) = (noise(24, 400_000), noise(25, 400_000));
    site.file("boot.img", &old);
    let sockets = [&announce, &group, &companion].map(|group| stamped(group));
    let mut headend = site.serve(&[]);
    site.file("boot.img", &new);
    headend.signal(Signal::HUP);
    let ears = sockets
        .map(|socket| std::thread::spawn(move || hear_out(&socket, Duration::from_secs(14))));
    headend.wait_for("line-up 2 is on air");
    let [announced, slices, repair] = ears.map(|ear| ear.join().unwrap());
    drop(headend);
    let mut session = Session::new(None);
    let mut first = None;
    let (told_at, _) = first_of(&announced, |datagram| {
        session_push(&mut session, datagram);
        let toi = described(&session, "/boot").map(|file| file.toi);
        toi.is_some_and(|toi| *first.get_or_insert(toi) != toi)
    });
    let toi = described(&session, "/boot").unwrap().toi;
    let slice = |datagram: &[u8]| {
        let number = u32::from_be_bytes(datagram[4..8].try_into().unwrap()) as usize - 1;
        datagram[44..] == new[number * 1_000..(number + 1) * 1_000]
    };
    let (sent_at, place) = first_of(&slices, slice);
    let (mended_at, _) = first_of(&repair, |datagram| {
        u32::from_be_bytes(datagram[12..16].try_into().unwrap()) == toi as u32
    });
    let lead = sent_at.saturating_sub(told_at);
    assert!(lead >= Duration::from_secs(1), "announced {lead:?} before");
    assert!(lead <= Duration::from_millis(4_500), "boxes wait for {lead:?}");
    assert_eq!(slices[place].1[4..8], [0, 0, 0, 1], "the old cycle was finished");
    assert!(mended_at >= sent_at, "repair symbols came before the slices they repair");
    assert!(mended_at - sent_at < Duration::from_secs(2), "{:?}", mended_at - sent_at);
}

#[test]
fn check_says_which_objects_have_no_repair_and_why() {
    let mut site = Site::new();
    site.channel("images", 4_000, 1_000);
    let companion = site.repair("ratio = 0.1, fec = \"raptorq\"");
    site.object("boot", "boot.img", "");
    site.object("clock", "{ kind = \"time\" }", "");
    site.file("boot.img", &noise(26, 2_000_000));
    let output = super::harness::run(headend().arg("check").arg(site.write()));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.contains(&format!("repair on {companion}")), "{text}");
    assert!(text.contains("boot: raptorq, 2 blocks of 1000 symbols of 1000 bytes"), "{text}");
    assert!(text.contains("clock: no repair, because its bytes are made at send time"), "{text}");
    let warned = String::from_utf8(output.stderr).unwrap();
    assert!(warned.contains("the line-up has no `announce`"), "{warned}");
}

/// What an announce session on `group` says of a name, once it says anything.
fn announced(group: &str, name: &str) -> (Session, File) {
    let socket = join(group);
    let mut session = Session::new(None);
    loop {
        session_push(&mut session, &hear(&socket, 1)[0]);
        if let Some(file) = described(&session, name).cloned() {
            return (session, file);
        }
    }
}

#[test]
fn an_announce_session_that_moves_to_another_group_says_there_what_it_said() {
    let mut site = Site::new();
    let before = site.announce();
    site.channel("images", 4_000, 1_000);
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(27, 10_000));
    let mut headend = site.serve(&[]);
    let (_, said) = announced(&before, "/boot");
    let after = super::harness::free_group();
    site.replace(&before, &after);
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    assert_eq!(announced(&after, "/boot").1, said);
}

#[test]
fn an_object_keeps_its_number_when_another_one_of_the_same_bytes_changes() {
    let mut site = Site::new();
    let announce = site.announce();
    for name in ["first", "second"] {
        site.channel(name, 4_000, 1_000);
        site.repair("ratio = 0.1");
        site.object("boot", &format!("{name}.img"), "");
        site.file(&format!("{name}.img"), &noise(28, 10_000));
    }
    let mut headend = site.serve(&[]);
    let (mut session, _) = announced(&announce, "/boot");
    let toi = |session: &Session, digest: &[u8]| {
        use sha2::Digest as _;
        let digest: [u8; 32] = sha2::Sha256::digest(digest).into();
        let of = session.table().iter().filter(|(_, one)| one.file.sha256 == Some(digest));
        of.map(|(key, _)| key.toi).collect::<Vec<_>>()
    };
    let before = toi(&session, &noise(28, 10_000));
    assert_eq!(before.len(), 2);
    let socket = join(&announce);
    site.file("first.img", &noise(29, 10_000));
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2: 2 channels change, 3 stay, 0 leave");
    headend.wait_for("line-up 2 is on air");
    while toi(&session, &noise(29, 10_000)).is_empty() {
        session_push(&mut session, &hear(&socket, 1)[0]);
    }
    assert_eq!(toi(&session, &noise(28, 10_000)), before);
    assert_eq!(session.stats().files_refused, 0, "a description contradicts another one");
}

#[test]
fn another_code_for_the_same_bytes_is_another_object() {
    let mut site = Site::new();
    let announce = site.announce();
    site.channel("images", 4_000, 1_000);
    site.repair("ratio = 0.1, fec = \"rs8\"");
    site.object("boot", "boot.img", "");
    site.file("boot.img", &noise(30, 10_000));
    let mut headend = site.serve(&[]);
    let (mut session, old) = announced(&announce, "/boot");
    let socket = join(&announce);
    site.replace("\"rs8\"", "\"rs16\"");
    site.write();
    headend.signal(Signal::HUP);
    headend.wait_for("line-up 2 is on air");
    while described(&session, "/boot").is_some_and(|file| file.fti == old.fti) {
        session_push(&mut session, &hear(&socket, 1)[0]);
        assert_eq!(session.stats().files_refused, 0, "boxes refuse the new description");
    }
    assert_ne!(described(&session, "/boot").unwrap().toi, old.toi);
}

//! The datagrams of the real sender, captured on a socket, against the description's own vectors.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};

use super::super::end_to_end::json;
use super::super::harness::{Site, free_group, hear, join, noise};
use super::super::repair::{Heard, receive, stamped};
use super::{PACKET_BYTES, WRAPPING_BYTES, channel, is_here, peer_receives, peer_sends};

/// A header in hexadecimal, as the description has it.
fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// A cycle of 5,000 bytes with the serial number 9.
fn vector(image: &[u8]) -> Vec<Vec<u8>> {
    let description = [&bytes("02 04 00 09 01 13")[..], b"Testing description"].concat();
    let headers = [
        "01 10 00 09 00 00 00 03 00 00 00 00 00 00 13 88",
        "01 10 00 09 00 01 00 03 00 00 05 b0 00 00 13 88",
        "01 10 00 09 00 02 00 03 00 00 0b 60 00 00 13 88",
        "01 10 00 09 00 03 00 03 00 00 11 10 00 00 13 88",
    ];
    let data = headers.iter().zip(image.chunks(PACKET_BYTES));
    let data = data.map(|(header, payload)| [&bytes(header)[..], payload].concat());
    std::iter::once(description).chain(data).collect()
}

#[test]
fn the_peer_sends_the_vectors_of_the_description() {
    let (site, group, image) = (Site::new(), free_group(), noise(10, 5_000));
    let (socket, file) = (join(&group), site.file("image.bin", &image));
    let mut peer = super::peer("mag_send.py", &group);
    peer.args(["--serial", "9", "--description", "Testing description", "--cycles", "2", "--file"]);
    super::run(peer.arg(file));
    assert_eq!(hear(&socket, 10), [vector(&image), vector(&image)].concat());
    let _peer = peer_sends(&group, &site.file("empty", b""), "--serial 3 --description e");
    let empty = bytes("01 10 00 03 00 00 ff ff 00 00 00 00 00 00 00 00");
    assert_eq!(hear(&socket, 2), [bytes("02 04 00 03 01 01 65"), empty]);
}

#[test]
fn the_headend_sends_the_vectors_of_the_description_cycle_for_cycle() {
    let image = noise(11, 5_000);
    let mut site = Site::new();
    let group = channel(&mut site, 4_000, "serial = 9\ndescription = \"Testing description\"");
    site.file("image.bin", &image);
    let socket = stamped(&group);
    let _headend = site.serve(&[]);
    let heard: Vec<Heard> = (0..20).map(|_| receive(&socket).expect("a datagram")).collect();
    for (cycle, sent) in heard.chunks(5).enumerate() {
        let datagrams: Vec<_> = sent.iter().map(|(_, datagram)| datagram.clone()).collect();
        assert_eq!(datagrams, vector(&image), "cycle {cycle}");
    }
    for pair in heard.chunks(5).collect::<Vec<_>>().windows(2) {
        let pause = pair[1][0].0 - pair[0][4].0;
        assert!((90..1_000).contains(&pause.as_millis()), "a pause of {pause:?}");
    }
}

#[test]
fn a_vendors_configuration_is_served_as_it_is_and_long_serial_numbers_go_out_as_their_low_16_bits()
{
    let site = Site::new();
    let (bootstrap, image) = (noise(12, 300_000), noise(14, 5_000));
    site.file("Bootstrap", &bootstrap);
    site.file("imageupdate", &image);
    let groups = [free_group(), free_group()];
    let [(one, one_port), (two, two_port)] =
        [0, 1].map(|stream| groups[stream].split_once(':').unwrap());
    let ini = format!(
        "; two streams, as the vendor ships them\r\n[Server]\r\nMulticastTTL=1\r\nLogLevel=3\r\n\r\n\
         [Bootstrap]\r\nMulticastIPAddress={one}\r\nMulticastUDPPort={one_port}\r\n\
         FileName=Bootstrap\r\nDescription=Bootstrap\r\nSerialNumber=1\r\nPacketSize=1456\r\n\
         CycleTime=1000\r\nDataRate=500000\r\n\r\n\
         [imageupdate]\r\nImageType=2\r\nMulticastIPAddress={two}\r\nMulticastUDPPort={two_port}\r\n\
         ImageName=imageupdate\r\nDescription=Testing description\r\nSerialNumber=70000\r\n\
         PacketSize=1000\r\nCycleTime=0\r\nDirsPerCycle=1\r\nDataRate=1000000\r\n"
    );
    let ini = site.file("server.ini", ini.as_bytes());
    let socket = join(&groups[1]);
    let _headend = site.serve_file(&ini, &[]);
    let heard = hear(&socket, 6);
    assert_eq!(heard[0], [&bytes("02 04 11 70 01 13")[..], b"Testing description"].concat());
    for (index, data) in (0..).zip(&heard[1..]) {
        let header = [&bytes("01 10 11 70 00")[..], &[index, 0, 4]].concat();
        assert_eq!((&data[..8], data.len()), (&header[..], 1_016));
    }
    let (code, answer) = peer_receives(&site, &groups[0], &[]).finish();
    let answer = json(&answer);
    assert_eq!(code, 0, "{answer}");
    is_here(&site, &bootstrap);
    assert_eq!((&answer["serial"], &answer["description"]), (&1.into(), &"Bootstrap".into()));
}

/// The gaps between descriptions inside one cycle of two seconds.
fn gaps(repeat_ms: u32) -> Vec<Duration> {
    let mut site = Site::new();
    let keys = format!("description = \"d\"\ndescription_repeat_ms = {repeat_ms}");
    let group = channel(&mut site, 4_000, &keys);
    site.file("image.bin", &noise(13, 1_000_000));
    let socket: UdpSocket = stamped(&group);
    let _headend = site.serve(&[]);
    let (mut told, mut last) = (Vec::new(), false);
    while !last {
        let (at, datagram) = receive(&socket).expect("a datagram");
        if datagram[0] == 2 {
            told.push(at);
        }
        last = datagram[0] == 1 && datagram[4..6] == datagram[6..8];
    }
    told.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn the_description_comes_again_within_a_cycle_as_often_as_is_said() {
    for (repeat_ms, least, most) in [(500, 3, 4), (0, 12, 21), (60_000, 0, 0)] {
        let gaps = gaps(repeat_ms);
        assert!((least..=most).contains(&gaps.len()), "{repeat_ms}: {gaps:?}");
        let shortest = u128::from(repeat_ms.max(100)) * 7 / 10;
        assert!(gaps.iter().all(|gap| gap.as_millis() >= shortest), "{repeat_ms}: {gaps:?}");
    }
}

/// An ear for the last five headers of an image of [`WRAPPING_BYTES`], by their offset.
pub(super) struct Wrapping(std::thread::JoinHandle<BTreeMap<u32, Vec<u8>>>);

impl Wrapping {
    pub(super) fn listen(group: &str) -> Self {
        let socket = join(group);
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &(64 << 20));
        Self(std::thread::spawn(move || {
            let (mut buffer, mut last) = ([0; 2_048], BTreeMap::new());
            while last.len() < 5 {
                socket.recv(&mut buffer).expect("a datagram within 20 s");
                let offset = u32::from_be_bytes(buffer[8..12].try_into().unwrap());
                if buffer[0] == 1 && offset as usize + 5 * PACKET_BYTES > WRAPPING_BYTES {
                    last.insert(offset, buffer[..16].to_vec());
                }
            }
            last
        }))
    }

    /// 65,540 packets: the last has the number 3, and 0 comes again at 95,420,416.
    #[track_caller]
    pub(super) fn heard_the_index_begin_anew(self) {
        let expected = [
            "01 10 00 09 ff ff 00 03 05 af fa 50 05 b0 13 88",
            "01 10 00 09 00 00 00 03 05 b0 00 00 05 b0 13 88",
            "01 10 00 09 00 01 00 03 05 b0 05 b0 05 b0 13 88",
            "01 10 00 09 00 02 00 03 05 b0 0b 60 05 b0 13 88",
            "01 10 00 09 00 03 00 03 05 b0 11 10 05 b0 13 88",
        ];
        let heard: Vec<_> = self.0.join().unwrap().into_values().collect();
        assert_eq!(heard, expected.map(bytes));
    }
}

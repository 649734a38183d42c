//! What the demo sends: a directory with images and the line-up that names them.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use stbcast::http::HttpOptions;
use stbcast::serve::ServeOptions;
use stbcast_object::Group;

use crate::loss::{FAR_END, LOSS_PERCENT};
use crate::operator::{self, Statements};

/// How a box hears the headend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// All arrives.
    Good,
    /// Some of it is lost, and nothing repairs it.
    Bad,
    /// Some of it is lost, and the box knows repair symbols.
    Repaired,
}

impl Line {
    /// The words for it in the table.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Good => "good".to_owned(),
            Self::Bad => format!("{LOSS_PERCENT} % lost"),
            Self::Repaired => format!("{LOSS_PERCENT} % lost, repair"),
        }
    }

    /// The address that sends to boxes on this line.
    pub(crate) const fn source(self) -> Ipv4Addr {
        match self {
            Self::Good => Ipv4Addr::LOCALHOST,
            Self::Bad | Self::Repaired => FAR_END,
        }
    }
}

/// A box that will be started.
pub(crate) struct BoxPlan {
    /// Its name in progress and table.
    pub(crate) name: &'static str,
    /// Bootcast id of its model.
    pub(crate) model: &'static str,
    /// How it hears the headend.
    pub(crate) line: Line,
    /// Whether it asks for its metadata over HTTP, instead of joining the metadata channel.
    pub(crate) asks: bool,
    /// Whether it installs what the operator signed, and nothing else.
    pub(crate) trusts: bool,
    /// When it starts.
    pub(crate) after: Duration,
    /// The image it should have in the end.
    pub(crate) image: PathBuf,
}

/// The directory, removed when this is dropped.
pub(crate) struct Site {
    directory: tempfile::TempDir,
    /// The metadata channel.
    pub(crate) metadata: Group,
    /// The announce session.
    pub(crate) announce: Group,
    /// The same as an address.
    pub(crate) announce_address: SocketAddrV4,
    /// Where boxes are answered over HTTP.
    pub(crate) http: SocketAddr,
    /// What boxes on a bad line hear.
    pub(crate) far_groups: Vec<SocketAddrV4>,
    /// The boxes.
    pub(crate) boxes: Vec<BoxPlan>,
    /// What the operator signed.
    pub(crate) statements: Statements,
    bit_rate_kbps: u32,
}

impl Site {
    pub(crate) fn new(
        image: Option<&Path>,
        bit_rate_kbps: u32,
        short: bool,
    ) -> Result<Self, Box<dyn Error>> {
        let directory = tempfile::Builder::new().prefix("stbcast-demo-").tempdir()?;
        let made = directory.path().join("vip1113.img");
        let first = match image {
            Some(path) => path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))?,
            None => made,
        };
        let second = directory.path().join("vip4302.img");
        let length = if short { 2 << 20 } else { 24 << 20 };
        if image.is_none() {
            std::fs::write(&first, noise(1, length))?;
        }
        std::fs::write(&second, noise(2, length))?;
        std::fs::write(directory.path().join("splash.bmp"), splash())?;
        // A port nobody uses keeps two demos on one machine apart.
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let line_up = line_up(&first, port, bit_rate_kbps);
        let signed = [SIGNED_IMAGE, "splash"];
        let statements = operator::sign(&line_up, directory.path(), SIGNED_MODEL, signed)?;
        let file = |name: &str, bytes: &[u8]| std::fs::write(directory.path().join(name), bytes);
        file("1.root.cose", &statements.root)?;
        file("1.release.cose", &statements.release)?;
        file("lineup.toml", (line_up + TRUST).as_bytes())?;
        let group = |last| SocketAddrV4::new([239, 255, 77, last].into(), port);
        let metadata = Group::new((*group(METADATA).ip()).into(), port)?;
        let announce = Group::new((*group(ANNOUNCE).ip()).into(), port)?;
        let far_groups = [METADATA, ANNOUNCE, BOOT_1113, REPAIR_1113, SPLASH, REPAIR_SPLASH];
        let far_groups = far_groups.map(group).to_vec();
        let pause = |ms: u64| Duration::from_millis(if short { ms / 10 } else { ms });
        let plan = |name, line, after, image: &PathBuf| BoxPlan {
            name,
            model: if *image == first { "arris-vip1113" } else { "arris-vip4302" },
            line,
            asks: false,
            trusts: false,
            after: pause(after),
            image: image.clone(),
        };
        let boxes = vec![
            plan("box 1", Line::Good, 0, &first),
            plan("box 2", Line::Good, 1_500, &first),
            plan("box 3", Line::Good, 2_700, &second),
            plan("box 4", Line::Bad, 500, &first),
            plan("box 5", Line::Repaired, 500, &first),
            BoxPlan { asks: true, ..plan("box 6", Line::Good, 1_000, &second) },
            BoxPlan { trusts: true, ..plan("box 7", Line::Repaired, 800, &first) },
        ];
        // Nobody listens there before the headend does.
        let http = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        Ok(Self {
            directory,
            metadata,
            announce,
            announce_address: group(ANNOUNCE),
            http,
            far_groups,
            boxes,
            statements,
            bit_rate_kbps,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn serve_options(&self) -> ServeOptions {
        ServeOptions {
            state: None,
            line_up: self.path("lineup.toml"),
            cycles: None,
            interface: Some("127.0.0.1".to_owned()),
            ttl: Some(0),
            spool: self.path("spool"),
            spool_cap_bytes: 4 << 30,
            metrics: None,
            mag_log: None,
            transmit: None,
            http: Some(HttpOptions {
                address: self.http,
                downloads: 4,
                connections: 64,
                log: Some(self.path("http.log")),
            }),
        }
    }

    pub(crate) fn introduction(&self) -> String {
        format!(
            "A headend streams two boot images at {} kbit/s each, repair symbols for one of them and the \
             splash, and the control\nobjects of two models. Five boxes join the metadata channel {} \
             and find the rest from there;\na sixth asks http://{} for its StbConfig. A seventh reads \
             no metadata: it installs what the operator signed,\nwhile a stranger announces other \
             releases beside it. Three lose {LOSS_PERCENT} % of all datagrams; two of these know repair \
             symbols.\n",
            self.bit_rate_kbps, self.metadata, self.http
        )
    }
}

/// The last byte of each group.
const METADATA: u8 = 2;
const ANNOUNCE: u8 = 3;
const BOOT_1113: u8 = 11;
const BOOT_4302: u8 = 12;
const SPLASH: u8 = 13;
const REPAIR_1113: u8 = 14;
const REPAIR_SPLASH: u8 = 15;

/// Model of the box that trusts, and its image.
const SIGNED_MODEL: &str = "arris-vip1113";
const SIGNED_IMAGE: &str = "boot-1113";

/// What the operator signed.
const TRUST: &str = r#"
[trust]
roots = ["1.root.cose"]
releases = ["1.release.cose"]
"#;

/// What every box that asks is answered.
const STBCONFIG: &str = r#"
[[stbconfig]]
name = "vip4302"
image = "boot-4302"
splash = "splash"

[[target]]
name = "every box"
stbconfig = "vip4302"
"#;

fn line_up(first: &Path, port: u16, kbps: u32) -> String {
    let channel = |name: &str, last: u8, kbps: u32, objects: &str| {
        format!(
            "[[channel]]\nname = \"{name}\"\ncarousel = \"infocast\"\ngroup = \"239.255.77.{last}:{port}\"\n\
             bit_rate_kbps = {kbps}\nslice_bytes = 1400\n{objects}"
        )
    };
    let object = |name: &str, source: &str, more: &str| {
        format!("[[channel.object]]\nname = \"{name}\"\nsource = {source}\n{more}\n")
    };
    let control = |model: &str, image: &str| {
        let source = format!("{{ kind = \"bootcast\", image = \"{image}\", splash = \"splash\" }}");
        object(model, &source, "")
    };
    let metadata = control("arris-vip1113", "boot-1113")
        + &control("arris-vip4302", "boot-4302")
        + &object("var.utctime", "{ kind = \"time\" }", "delay_ms = 1000");
    let file = |path: &str| format!("{path:?}");
    let boot_1113 = object("boot-1113", &file(&first.to_string_lossy()), "version = \"5.1.1\"");
    let boot_4302 =
        object("boot-4302", &file("vip4302.img"), "version = \"5.1.3\"\nprecoding = \"crc32\"");
    let splash = object("splash", &file("splash.bmp"), "");
    let repair =
        |last: u8| format!("repair = {{ group = \"239.255.77.{last}:{port}\", ratio = 0.1 }}\n");
    format!("announce = \"239.255.77.{ANNOUNCE}:{port}\"\n")
        + &channel("metadata", METADATA, 128, &metadata)
        + &channel("boot-1113", BOOT_1113, kbps, &(repair(REPAIR_1113) + &boot_1113))
        + &channel("boot-4302", BOOT_4302, kbps, &boot_4302)
        + &channel("splash", SPLASH, 20_000, &(repair(REPAIR_SPLASH) + &splash))
        + STBCONFIG
}

/// Bytes that no compression and no repetition could stand in for.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A splash as boxes want it: 720 x 576, 24 bits a pixel, a colour gradient.
fn splash() -> Vec<u8> {
    const WIDTH: u32 = 720;
    const HEIGHT: u32 = 576;
    let pixels = WIDTH * HEIGHT * 3;
    let mut bytes = b"BM".to_vec();
    for word in [54 + pixels, 0, 54, 40, WIDTH, HEIGHT, 24 << 16 | 1, 0, pixels, 2_835, 2_835, 0, 0]
    {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    let shade = |part: u32, of: u32| u8::try_from(part * 255 / of).unwrap_or(u8::MAX);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            bytes.extend_from_slice(&[shade(y, HEIGHT), shade(x, WIDTH), 96]);
        }
    }
    bytes
}

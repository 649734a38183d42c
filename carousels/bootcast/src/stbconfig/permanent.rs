//! `PermanentParams`: what a box keeps in its flash.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;

use stbcast_object::{Group, Micros};

use super::elements::{Element, PERMANENT_ELEMENTS};
use super::legal::{group, integer, order};
use super::problem::shown;
use super::{Legal, Problem};
use crate::{Host, HttpUrl, Order, Part, SourceUrl};

/// Its name.
pub(super) const NAME: &str = "PermanentParams";

/// The permanent parameters that a document sets: each at most once, each value legal.
///
/// Values are kept as they are written; the getters read them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermanentParams {
    /// Place in the table and value, in the order of the table.
    values: Vec<(usize, String)>,
}

impl PermanentParams {
    /// Sets a parameter; white space around the value is left out.
    ///
    /// # Errors
    /// [`Problem::Unknown`] when there is no such parameter, else what is wrong with the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let mut elements = PERMANENT_ELEMENTS.iter().enumerate();
        let Some((place, element)) = elements.find(|(_, element)| element.name == name) else {
            return Err(Problem::Unknown { element: shown(name), parent: NAME });
        };
        let value = value.trim();
        element.check(value)?;
        match self.values.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(known) => {
                if let Some(slot) = self.values.get_mut(known) {
                    slot.1 = value.to_string();
                }
            }
            Err(at) => self.values.insert(at, (place, value.to_string())),
        }
        Ok(())
    }

    /// Values that were checked, by their places in the table.
    pub(super) fn of_checked(values: Vec<Option<String>>) -> Self {
        let values = values.into_iter().enumerate();
        Self { values: values.filter_map(|(place, value)| Some((place, value?))).collect() }
    }

    /// The value of a parameter, as it is written.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(element, _)| element.name == name).map(|(_, value)| value)
    }

    /// What is set, in the order of the DTD.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Element, &str)> {
        let element = |place: usize| PERMANENT_ELEMENTS.get(place);
        self.values.iter().filter_map(move |(at, value)| Some((element(*at)?, value.as_str())))
    }

    /// Whether nothing is set.
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn number<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        self.get(name).and_then(integer).and_then(|number| T::try_from(number).ok())
    }

    fn seconds(&self, name: &str) -> Option<Micros> {
        self.number(name).map(Micros::from_secs)
    }

    /// In which order the boot image is looked for, `BootOrder`.
    pub fn boot_order(&self) -> Option<Order> {
        self.get("BootOrder").and_then(order)
    }

    /// In which order the splash is looked for, `SplashOrder`.
    pub fn splash_order(&self) -> Option<Order> {
        self.get("SplashOrder").and_then(order)
    }

    /// In which order the diagnostic image is looked for, `DiagnosticOrder`.
    pub fn diagnostic_order(&self) -> Option<Order> {
        self.get("DiagnosticOrder").and_then(order)
    }

    /// In which order an image is looked for.
    pub fn order(&self, part: Part) -> Option<Order> {
        match part {
            Part::Kernel => self.boot_order(),
            Part::Splash => self.splash_order(),
            Part::Diagnostic => self.diagnostic_order(),
        }
    }

    /// The metadata channel, `Bootcast`; port 22222 where none is written.
    pub fn bootcast(&self) -> Option<Group> {
        self.get("Bootcast").and_then(group)
    }

    /// How long a box listens to the metadata channel without hearing anything: 1 to 255 s.
    pub fn bootcast_timeout(&self) -> Option<Micros> {
        self.seconds("BootcastTimeout")
    }

    /// How often a box tries bootcast, 1 to 255.
    pub fn bootcast_attempts(&self) -> Option<u8> {
        self.number("BootcastAttempts")
    }

    /// Name of the box's control object.
    pub fn bootcast_id(&self) -> Option<&str> {
        self.get("BootcastId")
    }

    /// The TFTP servers, the first one first; at most four.
    pub fn tftp_servers(&self) -> Vec<Host> {
        let names = ["TftpServer1", "TftpServer2", "TftpServer3", "TftpServer4"];
        names.iter().filter_map(|name| Host::new(self.get(name)?).ok()).collect()
    }

    /// How often all TFTP servers are tried, 1 to 255.
    pub fn tftp_pool_attempts(&self) -> Option<u8> {
        self.number("TftpPoolAttempts")
    }

    /// How often each TFTP server is tried, 1 to 255.
    pub fn tftp_node_attempts(&self) -> Option<u8> {
        self.number("TftpNodeAttempts")
    }

    /// How long to wait for data of a TFTP server, to be negotiated with it: 1 to 255 s.
    pub fn tftp_timeout(&self) -> Option<Micros> {
        self.seconds("TftpTimeout")
    }

    /// How long to wait for the answer to a read request: 1 to 255 s.
    pub fn tftp_rrq_timeout(&self) -> Option<Micros> {
        self.seconds("TftpRrqTimeout")
    }

    /// Bytes of a TFTP block, to be negotiated with the server: 8 to 65464.
    pub fn tftp_block_bytes(&self) -> Option<u16> {
        self.number("TftpBlockSize")
    }

    /// Name of an image on a TFTP server.
    pub fn filename(&self, part: Part) -> Option<&str> {
        self.get(match part {
            Part::Kernel => "KernelFilename",
            Part::Splash => "SplashFilename",
            Part::Diagnostic => "DiagnosticFilename",
        })
    }

    /// The web server a box asks for its StbConfig: `HttpServer` and, where that says no port,
    /// `HttpPort`. A box asks for the page below it that its bootcast id names.
    pub fn http_server(&self) -> Option<HttpUrl> {
        let written = self.get("HttpServer")?;
        let port = self.http_port().filter(|port| *port != 0);
        match HttpUrl::parse(written) {
            Ok(url) if url.port() == HttpUrl::PORT => {
                HttpUrl::new(url.host().clone(), port.unwrap_or(HttpUrl::PORT), url.path()).ok()
            }
            Ok(url) => Some(url),
            Err(_) => {
                HttpUrl::new(Host::new(written).ok()?, port.unwrap_or(HttpUrl::PORT), "/").ok()
            }
        }
    }

    /// `HttpPort` as it is written, 0 to 65535.
    pub fn http_port(&self) -> Option<u16> {
        self.number("HttpPort")
    }

    /// How long to wait for connection and data of a web server: 1 to 255 s.
    pub fn http_timeout(&self) -> Option<Micros> {
        self.seconds("HttpTimeout")
    }

    /// How often a web server is asked, 1 to 255.
    pub fn http_attempts(&self) -> Option<u8> {
        self.number("HttpAttempts")
    }
}

impl Element {
    /// Whether the value, without white space around it, is legal.
    ///
    /// # Errors
    /// [`Problem::Value`] or, for URLs, [`Problem::Url`].
    pub fn check(&self, value: &str) -> Result<(), Problem> {
        let &Self { name: element, legal, .. } = self;
        if legal.takes(value) {
            return Ok(());
        }
        let url = (legal == Legal::Url).then(|| SourceUrl::from_str(value));
        Err(match url {
            Some(Err(error)) => Problem::Url { element, value: shown(value), error },
            _ => Problem::Value { element, value: shown(value), legal },
        })
    }
}

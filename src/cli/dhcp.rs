//! `stbcast dhcp`.

use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use stbcast_mag::image::{HEADER_BYTES_MAX, Header};

use super::{complain, print};
use crate::dhcp::{self, Blocks, Wanted};
use crate::lineup::{self, Channel, Source};

/// Whose configuration is printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Server {
    /// ISC dhcpd.
    Isc,
    /// Kea (kea-dhcp4).
    Kea,
    /// dnsmasq.
    Dnsmasq,
}

/// Whose boxes are told.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Family {
    /// KreaTV: boxes of Motorola and ARRIS.
    Kreatv,
    /// MAG200.
    Teletec,
    /// MAG245, MAG250 and later.
    Infomir,
    /// Dune HD.
    Dune,
}

/// Print what a DHCP server has to tell boxes for a line-up (vendor options, option 43), to be included in its
/// configuration; or the bytes of it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Line-up: our TOML, a directory of `*.toml`, or a vendor's file unchanged.
    line_up: PathBuf,
    /// The server.
    #[arg(long, value_enum, required_unless_present = "hex")]
    server: Option<Server>,
    /// Print the bytes of option 43 in hexadecimal, a line for each class of boxes.
    #[arg(long, conflicts_with = "server")]
    hex: bool,
    /// These boxes alone [default: all that the line-up has something for].
    #[arg(long, value_enum)]
    family: Vec<Family>,
    /// Where several channels could be meant: this one. May stand more than once.
    #[arg(long, value_name = "NAME")]
    channel: Vec<String>,
    /// Vendor class (option 60) of boxes, in place of those that are known: kreatv, dune, teletec.boot,
    /// teletec.run, infomir.boot, infomir.run. One that ends with * is the beginning of one.
    #[arg(long, value_name = "FAMILY[.PHASE]=TEXT", value_parser = pair)]
    class: Vec<(String, String)>,
    /// A further sub-option by its name, or another value of one: kreatv.kernel-protocol=3,6,3.
    #[arg(long, value_name = "FAMILY.NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Where the headend answers boxes over HTTP, as with `serve`.
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// Where the headend takes the reports of MAG boxes, as with `serve`.
    #[arg(long, value_name = "ADDRESS")]
    mag_log: Option<SocketAddrV4>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "there is no `=` in it".to_owned())
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        match self.text() {
            Ok(text) => {
                print(&text);
                ExitCode::SUCCESS
            }
            Err(message) => {
                complain(format_args!("error: {message}"));
                ExitCode::FAILURE
            }
        }
    }

    fn text(self) -> Result<String, String> {
        let reading = lineup::read_unsigned(&self.line_up);
        let shown = self.line_up.display();
        let line_up = reading.line_up.clone().ok_or_else(|| {
            let errors = reading.errors().map(|finding| format!("{shown}: {finding}"));
            errors.collect::<Vec<_>>().join("\n")
        })?;
        for address in self.http.into_iter().chain(self.mag_log.map(SocketAddr::V4)) {
            if address.ip().is_unspecified() || address.port() == 0 {
                return Err(format!(
                    "boxes cannot be told {address}: say the headend's address and port"
                ));
            }
        }
        let families = self.family.iter().map(|family| match family {
            Family::Kreatv => dhcp::Family::Kreatv,
            Family::Teletec => dhcp::Family::Teletec,
            Family::Infomir => dhcp::Family::Infomir,
            Family::Dune => dhcp::Family::Dune,
        });
        let wanted = Wanted {
            families: families.collect(),
            classes: self.class,
            values: self.set,
            channels: self.channel,
            http: self.http,
            mag_log: self.mag_log,
        };
        let Blocks { blocks, notes } = dhcp::blocks(&line_up, &wanted, &header_of)?;
        for note in notes {
            complain(format_args!("note: {note}"));
        }
        let server = match self.server {
            Some(Server::Isc) => dhcp::Server::Isc,
            Some(Server::Kea) => dhcp::Server::Kea,
            Some(Server::Dnsmasq) => dhcp::Server::Dnsmasq,
            None => return hex(&blocks),
        };
        Ok(dhcp::print(server, &blocks))
    }
}

fn hex(blocks: &[dhcp::Block]) -> Result<String, String> {
    let line = |block: &dhcp::Block| {
        let bytes = dhcp::encode(&block.options).map_err(|error| error.to_string())?;
        Ok(format!("{}: {}\n", block.name, dhcp::hex(&bytes, " ")))
    };
    blocks.iter().map(line).collect()
}

/// The header of a channel's image, where it has one.
fn header_of(channel: &Channel) -> Option<Header> {
    let Source::File(path) = &channel.objects.first()?.source else { return None };
    Header::parse(&lineup::read_beginning(path, HEADER_BYTES_MAX as u64).ok()?).ok()
}

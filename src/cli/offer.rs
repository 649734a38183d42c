//! `stbcast offer`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, ValueEnum};
use serde::Serialize;
use stbcast_bootcast::dune::{Address, CheckerFile, Method, Properties, Variant};
use stbcast_bootcast::mag::{AutoUpdate, ImageDate, Portal};

use super::{complain, print, target};
use crate::http::targeting::explain;
use crate::lineup::{self, LineUp, read_at_most};
use crate::offer::{self, DuneBox, MagBox, Offer};

/// Longest properties file, in bytes.
const PROPERTIES_BYTES_MAX: u64 = 64 << 10;

/// A family of boxes.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Family {
    /// The rule that answers it, as `stbcast target` tells it.
    Kreatv,
    /// Portal, what DHCP announces, Bootstrap.
    Mag,
    /// Native UI, upgrade checker, bootstrap checker.
    Dune,
}

/// `autoupdate_cond`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Cond {
    #[value(name = "0")]
    Automatic,
    #[value(name = "1")]
    Confirmed,
    #[value(name = "2")]
    Off,
}

/// Which list a Dune box asks for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum List {
    V1,
    V2,
}

/// Tell what a box would do by a line-up, and why. Exit code 0 where it takes something by one of its
/// ways, 1 where it does not.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Line-up in our TOML, or a directory of `*.toml`.
    line_up: PathBuf,
    /// The family of the box.
    #[arg(long, value_enum)]
    family: Family,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
    /// kreatv: its bootcast id; dune: its product id.
    #[arg(long)]
    product: Option<String>,
    #[command(flatten)]
    kreatv: Kreatv,
    #[command(flatten)]
    mag: Mag,
    #[command(flatten)]
    dune: DuneTold,
    /// mag, dune: the version that DHCP tells (`update_ver`, option 26; option 2).
    #[arg(long, value_name = "VERSION", requires = "dhcp_url")]
    dhcp_version: Option<String>,
    /// mag, dune: the URL that DHCP tells (`update_url`, option 24; option 3).
    #[arg(long, value_name = "URL", requires = "dhcp_version")]
    dhcp_url: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "KreaTV")]
struct Kreatv {
    /// Its serial number.
    #[arg(long)]
    serial: Option<String>,
    /// Its MAC address.
    #[arg(long)]
    mac: Option<String>,
    /// Version of its boot loader.
    #[arg(long)]
    fw_version: Option<String>,
    /// Version of the boot image it holds.
    #[arg(long)]
    kernel_version: Option<String>,
    /// Version of the splash it holds.
    #[arg(long)]
    splash_version: Option<String>,
    /// Version of the diagnostic image it holds.
    #[arg(long)]
    diagnostic_version: Option<String>,
    /// What it asked for.
    #[arg(long)]
    url: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "MAG")]
struct Mag {
    /// Its model, as MAG254.
    #[arg(long)]
    model: Option<String>,
    /// `Image_Version`, the number that runs.
    #[arg(long, value_name = "NUMBER")]
    image_version: Option<u32>,
    /// `Image_Date`, as `Fri Nov 10 20:05:35 EET 2017`; unset without.
    #[arg(long, value_name = "DATE")]
    image_date: Option<String>,
    /// `autoupdate_cond`: 0 automatic, 1 with confirmation, 2 off.
    #[arg(long, value_enum, default_value = "0")]
    autoupdate_cond: Cond,
    /// `betaupdate_cond`: whether betas are taken. Which a box has that was never told is not public.
    #[arg(long, value_name = "0|1", default_value = "1", value_parser = ["0", "1"])]
    betaupdate_cond: String,
    /// `Ver_Forced` is Yes: Bootstrap installs the same version again.
    #[arg(long)]
    ver_forced: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Dune")]
struct DuneTold {
    /// The firmware that runs.
    #[arg(long, value_name = "VERSION")]
    installed: Option<String>,
    /// Which list it asks for; by --chip where that is given, else both are told.
    #[arg(long, value_enum)]
    list: Option<List>,
    /// Its chip, as SMP8672: which list it asks for follows.
    #[arg(long, conflicts_with = "list")]
    chip: Option<String>,
    /// It wants betas.
    #[arg(long)]
    beta: bool,
    /// Its `stb_upgrade_checker.properties`; without, it looks by dhcp, then by url.
    #[arg(long, value_name = "FILE")]
    properties: Option<PathBuf>,
    /// It has no address after 60 seconds.
    #[arg(long)]
    no_address: bool,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let reading = lineup::read(&self.line_up);
        let Some(line_up) = &reading.line_up else {
            let path = self.line_up.display();
            reading.errors().for_each(|error| complain(format_args!("error: {path}: {error}")));
            return ExitCode::FAILURE;
        };
        let json = self.json;
        let offers = match self.family {
            Family::Kreatv => return self.kreatv(line_up),
            Family::Mag => self.mag_box().map(|it| offer::mag(line_up, &it)),
            Family::Dune => self.dune_box().map(|it| offer::dune(line_up, &it)),
        };
        let offers = offers.unwrap_or_else(|message| wrong(&message));
        print(&if json { self::json(&offers) } else { text(&offers) });
        let takes = offers.iter().any(|offer| offer.takes.is_some());
        if takes { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn kreatv(self, line_up: &LineUp) -> ExitCode {
        let Kreatv {
            serial,
            mac,
            fw_version,
            kernel_version,
            splash_version,
            diagnostic_version,
            url,
        } = self.kreatv;
        let product = self.product;
        let what = target::What {
            product,
            serial,
            mac,
            fw_version,
            kernel_version,
            splash_version,
            diagnostic_version,
            url,
        };
        let query = what.query().unwrap_or_else(|message| wrong(&message));
        let verdicts = explain(&line_up.targets, &query);
        let rule = verdicts.last().filter(|last| last.matches).map(|last| last.rule);
        let told = if self.json { target::json } else { target::text };
        print(&told(&query, &verdicts, rule));
        if rule.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn mag_box(self) -> Result<MagBox, String> {
        let Mag { model, image_version, image_date, autoupdate_cond, betaupdate_cond, ver_forced } =
            self.mag;
        Ok(MagBox {
            model: model.ok_or("--family mag needs --model")?,
            image_version: image_version.ok_or("--family mag needs --image-version")?,
            forced: ver_forced,
            portal: Portal {
                auto_update: match autoupdate_cond {
                    Cond::Automatic => AutoUpdate::Automatic,
                    Cond::Confirmed => AutoUpdate::Confirmed,
                    Cond::Off => AutoUpdate::Off,
                },
                takes_betas: betaupdate_cond == "1",
                image_date: ImageDate::read(&image_date.unwrap_or_default()),
            },
            announced: self.dhcp_version.zip(self.dhcp_url),
        })
    }

    fn dune_box(self) -> Result<DuneBox, String> {
        let DuneTold { installed, list, chip, beta, properties, no_address } = self.dune;
        let installed = installed.ok_or("--family dune needs --installed")?;
        let methods = match properties {
            Some(path) => {
                let text = read_at_most(&path, PROPERTIES_BYTES_MAX)?;
                let text = String::from_utf8_lossy(&text);
                let properties = Properties::parse(&text);
                properties.map_err(|error| format!("{}: {error}", path.display()))?.methods()
            }
            None => vec![Method::Dhcp, Method::Url],
        };
        let of_chip = chip.map(|chip| Variant::of_box(&chip, &installed));
        let dhcp = self.dhcp_version.zip(self.dhcp_url);
        Ok(DuneBox {
            product: self.product.ok_or("--family dune needs --product")?,
            variant: of_chip.or(list.map(|list| match list {
                List::V1 => Variant::V1,
                List::V2 => Variant::V2,
            })),
            installed,
            wants_betas: beta,
            dhcp: dhcp.map(|(version, url)| CheckerFile { version, url }),
            methods,
            address: if no_address { Address::Late } else { Address::InTime },
        })
    }
}

fn wrong(message: &str) -> ! {
    super::Arguments::command().error(ErrorKind::ValueValidation, message).exit()
}

fn text(offers: &[Offer]) -> String {
    let mut text = String::new();
    for Offer { way, takes, does, why } in offers {
        text += &format!("{way}: {does}\n");
        text += &why.iter().map(|why| format!("  {why}\n")).collect::<String>();
        if let Some(taken) = takes {
            text += &format!("  from {}\n", taken.url);
        }
    }
    text
}

fn json(offers: &[Offer]) -> String {
    #[derive(Serialize)]
    struct Told<'a> {
        ways: &'a [Offer],
    }
    let text = serde_json::to_string_pretty(&Told { ways: offers });
    text.map_or_else(|error| error.to_string(), |text| text + "\n")
}

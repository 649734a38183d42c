//! Who gets what: the blocks of a line-up.

use std::collections::BTreeMap;
use std::net::{SocketAddr, SocketAddrV4};

use stbcast_infocast::ObjectType;
use stbcast_mag::image::Header;

use super::option::{SubOption, Value, encode};
use super::space::{Family, Phase};
use crate::lineup::{Channel, LineUp, Role, Source};

mod dune;
mod making;
mod names;
use making::{Options, ipv4, one};
use names::known_names;

/// Vendor classes (option 60) that are known: KreaTV's by how they begin (seen in logs of boxes), those of
/// MAG200 and Dune as documented. Those of MAG245 and later are not public.
const KREATV: [&str; 2] = ["Motorola_VIP", "ARRIS_VIP"];
const TELETEC_BOOT: [&str; 2] = ["TeleTecMAG200boot", "TeleTecMAG200upgrade"];
const TELETEC: &str = "TeleTecMAG200";
/// The model of TeleTec's boxes, in the header of their images.
const TELETEC_MODEL: &str = "MAG200";

/// Which boxes are meant, by their vendor class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// The class is this text.
    Exact(String),
    /// It begins with this text.
    Prefix(String),
}

/// What boxes of a class are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its name: small letters and hyphens.
    pub name: &'static str,
    /// Whose boxes they are.
    pub family: Family,
    /// Which boxes; at least one.
    pub matches: Vec<Match>,
    /// What they are told, by code; at least one.
    pub options: Vec<SubOption>,
    /// What a person should know of it, line by line.
    pub notes: Vec<String>,
}

/// What is wanted beside the line-up.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// These families alone; every one that the line-up has something for, where there is none.
    pub families: Vec<Family>,
    /// Vendor classes by `FAMILY` or `FAMILY.boot`, `FAMILY.run`, instead of those that are known. One that ends
    /// with `*` is the beginning of one.
    pub classes: Vec<(String, String)>,
    /// Values by `FAMILY.NAME`, instead of those of the line-up or beside them.
    pub values: Vec<(String, String)>,
    /// Channels and vendor senders that are meant, where several could be.
    pub channels: Vec<String>,
    /// Where the headend answers over HTTP.
    pub http: Option<SocketAddr>,
    /// Where the headend takes the reports of MAG boxes.
    pub mag_log: Option<SocketAddrV4>,
}

/// The blocks, and what an operator should know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// In the order of the families.
    pub blocks: Vec<Block>,
    /// What is left out, and why.
    pub notes: Vec<String>,
}

impl Block {
    /// What it is, as comment.
    pub(super) fn comment(&self, mark: &str) -> String {
        let Self { name, family, notes, .. } = self;
        let head = format!("{name}: option space {}", family.space());
        let line = |line: &String| {
            // Names of a line-up may have any letter: none of them ends a comment.
            let line: String =
                line.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
            format!("{mark}{line}\n")
        };
        [head].iter().chain(notes).map(line).collect()
    }
}

/// The blocks of a line-up.
///
/// `header_of` reads the header of a channel's image.
///
/// # Errors
/// In words, when something wanted cannot be had.
pub fn blocks(
    line_up: &LineUp,
    wanted: &Wanted,
    header_of: &dyn Fn(&Channel) -> Option<Header>,
) -> Result<Blocks, String> {
    known_names(line_up, wanted)?;
    let site = Site { line_up, wanted, header_of };
    let mut all = Blocks::default();
    for family in Family::ALL {
        let is_named = wanted.families.contains(&family);
        if !is_named && !wanted.families.is_empty() {
            continue;
        }
        let (blocks, note) = match family {
            Family::Kreatv => site.kreatv()?,
            Family::Teletec | Family::Infomir => site.mag(family)?,
            Family::Dune => site.dune()?,
        };
        let (mut blocks, note) = (site.with_values(family, blocks)?, note);
        blocks.retain(|block| !block.options.is_empty() && !block.matches.is_empty());
        for block in &blocks {
            encode(&block.options).map_err(|error| format!("{}: {error}", block.name))?;
        }
        match note {
            Some(note) if blocks.is_empty() && is_named => return Err(note),
            note => all.notes.extend(note),
        }
        if blocks.is_empty() && is_named {
            return Err(format!(
                "the line-up has nothing that boxes of {} are told",
                family.word()
            ));
        }
        all.blocks.extend(blocks);
    }
    if all.blocks.is_empty() {
        let mut why = all.notes;
        why.insert(0, "the line-up has nothing that boxes are told by DHCP".to_owned());
        return Err(why.join("\n"));
    }
    Ok(all)
}

type Made = (Vec<Block>, Option<String>);

struct Site<'a> {
    line_up: &'a LineUp,
    wanted: &'a Wanted,
    header_of: &'a dyn Fn(&Channel) -> Option<Header>,
}

impl<'a> Site<'a> {
    fn is_meant(&self, name: &String) -> bool {
        self.wanted.channels.is_empty() || self.wanted.channels.contains(name)
    }

    fn channels(&self) -> impl Iterator<Item = &'a Channel> {
        self.line_up.channels.iter().filter(|it| self.is_meant(&it.name))
    }

    /// The classes that were said, else those that are known.
    fn matches(&self, key: &str, known: impl IntoIterator<Item = Match>) -> Vec<Match> {
        let said = self.wanted.classes.iter().filter(|(said, _)| said == key);
        let said: Vec<_> = said
            .map(|(_, class)| match class.strip_suffix('*') {
                Some(prefix) => Match::Prefix(prefix.to_owned()),
                None => Match::Exact(class.clone()),
            })
            .collect();
        if said.is_empty() { known.into_iter().collect() } else { said }
    }

    fn kreatv(&self) -> Result<Made, String> {
        let is_metadata = |channel: &&Channel| {
            let is_info = |it: &crate::lineup::Object| {
                matches!(it.source, Source::Bootcast { .. })
                    || it.object_type == Some(ObjectType::BOOTCAST_INFO)
            };
            channel.objects.iter().any(is_info)
        };
        let (mut options, mut notes) = (Options::new(Family::Kreatv), Vec::new());
        let metadata =
            one(self.channels().filter(is_metadata), "carry a bootcast information", |it| {
                &it.name
            })?;
        if let Some(channel) = metadata {
            options.text("bootcast-address", &ipv4(channel)?.to_string())?;
            notes.push(format!("bootcast-address is channel {}", channel.name));
        }
        if let Some(http) = self.wanted.http {
            options.text("http-server", &http.ip().to_string())?;
            options.add("http-port", Value::U16(http.port()));
            notes.push("boxes use HTTP where kernel-protocol has a 6".to_owned());
        }
        let known = KREATV.map(|it| Match::Prefix(it.to_owned()));
        let matches = self.matches("kreatv", known);
        Ok((
            vec![Block {
                name: "kreatv",
                family: Family::Kreatv,
                matches,
                options: options.all,
                notes,
            }],
            None,
        ))
    }

    fn role(&self, role: Role) -> Result<Option<&'a Channel>, String> {
        let of_role =
            self.channels().filter(|it| it.mag.as_ref().is_some_and(|mag| mag.role == role));
        one(of_role, &format!("have the role {}", role.word()), |it| &it.name)
    }

    fn mag(&self, family: Family) -> Result<Made, String> {
        let (bootstrap, image) = (self.role(Role::Bootstrap)?, self.role(Role::Image)?);
        let foreign = image.and_then(|image| self.foreign(family, image));
        let (bootstrap, image) = if foreign.is_some() { (None, None) } else { (bootstrap, image) };
        let (mut boot, mut notes) = (Options::new(family), Vec::new());
        if let Some(channel) = bootstrap {
            boot.place(["mcip", "mcport"], ipv4(channel)?);
            notes.push(format!("mcip is channel {}", channel.name));
        }
        if let Some(channel) = image {
            boot.place(["mcip_img", "mcport_img"], ipv4(channel)?);
            notes.push(format!("mcip_img is channel {}", channel.name));
        }
        if let Some(address) = self.wanted.mag_log.filter(|_| bootstrap.or(image).is_some()) {
            boot.place(["ip_log", "port_log"], address);
        }
        let run = self.update(family, bootstrap, image)?;
        let known = |texts: &[&str]| -> Vec<Match> {
            let is_known = family == Family::Teletec;
            texts.iter().filter(|_| is_known).map(|it| Match::Exact((*it).to_owned())).collect()
        };
        let word = family.word();
        let boots = self.matches(&format!("{word}.boot"), known(&TELETEC_BOOT));
        let runs = self.matches(&format!("{word}.run"), known(&[TELETEC]));
        let [boot_name, run_name] = match family {
            Family::Teletec => ["teletec-boot", "teletec-run"],
            _ => ["infomir-boot", "infomir-run"],
        };
        let is_missing = boots.is_empty() && runs.is_empty() && bootstrap.or(image).is_some();
        let note = is_missing.then(|| {
            "infomir: the vendor classes of MAG245 and later are not public: say what your boxes send, as --class \
             infomir.boot=TEXT --class infomir.run=TEXT"
                .to_owned()
        });
        let note = foreign.or(note);
        let boot = Block { name: boot_name, family, matches: boots, options: boot.all, notes };
        let run_notes = vec![
            "a box whose version is another than update_ver, a lower one too, updates".to_owned(),
        ];
        let run =
            Block { name: run_name, family, matches: runs, options: run.all, notes: run_notes };
        Ok((vec![boot, run], note))
    }

    /// Why boxes of a family must not be told of an image: one of another model they would boot to fetch, refuse,
    /// and boot to fetch again.
    fn foreign(&self, family: Family, image: &Channel) -> Option<String> {
        let written = || image.mag.as_ref()?.model.clone();
        let model = (self.header_of)(image).map(|it| it.model).or_else(written)?;
        let is_teletec = model == TELETEC_MODEL;
        (is_teletec != (family == Family::Teletec)).then(|| {
            let boxes = if is_teletec { "MAG245 and later" } else { TELETEC_MODEL };
            format!(
                "{}: the image of channel `{}` is for {model}, and these boxes are {boxes}: they are not told of it",
                family.word(),
                image.name
            )
        })
    }

    /// What the running system is told of an update. A version that the image does not have would send boxes to
    /// Bootstrap for ever: without one it is told nothing.
    fn update(
        &self,
        family: Family,
        bootstrap: Option<&Channel>,
        image: Option<&Channel>,
    ) -> Result<Options, String> {
        let mut run = Options::new(family);
        let Some(image) = image else { return Ok(run) };
        let written = image.objects.first().and_then(|object| object.version.clone());
        let version = (self.header_of)(image).map(|it| it.version.to_string()).or(written);
        if let Some(version) = version {
            run.text("update_url", &format!("igmp://{}", ipv4(image)?))?;
            run.text("update_ver", &version)?;
            if let Some(bootstrap) = bootstrap {
                run.text("update_mode", &format!("igmp://{}", ipv4(bootstrap)?))?;
            }
        }
        Ok(run)
    }

    /// What was said goes before what the line-up has. The first block of a family is that of its boot loader.
    fn with_values(&self, family: Family, mut blocks: Vec<Block>) -> Result<Vec<Block>, String> {
        for (key, word) in &self.wanted.values {
            let Some((said, name)) = key.split_once('.') else { continue };
            let definition = family.definition(name).filter(|_| said == family.word());
            let Some(definition) = definition else { continue };
            let value =
                Value::parse(definition.kind, word).map_err(|error| format!("{key}: {error}"))?;
            let place = usize::from(definition.phase == Phase::Run && blocks.len() > 1);
            if let Some(block) = blocks.get_mut(place) {
                block.options.retain(|it| it.definition.code != definition.code);
                block.options.push(SubOption { definition, value });
            }
        }
        for block in &mut blocks {
            let by_code: BTreeMap<_, _> =
                block.options.drain(..).map(|it| (it.definition.code, it)).collect();
            block.options = by_code.into_values().collect();
        }
        Ok(blocks)
    }
}

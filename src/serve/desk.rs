//! Answers to those who ask on the control socket.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::Sender;

use super::headend::Headend;
use super::load::{self, Taken};
use super::{ServeError, ServeOptions};
use crate::control::{
    Asked, Confirmed, Door, DoorError, Place, ReloadStatus, Reloaded, Reply, Request,
};
use crate::dates;
use crate::diff::{Difference, Side};
use crate::killed::{self, Entry, Killed};
use crate::lineup::{Channel, LineUp, ObjectId, Source};
use crate::meter;
use crate::programme::{Absent, Programme, Stock};
use crate::spool::Digest;

mod status;

/// Rates are measured over this span, and twice as much at most.
const MEASURED: Duration = Duration::from_secs(2);

/// How often the sending threads are looked at whether they did what they were told.
const LOOK: Duration = Duration::from_millis(5);

/// A sending thread that does not do what it is told for so long is stuck.
const STUCK: Duration = Duration::from_secs(5);

/// Most that wait for one thing at the same time.
const WAITING_MAX: usize = 64;

/// What is asked, and what is remembered to answer it.
pub(super) struct Desk {
    door: Option<Door>,
    started: Instant,
    /// Who waits for the line-up that is being loaded, and for the one behind it.
    reloads: Vec<Sender<Reply>>,
    behind: Vec<Sender<Reply>>,
    confirmations: Vec<Confirmation>,
    last_reload: Option<ReloadStatus>,
    /// What is wrong with the kill file.
    problem: Option<String>,
    /// Why the programme without what was killed cannot go on air.
    refused: Option<String>,
    /// What the last programme left out.
    absent: Absent,
    /// Statements of the last programme, and when the first of them expires.
    statements: (usize, Option<u64>),
    pub(super) spool_bytes: u64,
    /// What was to be sent of late, by its name: what leaves is known from here alone.
    sent: HashMap<String, Sent>,
    /// Bytes sent by the channels' names at two moments.
    samples: [(Instant, HashMap<String, u64>); 2],
}

/// A channel, companion or announce session as it was last told to be.
struct Sent {
    group: String,
    interface: Option<String>,
    bit_rate_bps: u64,
    is_companion: bool,
}

/// Somebody who waits until the kill file is in force.
struct Confirmation {
    has: Vec<Entry>,
    lacks: Vec<Entry>,
    reply: Sender<Reply>,
}

impl Desk {
    /// Opens the control socket of a headend that has a state directory.
    pub(super) fn open(options: &ServeOptions) -> Result<Self, ServeError> {
        let place = options.state.as_ref().map(|state| Place::serving(state));
        let door = match place.map(|place| Door::open(&place.socket)).transpose() {
            Ok(door) => door,
            Err(error @ DoorError::Taken { .. }) => {
                return Err(ServeError::Other(error.to_string()));
            }
            // Silence on air would be worse than that nobody can ask.
            Err(error) => {
                tracing::warn!("{error}: `stbcast status`, `reload` and `kill` are not answered");
                None
            }
        };
        let now = Instant::now();
        Ok(Self {
            door,
            started: now,
            reloads: Vec::new(),
            behind: Vec::new(),
            confirmations: Vec::new(),
            last_reload: None,
            problem: None,
            refused: None,
            absent: Absent::default(),
            statements: (0, None),
            spool_bytes: 0,
            sent: HashMap::new(),
            samples: [(now, HashMap::new()), (now, HashMap::new())],
        })
    }

    /// The next request; for ever, where nobody can ask.
    pub(super) async fn asked(&mut self) -> Asked {
        if let Some(door) = &mut self.door
            && let Some(asked) = door.next().await
        {
            return asked;
        }
        std::future::pending().await
    }

    /// Notes what a look at the kill file gave.
    pub(super) fn polled(&mut self, polled: &killed::Polled) {
        match &polled.problem {
            Some(problem) => {
                tracing::error!("{problem}: what was killed stays so");
                self.problem = Some(problem.to_string());
            }
            None if polled.read => self.problem = None,
            None => {}
        }
    }

    /// Notes what goes on air.
    pub(super) fn publishes(&mut self, programme: &Programme) {
        self.absent = programme.absent.clone();
        self.statements = (programme.statements.len(), programme.statements_expire);
        self.refused = None;
        self.sent.retain(|name, _| meter::read(name).is_some());
        let channels = programme.channels.iter().chain(&programme.announce);
        let companions = channels.clone().filter_map(|it| it.companion.as_deref());
        for (programme, is_companion) in
            channels.clone().map(|it| (it, false)).chain(companions.map(|it| (it, true)))
        {
            let Channel { name, group, interface, bit_rate_bps, .. } = &programme.channel;
            let (group, interface) = (group.to_string(), interface.clone());
            let sent = Sent { group, interface, bit_rate_bps: *bit_rate_bps, is_companion };
            self.sent.insert(name.clone(), sent);
        }
    }

    /// Notes what cannot go on air.
    pub(super) fn refuses(&mut self, why: &ServeError) {
        self.refused = Some(why.to_string());
    }

    /// Notes how much was sent.
    pub(super) fn sample(&mut self, now: Instant) {
        let [before, last] = &mut self.samples;
        if now.saturating_duration_since(last.0) >= MEASURED {
            *before = std::mem::replace(last, (now, meter::bytes()));
        }
    }

    /// Another load begins behind the one that ended.
    pub(super) fn next_load(&mut self) {
        self.reloads = std::mem::take(&mut self.behind);
    }

    /// Notes what became of a line-up that was read again, and tells who waits.
    pub(super) fn reloaded(&mut self, reloaded: &Reloaded) {
        let Reloaded { accepted, changes, errors, .. } = reloaded;
        let lines = if *accepted { changes.clone() } else { errors.clone() };
        let time = dates::now();
        self.last_reload = Some(ReloadStatus { time, accepted: *accepted, lines });
        for reply in self.reloads.drain(..) {
            let _ = reply.send(Reply::Reload(reloaded.clone()));
        }
    }
}

/// What changes, when another line-up is put on air.
pub(super) fn difference(old: &Stock, new: &Stock) -> Difference {
    Difference::between(
        Side { line_up: old.line_up(), digest: &|id| old.digest(id) },
        Side { line_up: new.line_up(), digest: &|id| new.digest(id) },
    )
}

/// What a refusal says, line by line.
pub(super) fn errors(error: &ServeError) -> Vec<String> {
    match error {
        ServeError::Refused { path, findings } => {
            findings.iter().map(|finding| format!("{}: {finding}", path.display())).collect()
        }
        ServeError::Other(message) => vec![message.clone()],
    }
}

impl Headend {
    /// Answers, or sees to it that an answer comes.
    pub(super) fn on_asked(&mut self, asked: Asked) {
        let Asked { request, uid, reply } = asked;
        let who = uid.map_or_else(|| "somebody".to_owned(), |uid| format!("user {uid}"));
        match request {
            Request::Status => drop(reply.send(Reply::Status(Box::new(self.status())))),
            Request::Reload { dry_run: true } => self.dry_run(reply),
            Request::Reload { dry_run: false } => {
                tracing::info!("{who} asks to read {} again", self.options.line_up.display());
                self.reload();
                let waiting =
                    if self.is_again() { &mut self.desk.behind } else { &mut self.desk.reloads };
                if waiting.len() < WAITING_MAX {
                    waiting.push(reply);
                }
            }
            Request::Killed { has, lacks } => {
                tracing::info!("{who} asks whether the kill file is in force");
                let entries = |words: Vec<String>| -> Result<Vec<_>, String> {
                    words.iter().map(|word| Entry::parse(word)).collect()
                };
                match entries(has).and_then(|has| Ok((has, entries(lacks)?))) {
                    Ok((has, lacks)) if self.desk.confirmations.len() < WAITING_MAX => {
                        self.desk.confirmations.push(Confirmation { has, lacks, reply });
                        self.on_tick(Instant::now());
                    }
                    Ok(_) => drop(reply.send(Reply::error("too many ask at once"))),
                    Err(message) => drop(reply.send(Reply::error(message))),
                }
            }
        }
    }

    /// Reads the line-up beside the control thread and tells what it would change.
    fn dry_run(&self, reply: Sender<Reply>) {
        let (options, generation) = (self.options.clone(), self.publisher.generation());
        let old = self.stock.as_ref().map(|(stock, _)| {
            let ids = ids(stock.line_up());
            let digests: HashMap<_, _> =
                ids.filter_map(|id| Some((id, stock.digest(id)?))).collect();
            (stock.line_up().clone(), digests)
        });
        tokio::task::spawn_blocking(move || {
            let told = match load::read(&options) {
                Ok(Taken { line_up, warnings }) => {
                    let digests = digests(&line_up);
                    let new = Side { line_up: &line_up, digest: &|id| digests.get(&id).copied() };
                    let difference = old.as_ref().map(|(old, digests)| {
                        let digest = |id| digests.get(&id).copied();
                        Difference::between(Side { line_up: old, digest: &digest }, new)
                    });
                    let changes = difference.map(|it| lines(&it)).unwrap_or_default();
                    Reloaded { accepted: true, changes, warnings, ..Reloaded::default() }
                }
                Err(error) => Reloaded { errors: errors(&error), ..Reloaded::default() },
            };
            let _ = reply.send(Reply::Reload(Reloaded { dry_run: true, generation, ..told }));
        });
    }

    /// Tells those who wait that the kill file is in force.
    pub(super) fn confirm(&mut self) {
        let waiting = std::mem::take(&mut self.desk.confirmations);
        for confirmation in waiting {
            if confirmation.reply.is_closed() {
                continue;
            }
            match self.in_force(&confirmation) {
                Ok(true) => self.prove(confirmation.reply),
                Ok(false) => self.desk.confirmations.push(confirmation),
                Err(message) => drop(confirmation.reply.send(Reply::error(message))),
            }
        }
    }

    /// Whether the sending threads were told what the file says.
    fn in_force(&self, wanted: &Confirmation) -> Result<bool, String> {
        let Some(watch) = &self.killed else {
            return Err("the headend runs without a state directory".to_owned());
        };
        let killed = watch.killed();
        let has = wanted.has.iter().all(|entry| killed.contains(entry));
        if !has || wanted.lacks.iter().any(|entry| killed.contains(entry)) {
            return match &self.desk.problem {
                Some(problem) if has => Err(format!("nothing comes back on air: {problem}")),
                _ => Ok(false),
            };
        }
        // What a release names is known by the programme without it alone.
        let is_release = wanted.has.iter().any(|entry| matches!(entry, Entry::Release(_)));
        let carried = self.carries(killed);
        match &self.desk.refused {
            Some(why) if is_release || carried.is_some() => {
                let on = carried.map(|name| format!(" on channel {name}")).unwrap_or_default();
                Err(format!("it may still be on air{on}: {why}"))
            }
            _ => Ok(carried.is_none()),
        }
    }

    /// A channel that may still send what is killed.
    fn carries(&self, killed: &Killed) -> Option<&str> {
        if let Some(sender) = self.vendors.runs(|name| killed.is_channel(name)) {
            return Some(sender);
        }
        let dead = &self.desk.absent.dead;
        let is_dead = |digest: &Digest| dead.has(digest) || killed.is_image(digest);
        self.publisher.carries(|name| killed.is_channel(name), is_dead)
    }

    /// Replies when every sending thread has done all that it was told until now.
    fn prove(&self, reply: Sender<Reply>) {
        let mark = self.publisher.beats().mark();
        let confirmed = Confirmed { killed: self.killed_entries(), off_air: self.off_air() };
        tokio::spawn(async move {
            let end = Instant::now() + STUCK;
            while !mark.is_passed() {
                if Instant::now() > end {
                    let message = "a sending thread is stuck: it may still send; stop the headend";
                    let _ = reply.send(Reply::error(message));
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
            let _ = reply.send(Reply::Killed(confirmed));
        });
    }

    fn killed_entries(&self) -> Vec<String> {
        let entries = self.killed.iter().flat_map(|watch| watch.killed().entries());
        entries.map(ToString::to_string).collect()
    }

    /// What of the line-up is off the air because it was killed.
    fn off_air(&self) -> Vec<String> {
        let absent = &self.desk.absent;
        let killed = self.killed.as_ref().map(killed::Watch::killed);
        let channels = absent.channels.iter();
        let channels = channels.filter(|name| killed.is_some_and(|killed| killed.is_channel(name)));
        let channels = channels.map(|name| format!("channel {name}"));
        let object = |(channel, name): &(String, _)| format!("channel {channel}, object {name}");
        let vendors = self.vendors.told().map(|told| &told.sender.name);
        let vendors = vendors.filter(|name| killed.is_some_and(|killed| killed.is_channel(name)));
        let vendors = vendors.map(|name| format!("vendor sender {name}"));
        let objects = absent.objects.iter().map(object);
        let mut off: Vec<_> = channels.chain(vendors).chain(objects).collect();
        off.sort();
        off
    }
}

pub(super) fn lines(difference: &Difference) -> Vec<String> {
    difference.to_string().lines().map(str::to_owned).collect()
}

fn ids(line_up: &LineUp) -> impl Iterator<Item = ObjectId> + use<'_> {
    line_up.channels.iter().enumerate().flat_map(|(channel, spec)| {
        (0..spec.objects.len()).map(move |object| ObjectId { channel, object })
    })
}

/// Digests of the files of a line-up, each read once.
fn digests(line_up: &LineUp) -> HashMap<ObjectId, Digest> {
    let mut known: HashMap<&Path, Option<Digest>> = HashMap::new();
    let mut digest = |id: ObjectId| {
        let Source::File(path) = &line_up.object(id)?.1.source else { return None };
        *known.entry(path).or_insert_with(|| Digest::of_path(path).ok())
    };
    ids(line_up).filter_map(|id| Some((id, digest(id)?))).collect()
}

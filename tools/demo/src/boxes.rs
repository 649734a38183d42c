//! The boxes: each boots in a thread of its own into a store of its own.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use stbcast_bootcast::HttpUrl;
use stbcast_infocast::Name;
use stbcast_receiver::io::{
    BootRequest, BootSummary, BootedFrom, Interface, Moment, Observer, PartWord, TrustedRequest,
    boot, trusted_boot,
};
use stbcast_receiver::{Event, HttpBoot, Orders};
use stbcast_release::Identity;

use crate::operator::{HARDWARE, NUMBER};
use crate::site::{BoxPlan, Line, Site};
use crate::stranger::STRANGER_LIES;

/// All traffic stays on it.
const INTERFACE: &str = "127.0.0.1";

/// What became of a box.
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) model: &'static str,
    pub(crate) line: Line,
    /// Where it learned what to fetch.
    pub(crate) metadata: &'static str,
    pub(crate) version: String,
    pub(crate) bytes: u64,
    /// Whether the file in the store is byte for byte the one that was sent.
    pub(crate) is_equal: bool,
    pub(crate) seconds: f64,
    pub(crate) cycles: f64,
    pub(crate) error: Option<String>,
    /// What it refused, and why; only a box that trusts refuses anything.
    pub(crate) refused: Vec<String>,
}

impl Outcome {
    /// Nothing yet.
    fn of(plan: &BoxPlan) -> Self {
        Self {
            name: plan.name,
            model: plan.model,
            line: plan.line,
            metadata: match (plan.trusts, plan.asks) {
                (true, _) => "signed",
                (false, true) => "HTTP",
                (false, false) => "channel",
            },
            version: String::new(),
            bytes: 0,
            is_equal: false,
            seconds: 0.0,
            cycles: 0.0,
            error: None,
            refused: Vec::new(),
        }
    }
}

/// Boots every box and waits for all of them.
pub(crate) fn run(site: &Site, stop: &Arc<AtomicBool>) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let bars = MultiProgress::new();
    let interface = Interface::resolve(INTERFACE)?;
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (number, plan) in site.boxes.iter().enumerate() {
            let store = site.path(&format!("box-{number}"));
            let watch = Watch::new(&bars, plan);
            if plan.trusts {
                let identity = Identity {
                    model: plan.model.to_owned(),
                    hardware: HARDWARE,
                    serial: "7".to_owned(),
                };
                let root = site.path("1.root.cose");
                let mut request = TrustedRequest::new(root, identity, site.announce, store);
                request.interface = Some(INTERFACE.to_owned());
                request.source = Some(plan.line.source().into());
                request.stop = Arc::clone(stop);
                threads.push(scope.spawn(move || trusting(plan, &request, watch)));
                continue;
            }
            let mut request = BootRequest::new(site.metadata, Name::new(plan.model)?, store);
            request.interface = Some(interface.clone());
            request.options.source = Some(plan.line.source().into());
            request.options.announce = (plan.line == Line::Repaired).then_some(site.announce);
            if plan.asks {
                let url = HttpUrl::parse(&format!("http://{}", site.http))?;
                request.options.http = Some(HttpBoot::new(url));
                request.options.orders = Orders::all(&"3,6,3".parse()?);
            }
            request.stop = Arc::clone(stop);
            threads.push(scope.spawn(move || one(plan, &request, watch)));
        }
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().map_err(|_| "a box panicked".into())
        };
        threads.into_iter().map(join).collect()
    })
}

fn one(plan: &BoxPlan, request: &BootRequest, mut watch: Watch) -> Outcome {
    std::thread::sleep(plan.after);
    let booted = boot(request, &mut watch);
    watch.bar.finish_and_clear();
    let nothing = |error: String| Outcome { error: Some(error), ..Outcome::of(plan) };
    match booted {
        Ok(summary) => outcome(plan, &summary).unwrap_or_else(|error| nothing(error.to_string())),
        Err(error) => nothing(error.to_string()),
    }
}

/// A box that installs what is signed. It has to refuse what the stranger says, too.
fn trusting(plan: &BoxPlan, request: &TrustedRequest, mut watch: Watch) -> Outcome {
    std::thread::sleep(plan.after);
    let booted = trusted_boot(request, &mut watch);
    watch.bar.finish_and_clear();
    let nothing = |error: String| Outcome { error: Some(error), ..Outcome::of(plan) };
    let summary = match booted {
        Ok(summary) => summary,
        Err(error) => return nothing(error.to_string()),
    };
    let refused: Vec<_> = summary
        .refused
        .iter()
        .map(|one| format!("{} ({} of this kind)", one.first, one.count))
        .collect();
    let Some(booted) = &summary.booted else {
        return nothing(summary.why.unwrap_or_default());
    };
    let equal = digest(&booted.file).and_then(|held| Ok(held == digest(&plan.image)?));
    let image = summary.parts.iter().find(|part| part.part == PartWord::Image);
    Outcome {
        version: format!("release {}", booted.release),
        bytes: booted.bytes.unwrap_or(0),
        is_equal: equal.unwrap_or(false)
            && booted.release == NUMBER
            && booted.on_trial
            && refused.len() >= STRANGER_LIES,
        seconds: summary.counters.seconds,
        cycles: image.map_or(0.0, |part| part.figures.cycles),
        refused,
        ..Outcome::of(plan)
    }
}

fn outcome(plan: &BoxPlan, summary: &BootSummary) -> Result<Outcome, Box<dyn Error>> {
    let booted = &summary.booted;
    let file = booted.file.as_deref().ok_or_else(|| booted.why.clone().unwrap_or_default())?;
    let image = summary.parts.iter().find(|part| part.part == PartWord::Image);
    let figures = image.and_then(|part| part.figures.as_ref());
    Ok(Outcome {
        version: booted.version.clone().unwrap_or_default(),
        bytes: booted.bytes.unwrap_or(0),
        is_equal: booted.from == BootedFrom::Network && digest(file)? == digest(&plan.image)?,
        seconds: summary.counters.seconds,
        cycles: figures.map_or(0.0, |figures| figures.cycles),
        error: image.and_then(|part| part.error.clone()),
        ..Outcome::of(plan)
    })
}

fn digest(path: &Path) -> std::io::Result<[u8; 32]> {
    Ok(Sha256::digest(std::fs::read(path)?).into())
}

/// Shows one box while it boots.
struct Watch {
    bar: ProgressBar,
    title: String,
}

impl Watch {
    fn new(bars: &MultiProgress, plan: &BoxPlan) -> Self {
        let bar = bars.add(ProgressBar::new(0));
        let style = ProgressStyle::with_template("{msg:44} {wide_bar} {percent:>3} %");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let title = format!("{} {}", plan.name, plan.model);
        bar.set_message(format!("{title}: off"));
        Self { bar, title }
    }
}

impl Observer for Watch {
    fn event(&mut self, _: &Moment, event: &Event) {
        let step = match event {
            Event::Control { usable: true, .. } => "metadata read".to_owned(),
            Event::Part { part, .. } => format!("{} coming", part.word()),
            Event::AttemptFailed { attempt } => format!("attempt {attempt} was silent"),
            Event::BootDone(_) => "booting".to_owned(),
            _ => return,
        };
        self.bar.set_message(format!("{}: {step}", self.title));
    }

    fn tick(&mut self, moment: &Moment) {
        self.bar.set_length(u64::from(moment.progress.total));
        self.bar.set_position(u64::from(moment.progress.held));
    }
}

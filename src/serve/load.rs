//! Loading a line-up, beside the control thread.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::{JoinError, JoinHandle};

use super::{ServeError, ServeOptions};
use crate::announced::Numbers;
use crate::lineup::{self, LineUp, Trust};
use crate::programme::Stock;
use crate::spool::Spool;

/// The statements that a line-up names.
pub(super) type Documents = Vec<Arc<[u8]>>;

/// What a line-up is loaded with, and what outlives it.
pub(super) struct House {
    pub(super) spool: Spool,
    pub(super) numbers: Numbers,
}

/// The house back, and what became of the line-up.
pub(super) type Loaded = (House, Result<(Stock, Vec<String>), ServeError>);

/// Waits for a load; for ever, while there is none.
pub(super) async fn loaded(loading: &mut Option<JoinHandle<Loaded>>) -> Result<Loaded, JoinError> {
    match loading {
        Some(handle) => {
            let loaded = handle.await;
            *loading = None;
            loaded
        }
        None => std::future::pending().await,
    }
}

/// Reads the line-up and readies all that it could put on air. Its statements are told to `documents`
/// before.
pub(super) fn load(
    options: &ServeOptions,
    house: &mut House,
    documents: &UnboundedSender<Documents>,
) -> Result<(Stock, Vec<String>), ServeError> {
    let named = |line_up: &LineUp| {
        // What is withdrawn does not wait for what is copied.
        let named = line_up.trust.iter().flat_map(Trust::documents);
        let _ = documents.send(named.map(|document| Arc::clone(&document.bytes)).collect());
    };
    let Taken { line_up, warnings } = read_and(options, named)?;
    let path = &options.line_up;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let stock = Stock::load(&line_up, &mut house.spool, &mut house.numbers)
        .map_err(|findings| ServeError::Refused { path: path.clone(), findings })?;
    Ok((stock, warnings))
}

/// A line-up that can go on air as far as its files say.
pub(super) struct Taken {
    pub(super) line_up: LineUp,
    /// With the file that they are about.
    pub(super) warnings: Vec<String>,
}

/// Reads the line-up and applies what the command line overrides.
pub(super) fn read(options: &ServeOptions) -> Result<Taken, ServeError> {
    read_and(options, |_| {})
}

fn read_and(options: &ServeOptions, tell: impl Fn(&LineUp)) -> Result<Taken, ServeError> {
    let path: &Path = &options.line_up;
    let reading = lineup::read(path);
    let mut line_up = reading.line_up.clone().ok_or_else(|| ServeError::Refused {
        path: path.to_owned(),
        findings: reading.errors().cloned().collect(),
    })?;
    tell(&line_up);
    let plan = crate::plan::plan(&line_up, reading.findings);
    if !plan.is_fit() {
        return Err(ServeError::Refused { path: path.to_owned(), findings: plan.errors });
    }
    let channels = line_up.channels.iter_mut().map(|it| (&mut it.ttl, &mut it.interface));
    let announce = line_up.announce.as_mut().map(|it| (&mut it.ttl, &mut it.interface));
    for (ttl, interface) in channels.chain(announce) {
        *ttl = options.ttl.unwrap_or(*ttl);
        *interface = options.interface.clone().or_else(|| interface.take());
    }
    for sender in &mut line_up.vendor_senders {
        sender.ttl = options.ttl.unwrap_or(sender.ttl);
    }
    let told = |warning: &dyn std::fmt::Display| format!("{}: {warning}", path.display());
    let mut warnings: Vec<_> = plan.warnings.iter().map(|it| told(it)).collect();
    if let (Some(interface), Some(sender)) = (&options.interface, line_up.vendor_senders.first()) {
        warnings.push(told(&format!(
            "vendor sender `{}` goes where the routing table says: it has no word for --interface {interface}",
            sender.name
        )));
    }
    Ok(Taken { line_up, warnings })
}

//! `stbcast-receiver slots`: what the banks of a box hold.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{NoFigures, answer, answer_json, fail};
use crate::io::{BankSummary, SlotsSummary, slots};

#[derive(Args)]
pub(super) struct Arguments {
    /// The directory that holds the banks.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match slots(&arguments.store) {
        Ok(summary) if arguments.json => answer_json(&summary, 0),
        Ok(summary) => answer(text(&summary), 0),
        Err(error) => fail(&error, &NoFigures {}, arguments.json),
    }
}

fn text(summary: &SlotsSummary) -> String {
    let mut text = String::new();
    if summary.state_lost {
        text += "warning: no copy of the state can be used: the box begins anew\n";
    }
    for (name, bank) in [("A", &summary.a), ("B", &summary.b)] {
        let _ = write!(text, "bank {name}");
        if summary.active == name {
            text += ", active";
        }
        if let Some(trial) = summary.trial.as_ref().filter(|trial| trial.bank == name) {
            let _ = write!(text, ", on trial, boots left: {}", trial.boots_left);
        }
        match bank {
            None => text += ": no release\n",
            Some(bank) => text += &held(bank),
        }
    }
    for failed in &summary.failed {
        let denied = if failed.denied { ": it is not tried again" } else { "" };
        let _ = writeln!(text, "release {} failed {} trials{denied}", failed.number, failed.trials);
    }
    if let Some(number) = summary.committed {
        let _ = writeln!(text, "committed: release {number}, security epoch {}", summary.epoch);
    }
    match &summary.boots {
        None => text += "boot: nothing to boot",
        Some(boots) => {
            let trial = if boots.on_trial { ", on trial" } else { "" };
            let _ = write!(text, "boot: release {} of bank {}{trial}", boots.number, boots.bank);
        }
    }
    text
}

fn held(bank: &BankSummary) -> String {
    let mut text = format!(": release {}, security epoch {}\n", bank.number, bank.epoch);
    for part in &bank.parts {
        let whole = if part.whole { "whole" } else { "DAMAGED" };
        let _ = writeln!(
            text,
            "  {}: {} bytes, sha-256 {}, {whole}",
            part.part, part.bytes, part.sha256
        );
    }
    text
}

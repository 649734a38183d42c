//! `stbcast target`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use serde::Serialize;
use stbcast_bootcast::BootQuery;

use super::complain;
use crate::http::targeting::{Verdict, boot_query, explain};
use crate::lineup::{self, Target, TargetAnswer};

/// What the box tells of itself.
#[derive(Debug, Default, Args)]
#[group(id = "what_the_box_tells", required = true, multiple = true)]
pub(super) struct What {
    /// Its bootcast id.
    #[arg(long)]
    pub(super) product: Option<String>,
    /// Its serial number.
    #[arg(long)]
    pub(super) serial: Option<String>,
    /// Its MAC address.
    #[arg(long)]
    pub(super) mac: Option<String>,
    /// Version of its boot loader.
    #[arg(long)]
    pub(super) fw_version: Option<String>,
    /// Version of the boot image it holds.
    #[arg(long)]
    pub(super) kernel_version: Option<String>,
    /// Version of the splash it holds.
    #[arg(long)]
    pub(super) splash_version: Option<String>,
    /// Version of the diagnostic image it holds.
    #[arg(long)]
    pub(super) diagnostic_version: Option<String>,
    /// What it asked for: a URL, a path with its parameters, or a line of the access log. Other options
    /// replace what stands there.
    #[arg(long)]
    pub(super) url: Option<String>,
}

/// Tell which rule of a line-up answers a box over HTTP, and why no rule before it does. Exit code 0
/// where a rule matches, 1 where none does or the line-up is refused.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Line-up in our TOML, or a directory of `*.toml`.
    line_up: PathBuf,
    #[command(flatten)]
    what: What,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let query = self.what.query().unwrap_or_else(|message| {
            super::Arguments::command().error(ErrorKind::ValueValidation, message).exit()
        });
        let reading = lineup::read(&self.line_up);
        let Some(line_up) = &reading.line_up else {
            let path = self.line_up.display();
            reading.errors().for_each(|error| complain(format_args!("error: {path}: {error}")));
            return ExitCode::FAILURE;
        };
        let verdicts = explain(&line_up.targets, &query);
        let rule = verdicts.last().filter(|last| last.matches).map(|last| last.rule);
        let text =
            if self.json { json(&query, &verdicts, rule) } else { text(&query, &verdicts, rule) };
        let written = std::io::stdout().lock().write_all(text.as_bytes());
        if rule.is_some() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl What {
    pub(super) fn query(self) -> Result<BootQuery, String> {
        let asked = self.url.as_deref().map(|text| {
            let (path, query) = split(text);
            boot_query(path, query).map_err(|error| format!("--url: {}", error.trim_end()))
        });
        let asked = asked.transpose()?.unwrap_or_default();
        Ok(BootQuery {
            product: self.product.or(asked.product),
            serial: self.serial.or(asked.serial),
            mac: self.mac.or(asked.mac),
            fw_version: self.fw_version.or(asked.fw_version),
            kernel_version: self.kernel_version.or(asked.kernel_version),
            splash_version: self.splash_version.or(asked.splash_version),
            diagnostic_version: self.diagnostic_version.or(asked.diagnostic_version),
        })
    }
}

/// Path and query of a URL, of a path, of a request line, or of a line of the access log.
fn split(text: &str) -> (&str, &str) {
    let request = text.split('"').nth(1).unwrap_or(text).trim();
    let is_uri = |word: &&str| word.starts_with('/') || word.contains("://");
    let uri = request.split_whitespace().find(is_uri).unwrap_or(request);
    let path = match uri.split_once("://") {
        Some((_, rest)) => rest.get(rest.find(['/', '?']).unwrap_or(rest.len())..).unwrap_or(""),
        None => uri,
    };
    path.split_once('?').unwrap_or((path, ""))
}

pub(super) fn text(query: &BootQuery, verdicts: &[Verdict<'_>], rule: Option<&Target>) -> String {
    let mut text = format!("{query}\n");
    let width = verdicts.iter().map(|verdict| verdict.rule.name.chars().count()).max();
    for Verdict { rule, matches, why } in verdicts {
        let word = if *matches { "yes" } else { "no" };
        text += &format!("  {word:<3}  {:<1$}  {why}\n", rule.name, width.unwrap_or(0));
    }
    text += &match rule {
        Some(rule) => format!("answer: {}\n", rule.answer),
        None if verdicts.is_empty() => {
            "answer: 404, because the line-up has no [[target]]\n".to_owned()
        }
        None => "answer: 404, because no rule matches\n".to_owned(),
    };
    text
}

#[derive(Serialize)]
struct Told<'a> {
    query: String,
    rule: Option<&'a str>,
    stbconfig: Option<&'a str>,
    redirect: Option<&'a str>,
    status: u16,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
struct Rule<'a> {
    name: &'a str,
    matches: bool,
    why: &'a str,
}

pub(super) fn json(query: &BootQuery, verdicts: &[Verdict<'_>], rule: Option<&Target>) -> String {
    let (stbconfig, redirect, status) = match rule.map(|rule| &rule.answer) {
        Some(TargetAnswer::StbConfig(name)) => (Some(name.as_str()), None, 200),
        Some(TargetAnswer::Redirect { to, status }) => (None, Some(to.as_str()), *status),
        None => (None, None, 404),
    };
    let rules = verdicts.iter().map(|Verdict { rule, matches, why }| Rule {
        name: &rule.name,
        matches: *matches,
        why,
    });
    let told = Told {
        query: query.to_string(),
        rule: rule.map(|rule| rule.name.as_str()),
        stbconfig,
        redirect,
        status,
        rules: rules.collect(),
    };
    serde_json::to_string_pretty(&told).map_or_else(|error| error.to_string(), |text| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_box_asked_for_is_found_in_urls_paths_and_log_lines() {
        let log =
            r#"192.0.2.7 - - [06/Nov/2026:08:49:37 +0000] "GET /vip?serial=1 HTTP/1.1" 200 512"#;
        for text in ["http://boot.example:8080/vip?serial=1", "/vip?serial=1", log] {
            assert_eq!(split(text), ("/vip", "serial=1"), "{text}");
        }
        assert_eq!(split("GET /vip HTTP/1.1"), ("/vip", ""));
        assert_eq!(split("http://boot.example?serial=1"), ("", "serial=1"));
        assert_eq!(split("http://boot.example"), ("", ""));
        assert_eq!(split(""), ("", ""));
    }
}

//! Senders of vendors, in figures, and what can be known of their files.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::lineup::{Finding, LineUp, VendorSender};

/// The first bytes of a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// One sender of a vendor in figures.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct VendorSenderPlan {
    /// Its name.
    pub name: String,
    /// Group and port.
    pub group: String,
    /// The program and what it is told.
    pub command: Vec<String>,
    /// Length of its file in bytes.
    pub bytes: u64,
    /// KByte/s that it is told.
    pub kbytes_per_s: u32,
    /// Kbit/s of IP that it is counted as.
    pub counted_kbps: f64,
    /// Whether that is an estimate of ours.
    pub is_estimated: bool,
    /// Seconds in which it sends its file once, by what it is told.
    pub pass_seconds: f64,
}

/// All of them; what is wrong with their files is added to `findings`.
pub(super) fn plan(line_up: &LineUp, findings: &mut Vec<Finding>) -> Vec<VendorSenderPlan> {
    for sender in &line_up.vendor_senders {
        let wrong = [program(sender), file(sender)].into_iter().flatten();
        findings.extend(wrong.map(|finding| Finding {
            message: format!("vendor sender `{}`: {}", sender.name, finding.message),
            ..finding
        }));
    }
    paced_windows(line_up, findings);
    line_up.vendor_senders.iter().map(figures).collect()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn figures(sender: &VendorSender) -> VendorSenderPlan {
    let program = sender.program.clone().into_os_string();
    let command = [program].into_iter().chain(sender.arguments());
    let bytes = fs::metadata(&sender.file).map_or(0, |found| found.len());
    VendorSenderPlan {
        name: sender.name.clone(),
        group: sender.group.to_string(),
        command: command.map(|word| word.to_string_lossy().into_owned()).collect(),
        bytes,
        kbytes_per_s: sender.kbytes_per_s,
        counted_kbps: super::kilo(sender.counted_bps),
        is_estimated: sender.is_estimated,
        pass_seconds: bytes as f64 / (f64::from(sender.kbytes_per_s) * 1_024.0),
    }
}

fn program(sender: &VendorSender) -> Option<Finding> {
    let shown = sender.program.display();
    match fs::metadata(&sender.program) {
        Ok(found) if !found.is_file() => Some(Finding::error(format!("{shown} is not a file"))),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            Some(Finding::error(format!("{shown} is no program: nobody may execute it")))
        }
        Ok(_) => None,
        Err(error) => Some(Finding::error(format!("cannot find {shown}: {error}"))),
    }
}

fn file(sender: &VendorSender) -> Option<Finding> {
    let shown = sender.file.display();
    match first_bytes(&sender.file) {
        Ok((0, _)) => Some(Finding::error(format!("{shown} is empty"))),
        Ok((_, first)) if first == GZIP => Some(Finding::warning(format!(
            "{shown} is compressed: boxes take a plain .dff by multicast, .dff.gz by HTTP alone"
        ))),
        Ok(_) => None,
        Err(error) => Some(Finding::error(format!("cannot read {shown}: {error}"))),
    }
}

/// Length of a file, and how it begins.
fn first_bytes(path: &Path) -> std::io::Result<(u64, [u8; 2])> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(std::io::Error::other("it is not a file"));
    }
    let mut first = [0; 2];
    let _ = File::open(path)?.read(&mut first)?;
    Ok((found.len(), first))
}

/// A window's rate is for channels.
fn paced_windows(line_up: &LineUp, findings: &mut Vec<Finding>) {
    for sender in &line_up.vendor_senders {
        let schedule = sender.schedule.and_then(|at| line_up.schedules.get(at));
        let paced = |it: &&crate::lineup::Schedule| {
            it.windows.iter().any(|window| window.bit_rate_bps.is_some())
        };
        if let Some(schedule) = schedule.filter(paced) {
            findings.push(Finding::warning(format!(
                "vendor sender `{}` sends at its own {} KByte/s in every window of schedule `{}`, whatever rate \
                 the window has",
                sender.name, sender.kbytes_per_s, schedule.name
            )));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(directory: &Path) -> LineUp {
        let text = "[[channel]]\ncarousel = \"infocast\"\ngroup = \"239.255.2.11\"\nbit_rate_kbps = 1000\n\
                    slice_bytes = 1400\n[[channel.object]]\nname = \"time\"\nsource = { kind = \"time\" }\n\
                    [[vendor_sender]]\nname = \"dune\"\nprogram = \"sender\"\nfile = \"fw.dff\"\n\
                    group = \"239.255.60.1:5000\"\nschedule = \"night\"\n[[schedule]]\nname = \"night\"\n\
                    timezone = \"UTC\"\n[[schedule.window]]\nfrom = \"01:00\"\nto = \"02:00\"\n";
        let reading = crate::lineup::parse(text, directory);
        reading.line_up.unwrap_or_else(|| panic!("{:?}", reading.findings))
    }

    fn told(line_up: &LineUp) -> Vec<String> {
        let mut findings = Vec::new();
        plan(line_up, &mut findings);
        findings.iter().map(|it| it.message.clone()).collect()
    }

    #[test]
    fn a_sender_without_program_or_file_is_refused_by_day_and_not_found_out_at_night() {
        let directory = tempfile::tempdir().unwrap();
        let line_up = sender(directory.path());
        let [program, file] = &told(&line_up)[..] else { panic!("two errors") };
        assert!(
            program.contains("cannot find") && file.contains("cannot read"),
            "{program} {file}"
        );
        fs::write(directory.path().join("sender"), "#!/bin/sh\n").unwrap();
        fs::write(directory.path().join("fw.dff"), [0x1f, 0x8b, 8]).unwrap();
        let [program, file] = &told(&line_up)[..] else { panic!("two findings") };
        assert!(program.contains("nobody may execute it"), "{program}");
        assert!(file.contains("boxes take a plain .dff by multicast"), "{file}");
        let may = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory.path().join("sender"), may).unwrap();
        fs::write(directory.path().join("fw.dff"), vec![1; 512 << 10]).unwrap();
        let mut findings = Vec::new();
        let [figures] = &plan(&line_up, &mut findings)[..] else { panic!("one sender") };
        assert_eq!(findings, []);
        assert_eq!((figures.bytes, figures.pass_seconds), (512 << 10, 2.0));
    }

    #[test]
    fn the_rate_of_a_window_is_not_the_senders() {
        let directory = tempfile::tempdir().unwrap();
        let mut line_up = sender(directory.path());
        line_up.schedules[0].windows[0].bit_rate_bps = Some(1);
        assert!(told(&line_up).iter().any(|it| it.contains("at its own 256 KByte/s")));
    }
}

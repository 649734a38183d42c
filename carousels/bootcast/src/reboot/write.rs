//! Requests to XML.

use alloc::string::String;
use core::fmt::{self, Write as _};

use stbcast_object::xml::Escaped;

use super::{REBOOT_BYTES_MAX, RebootProblem, RebootRequest, RebootRequests, Wanted};

pub(super) fn write(document: &RebootRequests) -> Result<String, RebootProblem> {
    let refused = document.problems().into_iter().find(|(_, problem)| problem.is_refused());
    if let Some((_, problem)) = refused {
        return Err(problem);
    }
    let mut xml = String::from(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE RemoteRebootRequests SYSTEM \"remotereboot.dtd\">\n\
         <RemoteRebootRequests>\n",
    );
    document.requests.iter().for_each(|one| request(&mut xml, one));
    xml.push_str("</RemoteRebootRequests>\n");
    match xml.len() {
        bytes if bytes > REBOOT_BYTES_MAX => Err(RebootProblem::Bytes { bytes }),
        _ => Ok(xml),
    }
}

fn request(xml: &mut String, request: &RebootRequest) {
    xml.push_str("  <RemoteRebootRequest>\n");
    let mut element = |name, value: Option<&String>| {
        if let Some(value) = value {
            text(xml, 4, name, value);
        }
    };
    match &request.wanted {
        Wanted::Version(version) => element("SoftwareVersion", Some(version)),
        Wanted::Date { date, time } => {
            element("SoftwareDate", Some(date));
            element("SoftwareTime", Some(time));
        }
    }
    element("SerialIntervalStart", request.serials.as_ref().map(|(first, _)| first));
    element("SerialIntervalEnd", request.serials.as_ref().map(|(_, last)| last));
    element("Model", request.model.as_ref());
    element("Severity", Some(&request.severity));
    element("Timeout", request.timeout.as_ref());
    element("DelayedReboot", request.delayed.as_ref());
    if let Some(notification) = &request.notification {
        xml.push_str("    <Notification>\n");
        text(xml, 6, "Text", &notification.text);
        for button in &notification.buttons {
            xml.push_str("      <Button>\n");
            text(xml, 8, "Text", &button.text);
            text(xml, 8, "Action", &button.action);
            xml.push_str("      </Button>\n");
        }
        xml.push_str("    </Notification>\n");
    }
    xml.push_str("  </RemoteRebootRequest>\n");
}

fn text(xml: &mut String, indent: usize, name: &str, value: &str) {
    // Writing into a string cannot fail.
    let _ = write!(xml, "{:indent$}<{name}>", "");
    let _ = Escaped(xml).write_str(value);
    let _ = writeln!(xml, "</{name}>");
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "version {version}"),
            Self::Date { date, time } => write!(f, "the software of {date} {time}"),
        }
    }
}

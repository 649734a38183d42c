//! The parameters that a box keeps between boots (`PermanentParams` of a StbConfig).

use stbcast_bootcast::Part;
use stbcast_bootcast::stbconfig::PermanentParams;
use stbcast_object::Micros;

use super::options::{BootOptions, HttpBoot, TftpBoot};

impl BootOptions {
    /// Takes over what the box was told to keep. Parameters that concern no download are for the
    /// integrator.
    pub fn apply(&mut self, kept: &PermanentParams) {
        for part in Part::ALL {
            if let Some(order) = kept.order(part) {
                *self.orders.get_mut(part) = order;
            }
        }
        self.ignore_version = kept.get("IgnoreBootcastVersion").is_some_and(is_yes);
        self.metadata = kept.bootcast().unwrap_or(self.metadata);
        self.timeout = kept.bootcast_timeout().unwrap_or(self.timeout);
        self.attempts = kept.bootcast_attempts().unwrap_or(self.attempts);
        self.apply_http(kept);
        self.apply_tftp(kept);
    }

    fn apply_http(&mut self, kept: &PermanentParams) {
        if let Some(url) = kept.http_server() {
            self.http = Some(HttpBoot::new(url));
        }
        if let Some(http) = &mut self.http {
            http.timeout = kept.http_timeout().unwrap_or(http.timeout);
            http.attempts = kept.http_attempts().unwrap_or(http.attempts);
        }
    }

    fn apply_tftp(&mut self, kept: &PermanentParams) {
        let servers = kept.tftp_servers();
        if !servers.is_empty() {
            self.tftp = Some(TftpBoot::new(servers));
        }
        let Some(tftp) = &mut self.tftp else { return };
        let files = [Part::Kernel, Part::Splash, Part::Diagnostic];
        // A name that no server could be asked for leaves the usual ones.
        let _ = tftp.name_files(files.map(|part| kept.filename(part)));
        tftp.pool_attempts = kept.tftp_pool_attempts().unwrap_or(tftp.pool_attempts);
        tftp.node_attempts = kept.tftp_node_attempts().unwrap_or(tftp.node_attempts);
        let options = &mut tftp.options;
        options.block_bytes = kept.tftp_block_bytes().unwrap_or(options.block_bytes);
        let seconds = |span: Option<Micros>, usual| {
            span.and_then(|span| u8::try_from(span.0 / 1_000_000).ok()).unwrap_or(usual)
        };
        options.timeout_s = seconds(kept.tftp_timeout(), options.timeout_s);
        options.request_timeout_s = seconds(kept.tftp_rrq_timeout(), options.request_timeout_s);
    }
}

fn is_yes(value: &str) -> bool {
    value.eq_ignore_ascii_case("yes")
}

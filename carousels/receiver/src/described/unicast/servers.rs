//! The servers that are announced and allowed: who is asked next, and when.

use alloc::vec::Vec;

use stbcast_bootcast::{HttpUrl, delay, permille};
use stbcast_flute::fdt::{Unicast, limits::ALTERNATES_MAX};
use stbcast_object::Micros;

use crate::UnicastOptions;
use crate::limits::{
    UNICAST_BACK_OFF, UNICAST_BUSY_MAX, UNICAST_FAILURES, UNICAST_RETRY_AFTER_MAX,
    UNICAST_SERVER_FAILURES,
};

/// What [`permille`] is salted with where a box chooses the server it begins with.
const SALT: &str = "stbcast alternate";

/// The servers of one revision.
#[derive(Clone, Debug, Default)]
pub(super) struct Servers {
    servers: Vec<Server>,
    /// Failures of all of them, those that are not announced any more included.
    failures: u8,
    busy: u16,
}

#[derive(Clone, Debug)]
struct Server {
    url: HttpUrl,
    /// In a row.
    failures: u8,
    /// Not asked before.
    not_before: Micros,
    /// Its bytes were wrong, or it will never have the right ones.
    is_out: bool,
    /// Whether bytes of it are held.
    gave: bool,
}

impl Server {
    const fn is_left(&self) -> bool {
        !self.is_out && self.failures < UNICAST_SERVER_FAILURES
    }
}

impl Servers {
    /// From here on these are announced. What is known of those that stay is kept.
    pub(super) fn announce(&mut self, announced: Option<&Unicast>, options: &UnicastOptions) {
        let urls = announced.into_iter().flat_map(|unicast| unicast.alternates.urls());
        // What only other boxes can ask is passed over.
        let urls = urls.filter_map(|url| HttpUrl::parse(url).ok());
        let urls = urls.filter(|url| options.hosts.allow(url)).take(ALTERNATES_MAX);
        let mut old = core::mem::take(&mut self.servers);
        for url in urls {
            if self.servers.iter().any(|server| server.url == url) {
                continue;
            }
            let known = old.iter().position(|server| server.url == url);
            let server = known.map(|place| old.swap_remove(place));
            self.servers.push(server.unwrap_or(Server {
                url,
                failures: 0,
                not_before: Micros::ZERO,
                is_out: false,
                gave: false,
            }));
        }
        // Boxes share the servers out among themselves, each always in the same way.
        let count = self.servers.len();
        let first = usize::from(permille(SALT, &options.serial)) * count / 1000;
        self.servers.rotate_left(first.min(count));
    }

    /// Whether somebody is left to be asked, now or later.
    pub(super) fn any_left(&self) -> bool {
        let goes_on = self.failures < UNICAST_FAILURES && self.busy < UNICAST_BUSY_MAX;
        goes_on && self.servers.iter().any(Server::is_left)
    }

    /// When the next one may be asked; `None` when nobody is left.
    pub(super) fn free_at(&self) -> Option<Micros> {
        let left = self.servers.iter().filter(|server| server.is_left());
        left.map(|server| server.not_before).min().filter(|_| self.any_left())
    }

    /// Who may be asked at `now`: the one that has been free for longest, the first of these.
    pub(super) fn free(&self, now: Micros) -> Option<&HttpUrl> {
        let is_free = |server: &&Server| server.is_left() && server.not_before <= now;
        let free = self.servers.iter().filter(is_free).min_by_key(|server| server.not_before)?;
        self.any_left().then_some(&free.url)
    }

    /// Whether a server is still announced and asked.
    pub(super) fn has(&self, url: &HttpUrl) -> bool {
        self.servers.iter().any(|server| server.url == *url && server.is_left())
    }

    fn find(&mut self, url: &HttpUrl) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.url == *url)
    }

    /// A server gave bytes that are held now.
    pub(super) fn gave(&mut self, url: &HttpUrl) {
        if let Some(server) = self.find(url) {
            server.gave = true;
        }
    }

    /// It gave all it was asked for.
    pub(super) fn succeeded(&mut self, url: &HttpUrl) {
        if let Some(server) = self.find(url) {
            server.failures = 0;
        }
    }

    /// It failed at `now`: it is asked again later, after longer each time. `fraction` of that is
    /// added, which is another one for each box.
    pub(super) fn failed(&mut self, url: &HttpUrl, now: Micros, fraction: Fraction<'_>) {
        self.failures = self.failures.saturating_add(1);
        let Some(server) = self.find(url) else { return };
        let wait = UNICAST_BACK_OFF.times(1_u64 << server.failures.min(10));
        server.failures = server.failures.saturating_add(1);
        server.not_before = now.after(wait).after(fraction.of(wait));
    }

    /// It is busy at `now`, for as long as it says.
    pub(super) fn busy(&mut self, url: &HttpUrl, now: Micros, retry_after: Micros) {
        self.busy = self.busy.saturating_add(1);
        let Some(server) = self.find(url) else { return };
        let wait = retry_after.max(UNICAST_BACK_OFF).min(UNICAST_RETRY_AFTER_MAX);
        server.not_before = now.after(wait);
    }

    /// It is not asked any more.
    pub(super) fn give_up(&mut self, url: &HttpUrl) {
        self.failures = self.failures.saturating_add(1);
        if let Some(server) = self.find(url) {
            server.is_out = true;
        }
    }

    /// None that gave bytes is asked any more: they were wrong.
    pub(super) fn distrust(&mut self) {
        self.failures = self.failures.saturating_add(1);
        for server in self.servers.iter_mut().filter(|server| server.gave) {
            (server.is_out, server.gave) = (true, false);
        }
    }
}

/// A part of each span that is a box's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fraction<'a> {
    pub(super) serial: &'a str,
    pub(super) release: &'a [u8],
}

impl Fraction<'_> {
    fn of(self, span: Micros) -> Micros {
        delay(self.serial, self.release, span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hosts;
    use alloc::string::{String, ToString};
    use stbcast_flute::fdt::Alternates;

    const NOW: Micros = Micros::from_secs(1_000);
    const FRACTION: Fraction<'_> = Fraction { serial: "1", release: &[] };

    fn options(serial: &str) -> UnicastOptions {
        UnicastOptions::new(serial.to_string(), Hosts::Any)
    }

    fn announced(list: &str) -> Unicast {
        Unicast::of(Alternates::new(list).unwrap())
    }

    fn servers(list: &str) -> Servers {
        let mut servers = Servers::default();
        servers.announce(Some(&announced(list)), &options("1"));
        servers
    }

    fn free(servers: &Servers, now: Micros) -> Option<HttpUrl> {
        servers.free(now).cloned()
    }

    #[test]
    fn one_that_fails_makes_room_for_the_next_and_is_asked_again_later_each_time() {
        let mut servers = servers("http://a/ http://b/");
        let first = free(&servers, NOW).unwrap();
        servers.failed(&first, NOW, FRACTION);
        let second = free(&servers, NOW).unwrap();
        assert_ne!(first, second);
        servers.failed(&second, NOW.after(Micros(1)), FRACTION);
        let mut waits: Vec<u64> = Vec::new();
        let mut now = NOW;
        while let Some(at) = servers.free_at() {
            assert_eq!(free(&servers, Micros(at.0 - 1)), None, "not before its time");
            let next = free(&servers, at).unwrap();
            if next == first {
                waits.push(at.since(now).0 / 1_000_000);
                now = at;
            }
            servers.failed(&next, at, FRACTION);
        }
        // 5, 10, 20 and 40 s, each with up to as much again.
        assert_eq!(waits.len(), 4, "{waits:?}");
        for (wait, least) in waits.iter().zip([5, 10, 20, 40]) {
            assert!((least..2 * least).contains(wait), "{waits:?}");
        }
        assert!(!servers.any_left());
    }

    #[test]
    fn a_busy_server_is_left_alone_for_as_long_as_it_says_and_at_most_a_day() {
        let mut servers = servers("http://a/");
        let url = free(&servers, NOW).unwrap();
        for (said, waited) in [(0, 5), (30, 30), (86_400, 86_400), (1_000_000, 86_400)] {
            servers.busy(&url, NOW, Micros::from_secs(said));
            assert_eq!(servers.free_at(), Some(NOW.after(Micros::from_secs(waited))), "{said}");
        }
        for _ in 0..1_000 {
            servers.busy(&url, NOW, Micros::ZERO);
        }
        assert!(!servers.any_left(), "and not for ever");
    }

    #[test]
    fn who_gave_wrong_bytes_is_not_asked_again_whatever_is_announced() {
        let mut servers = servers("http://a/ http://b/ http://c/");
        let liar = HttpUrl::parse("http://b/").unwrap();
        servers.gave(&liar);
        servers.distrust();
        assert!(!servers.has(&liar));
        servers.announce(Some(&announced("http://b/ http://d/")), &options("1"));
        assert!(!servers.has(&liar));
        assert_eq!(free(&servers, NOW).unwrap().to_string(), "http://d/");
        servers.announce(Some(&announced("http://b/")), &options("1"));
        assert!(!servers.any_left());
        servers.announce(None, &options("1"));
        assert!(!servers.any_left());
    }

    #[test]
    fn failures_are_bounded_whatever_is_announced() {
        let mut servers = Servers::default();
        for turn in 0..1_000_u32 {
            let list = alloc::format!("http://a{turn}/");
            servers.announce(Some(&announced(&list)), &options("1"));
            match free(&servers, NOW) {
                Some(url) => servers.failed(&url, NOW, FRACTION),
                None => return assert_eq!(turn, 32),
            }
        }
        panic!("no end");
    }

    #[test]
    fn boxes_share_the_servers_out_and_each_keeps_to_its_own() {
        let list = "http://a/ http://b/ http://c/";
        let first = |serial: u32| {
            let mut servers = Servers::default();
            servers.announce(Some(&announced(list)), &options(&serial.to_string()));
            free(&servers, NOW).unwrap().to_string()
        };
        let mut counts = alloc::collections::BTreeMap::<String, u32>::new();
        for serial in 0..3_000 {
            *counts.entry(first(serial)).or_default() += 1;
            assert_eq!(first(serial), first(serial));
        }
        assert!(
            counts.len() == 3 && counts.values().all(|n| (900..1_100).contains(n)),
            "{counts:?}"
        );
    }

    #[test]
    fn only_what_is_allowed_and_can_be_asked_is_asked() {
        let mut servers = Servers::default();
        let listed = Hosts::Listed(["b:8080".parse().unwrap()].into());
        let options = UnicastOptions::new(String::new(), listed);
        let list = "http://a/ https://b:8080/ http://b/ http://b:8080/x";
        servers.announce(Some(&announced(list)), &options);
        assert_eq!(free(&servers, NOW).unwrap().to_string(), "http://b:8080/x");
        servers.announce(Some(&announced("http://a/ https://b:8080/")), &options);
        assert_eq!(free(&servers, NOW), None);
    }
}

//! A server that sends no more than it can: so many downloads at a time, and to others it says when to
//! come again.

use stbcast_object::Micros;

use crate::chance::Chance;

/// Load is judged over such spans.
pub const SPAN: Micros = Micros::from_secs(10);

/// From a request to the first byte of its answer.
const LATENCY: Micros = Micros::from_millis(30);

/// Bytes of an answer around what was asked for, and of the request.
const OVERHEAD_BYTES: u64 = 500;

/// The server.
pub(super) struct Server {
    line_bps: u64,
    /// Downloads at a time.
    most: u64,
    active: u64,
    /// Boxes that were sent away and have not come back: what it takes the queue to be.
    waiting: u64,
    chance: Chance,
    /// Bits sent in each span.
    sent: Vec<u64>,
    pub(super) requests: u64,
    pub(super) refused: u64,
    pub(super) bytes: u64,
}

impl Server {
    /// A server that sends `capacity_bps` to lines of `line_bps`.
    pub(super) fn new(capacity_bps: u64, line_bps: u64, seed: u64) -> Self {
        Self {
            line_bps: line_bps.max(1),
            most: (capacity_bps / line_bps.max(1)).max(1),
            active: 0,
            waiting: 0,
            chance: Chance::branch(seed, u64::MAX),
            sent: Vec::new(),
            requests: 0,
            refused: 0,
            bytes: 0,
        }
    }

    /// Somebody asks for `bytes` at `now`, who was sent away before or not: when all of it is sent.
    ///
    /// # Errors
    /// After how long to ask again.
    pub(super) fn ask(
        &mut self,
        now: Micros,
        bytes: u64,
        was_refused: bool,
    ) -> Result<Micros, Micros> {
        self.requests += 1;
        let bits = 8 * (bytes + OVERHEAD_BYTES);
        let span = Micros(bits.saturating_mul(1_000_000) / self.line_bps);
        self.waiting -= u64::from(was_refused);
        if self.active >= self.most {
            self.refused += 1;
            self.waiting += 1;
            // Those before it, and as many again by chance, so that they do not come back together.
            let before = Micros(span.0.saturating_mul(self.waiting) / self.most);
            let wait = Micros(before.0 + self.chance.below(before.0 / 2 + 1_000_000));
            return Err(wait);
        }
        self.active += 1;
        self.bytes += bytes;
        let (from, to) = (now.after(LATENCY), now.after(LATENCY).after(span));
        self.note(from, to, bits);
        Ok(to)
    }

    /// A download ended.
    pub(super) fn end(&mut self) {
        self.active -= 1;
    }

    /// Everybody is gone.
    pub(super) fn clear(&mut self) {
        (self.active, self.waiting) = (0, 0);
    }

    /// Spreads bits over the spans in which they are sent.
    fn note(&mut self, from: Micros, to: Micros, bits: u64) {
        let (mut at, span) = (from, to.since(from).0.max(1));
        while at < to {
            let place = at.0 / SPAN.0;
            let end = Micros((place + 1) * SPAN.0).min(to);
            let part = u128::from(bits) * u128::from(end.since(at).0) / u128::from(span);
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            if place >= self.sent.len() {
                self.sent.resize(place + 1, 0);
            }
            if let Some(sent) = self.sent.get_mut(place) {
                *sent += u64::try_from(part).unwrap_or(u64::MAX);
            }
            at = end;
        }
    }

    /// The most that was sent in one span, in bits per second.
    pub(super) fn peak_bps(&self) -> f64 {
        let most = self.sent.iter().copied().max().unwrap_or(0);
        most as f64 / SPAN.as_secs_f64()
    }
}

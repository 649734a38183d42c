//! The servers, who answer as they like.

use stbcast_object::Micros;
use stbcast_receiver::{Answer, Input, Progress, Request, Server, UnicastError};

use super::stb::Stb;

/// What is asked of servers.
pub(super) struct Web {
    /// The box may ask.
    pub(super) is_allowed: bool,
    /// The request under way, and the byte that comes next.
    pub(super) under_way: Option<(Request, u64)>,
    next_id: u64,
}

impl Web {
    pub(super) const fn new(is_allowed: bool) -> Self {
        Self { is_allowed, under_way: None, next_id: 0 }
    }

    /// A request, or the number of one that is cancelled.
    pub(super) fn ask(&mut self, request: Result<Request, u64>, progress: Progress) {
        let request = match request {
            Ok(request) => request,
            Err(id) => {
                let gone = self.under_way.take().map(|(request, _)| request.id);
                assert_eq!(gone, Some(id), "what is cancelled is under way");
                return;
            }
        };
        assert!(self.is_allowed, "nobody may be asked");
        assert!(self.under_way.is_none(), "one at a time");
        assert_eq!(request.id, self.next_id, "a number is used once");
        self.next_id += 1;
        let to = request.to.expect("a range");
        assert!(request.from < to && to <= request.length_max, "{request:?}");
        let symbols = (to - request.from) * u64::from(progress.total) / request.length_max;
        let lacking = progress.total - progress.held;
        // A block of RaptorQ wants a few more than it has, where it is not all source symbols.
        let most = u64::from(lacking) + 8;
        assert!(symbols <= most, "{symbols} asked for, {lacking} are lacking");
        self.under_way = Some((request.clone(), request.from));
    }

    /// Which revision is asked for.
    pub(super) fn revision(&self) -> Option<usize> {
        let (request, _) = self.under_way.as_ref()?;
        let Server::Http(url) = &request.server else { panic!("{:?}", request.server) };
        url.path().trim_start_matches('/').parse().ok()
    }
}

impl Stb {
    /// A server does something; `object` is what it should have.
    pub(super) fn serve(&mut self, op: u8, n: u8, object: &[u8]) {
        self.hand_in();
        let Some((request, next)) = self.web.under_way.clone() else {
            // Of a request that is over.
            let answer = Answer::Busy { retry_after: None };
            return self.input(Input::Answered { id: u64::from(n), answer });
        };
        let to = request.to.expect("a range");
        match op % 8 {
            0..=2 => self.give((&request, next), 1 + usize::from(n) * 4, object, 0),
            3 => self.give((&request, next), 1 + usize::from(n), object, 0x55),
            4 => {
                let offset = next.wrapping_add(u64::from(n)).wrapping_sub(7);
                let payload = 0..usize::from(n % 80);
                let (id, length) = (request.id, payload.len());
                let honest = offset == next && length > 0 && offset + length as u64 <= to;
                if !honest {
                    self.input_with(Input::Bytes { id, offset, length, payload }, &[0x55; 80]);
                    // Another server may be asked at once.
                    let now = self.web.under_way.as_ref().map(|(request, _)| request.id);
                    assert_ne!(now, Some(id), "it goes on with what it did not ask for");
                }
            }
            5 => self.answer(Answer::Failed(failure(n))),
            6 => {
                let retry_after =
                    (!n.is_multiple_of(4)).then(|| Micros::from_millis(u64::from(n) * 50));
                self.answer(Answer::Busy { retry_after });
            }
            _ => {
                let length = object.len() as u64 + u64::from(n.is_multiple_of(8));
                let sha256 = (n % 4 == 1).then_some([n; 32]);
                self.answer(Answer::Done { length, sha256 });
            }
        }
        let given = self.web.under_way.as_ref().filter(|(_, next)| *next == to);
        if given.is_some() {
            self.answer(Answer::Done { length: object.len() as u64, sha256: None });
        }
    }

    fn give(&mut self, (request, next): (&Request, u64), length: usize, object: &[u8], lie: u8) {
        let end = request.to.expect("a range").min(next + length as u64);
        // The URL may have been forged: there is nothing then.
        let Some(bytes) = object.get(next as usize..end as usize) else {
            return self.answer(Answer::Failed(UnicastError::Range));
        };
        let bytes: Vec<u8> = bytes.iter().map(|byte| byte ^ lie).collect();
        if let Some((_, next)) = &mut self.web.under_way {
            *next = end;
        }
        let (id, payload) = (request.id, 0..bytes.len());
        let input = Input::Bytes { id, offset: next, length: bytes.len(), payload };
        self.input_with(input, &bytes);
    }

    fn answer(&mut self, answer: Answer) {
        // What arrived before may end it.
        self.hand_in();
        if let Some((request, _)) = self.web.under_way.take() {
            self.input(Input::Answered { id: request.id, answer });
        }
    }

    /// Servers fail from here on.
    pub(super) fn give_up_request(&mut self) {
        self.answer(Answer::Failed(UnicastError::Unreachable));
    }
}

fn failure(n: u8) -> UnicastError {
    match n % 8 {
        0 => UnicastError::Unreachable,
        1 => UnicastError::Silent,
        2 => UnicastError::Cut { bytes: u64::from(n) },
        3 => UnicastError::Status { status: 404 },
        4 => UnicastError::Changed,
        5 => UnicastError::Range,
        6 => UnicastError::TooLong { length: u64::MAX },
        _ => UnicastError::Protocol,
    }
}

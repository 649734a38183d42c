//! Any deeds of a server, in any order.

use proptest::prelude::*;
use stbcast_object::Micros;
use stbcast_receiver::{Answer, Event, FetchOptions, UnicastError};

use super::servers::object;
use super::{CUT, Stb, done, http, tftp};

/// What a server of a proptest does with a request.
#[derive(Clone, Debug)]
enum Deed {
    Give(usize, Answer),
    /// Another object from here on.
    Change,
}

fn deed() -> impl Strategy<Value = Deed> {
    let error = prop::sample::select(vec![
        CUT,
        Answer::Failed(UnicastError::Silent),
        Answer::Failed(UnicastError::Unreachable),
        Answer::Failed(UnicastError::Range),
        Answer::Failed(UnicastError::Protocol),
        Answer::Failed(UnicastError::Status { status: 500 }),
        Answer::Busy { retry_after: None },
        Answer::Busy { retry_after: Some(Micros::from_secs(3)) },
    ]);
    prop_oneof![
        6 => (0usize..1_200, error).prop_map(|(count, answer)| Deed::Give(count, answer)),
        1 => Just(Deed::Change),
    ]
}

proptest! {
    #[test]
    fn whatever_servers_do_one_whole_revision_is_committed_or_nothing(
        deeds in prop::collection::vec(deed(), 0..30),
        lengths in [0usize..1_000, 0usize..1_000],
        by_http in any::<bool>(),
    ) {
        let revisions = lengths.map(object);
        let target = if by_http { http() } else { tftp() };
        let mut stb = Stb::new(target, FetchOptions { attempts: 20, ..FetchOptions::default() });
        // Which revision is there, and which the transport knows the validator of.
        let (mut current, mut known) = (0, 0);
        let mut deeds = deeds.into_iter();
        for _ in 0..200 {
            let Some(request) = stb.next_request() else { break };
            let mut deed = deeds.next();
            if matches!(deed, Some(Deed::Change)) {
                current = 1;
                deed = deeds.next();
            }
            if request.from == 0 {
                known = current;
            }
            let object = &revisions[current];
            if known != current {
                stb.answer(request.id, Answer::Failed(UnicastError::Changed));
                continue;
            }
            match deed {
                Some(Deed::Give(count, answer)) => stb.serve(object, count, answer),
                _ => stb.serve(object, usize::MAX, done(object)),
            };
        }
        prop_assert!(stb.session.is_over());
        match stb.committed() {
            Some(bytes) => {
                prop_assert!(revisions.iter().any(|revision| revision == bytes));
                let is_complete = matches!(stb.events.last(), Some(Event::Complete { .. }));
                prop_assert!(is_complete);
            }
            None => prop_assert!(stb.error().is_some()),
        }
    }
}

//! The channel a run hears: joined and left as the session says, counted over all of them.

use std::net::IpAddr;

use stbcast_object::Group;

use super::{Batch, Clock, Interface, Observer, ReceiveFigures, Receiver, Trouble, WAIT};

/// At most one socket, and what all of them have counted.
pub(super) struct Ears<'a> {
    interface: Option<&'a Interface>,
    receiver: Option<Receiver>,
    told_of_buffer: bool,
    /// Without what the socket that is open has counted.
    pub(super) figures: ReceiveFigures,
    pub(super) clock: Clock,
}

impl<'a> Ears<'a> {
    pub(super) fn new(interface: Option<&'a Interface>) -> Self {
        let (figures, clock) = (ReceiveFigures::default(), Clock::start());
        Self { interface, receiver: None, told_of_buffer: false, figures, clock }
    }

    pub(super) fn join(
        &mut self,
        group: Group,
        source: Option<IpAddr>,
        observer: &mut dyn Observer,
    ) {
        // The socket left before goes first: a box may be allowed few memberships.
        self.leave();
        match Receiver::join(group, source, self.interface) {
            Ok(receiver) => {
                let buffer = receiver.buffer();
                if buffer.is_short() && !self.told_of_buffer {
                    self.told_of_buffer = true;
                    observer.trouble(&Trouble::ReceiveBuffer(buffer));
                }
                self.receiver = Some(receiver);
            }
            Err(error) => observer.trouble(&Trouble::Network(error.to_string())),
        }
    }

    pub(super) fn leave(&mut self) {
        if let Some(left) = self.receiver.take() {
            self.figures.add(&left);
        }
    }

    /// What waits on the channel; nothing after [`WAIT`].
    pub(super) fn recv(&mut self, batch: &mut Batch, observer: &mut dyn Observer) {
        let Some(receiver) = &mut self.receiver else {
            batch.clear();
            return std::thread::sleep(WAIT);
        };
        if let Err(error) = receiver.recv(batch, &self.clock) {
            // Closed until the session joins again, else a broken socket would spin here.
            batch.clear();
            self.leave();
            observer.trouble(&Trouble::Network(format!("cannot receive: {error}")));
        }
    }
}

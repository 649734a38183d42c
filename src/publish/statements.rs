//! When statements come on air, and when they leave.

use std::sync::Arc;

use stbcast_flute::Statement;

use super::Publisher;

impl Publisher {
    /// Takes every statement off the air whose document is not among these, while the line-up that lacks
    /// it is still being made: to copy and check large images takes seconds, and what is withdrawn must
    /// not be followed meanwhile.
    pub fn withdraw_others(&mut self, documents: Vec<Arc<[u8]>>) {
        if let Some(announcer) = &mut self.announcer {
            announcer.withdraw(|statement| is_named(&documents, statement));
        }
        self.coming = Some(documents);
        self.flush();
    }

    /// The line-up that was being made is there: what it says is said when it is published.
    pub fn accept(&mut self) {
        self.coming = None;
    }

    /// The line-up that was being made is refused: what it withdrew is said again.
    pub fn refuse(&mut self) {
        self.coming = None;
        if !self.stages.iter().any(|stage| stage.signs) {
            self.state();
            self.flush();
        }
    }

    /// Says all statements, now that what they name is on air.
    pub(super) fn state(&mut self) {
        let coming = self.coming.as_deref();
        let stays = |it: &&Statement| coming.is_none_or(|documents| is_named(documents, it));
        let statements = self.statements.iter().filter(stays).cloned().collect();
        if let Some(announcer) = &mut self.announcer {
            announcer.state(statements);
        }
    }
}

fn is_named(documents: &[Arc<[u8]>], statement: &Statement) -> bool {
    documents.iter().any(|document| **document == *statement.bytes())
}

//! Whether a box is meant by an action, and whether it is time.

use crate::{Action, Check, Clock, Identity, Kind, Order, Refusal, Trust, on};

impl Trust {
    /// Whether an action that [`Trust::open`] gave is for this box, whatever the time is.
    ///
    /// # Errors
    /// Why not: [`Refusal::Operator`], [`Refusal::Model`], [`Refusal::Hardware`] or
    /// [`Refusal::Serial`].
    pub fn concerns(&self, action: &Action, identity: &Identity) -> Result<(), Refusal> {
        let kind = Kind::Action;
        let wanted = &self.root().operator;
        if action.operator != *wanted && on(Check::ActionOperator) {
            let (found, wanted) = (action.operator.clone(), wanted.clone());
            return Err(Refusal::Operator { kind, found, wanted });
        }
        let is_named = action.models.is_empty() || action.models.contains(&identity.model);
        if !is_named && on(Check::ActionModel) {
            let (found, wanted) = (action.models.clone(), identity.model.clone());
            return Err(Refusal::Model { kind, found, wanted });
        }
        if !action.hardware.contains(&identity.hardware) && on(Check::ActionHardware) {
            let (first, last) = (*action.hardware.start(), *action.hardware.end());
            let hardware = identity.hardware;
            return Err(Refusal::Hardware { kind, first, last, hardware });
        }
        if !action.is_for_serial(&identity.serial) && on(Check::ActionSerial) {
            return Err(Refusal::Serial { serial: identity.serial.clone() });
        }
        Ok(())
    }

    /// Whether an action may be obeyed at this time.
    ///
    /// Nobody who forges an unsigned time makes an action expire, or a box that has a clock reboot
    /// before it is to. A kill that comes early does no harm.
    ///
    /// # Errors
    /// [`Refusal::Expired`] or [`Refusal::NotYetValid`]; and where the root has expired.
    pub fn is_time(&self, action: &Action, clock: &Clock, time_floor: u64) -> Result<(), Refusal> {
        let now = clock.earliest(time_floor);
        let expiry = self.root().expiry;
        if now >= expiry && on(Check::RootExpiry) {
            return Err(Refusal::Expired { kind: Kind::Root, expiry, now });
        }
        let (kind, expiry, not_before) = (Kind::Action, action.expiry, action.not_before);
        if now >= expiry && on(Check::ActionExpiry) {
            return Err(Refusal::Expired { kind, expiry, now });
        }
        let now = match (&action.order, clock.own) {
            (Order::Reboot { .. }, Some(_)) => now,
            _ => clock.latest(time_floor),
        };
        if now < not_before && on(Check::ActionNotBefore) {
            return Err(Refusal::NotYetValid { kind, not_before, now });
        }
        Ok(())
    }
}

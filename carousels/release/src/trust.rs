//! From bytes to a statement that may be believed: the root that is held decides whose keys count.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::cose::{Envelope, Part, parse};
use crate::key::digest;
use crate::{Action, Check, KeyRole, Kind, Permit, Refusal, Release, Role, Root, on};

/// What was signed, and the identity of the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    /// SHA-256 of the statement's bytes.
    pub id: [u8; 32],
    /// What it says.
    pub value: T,
}

/// A statement whose signatures hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// The next root: hand its bytes to [`Trust::advance`].
    Root(Box<Signed<Root>>),
    /// A release.
    Release(Box<Signed<Release>>),
    /// A permit.
    Permit(Box<Signed<Permit>>),
    /// An action.
    Action(Box<Signed<Action>>),
}

impl Statement {
    /// What it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Root(_) => Kind::Root,
            Self::Release(_) => Kind::Release,
            Self::Permit(_) => Kind::Permit,
            Self::Action(_) => Kind::Action,
        }
    }
}

/// A statement whose form is legal and of which nothing is verified.
pub struct Sealed<'a> {
    bytes: &'a [u8],
    envelope: Envelope,
}

impl<'a> Sealed<'a> {
    /// Reads a message and its headers; its payload stays closed.
    ///
    /// # Errors
    /// When it is too long, or no message of the one legal form.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        Ok(Self { bytes, envelope: Envelope::open(bytes)? })
    }

    /// What it says that it is.
    pub const fn kind(&self) -> Kind {
        self.envelope.kind
    }
}

/// The root that a box goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    root: Root,
    document: Vec<u8>,
    id: [u8; 32],
}

impl Trust {
    /// The root that came with the box or that it stored: believed because of where it is. That its
    /// own keys signed it tells a broken file from a whole one; the keys of the root before it, which
    /// signed it, too, are not known here.
    ///
    /// # Errors
    /// When it is no root, or its own root keys did not sign it.
    pub fn new(bytes: &[u8]) -> Result<Self, Refusal> {
        let envelope = Envelope::open(bytes)?;
        expect(&envelope, Kind::Root)?;
        let root = Root::decode(payload(&envelope)?)?;
        verify(&envelope, &[(Role::Root, &root.root)])?;
        Ok(Self { root, document: bytes.to_vec(), id: digest(bytes) })
    }

    /// The root document.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// Its bytes, to be remembered.
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// Its identity. The same statement heard again is no news.
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// Goes on to the next root. What was refused before may now be legal, so who remembers digests
    /// of refused statements forgets them.
    ///
    /// # Errors
    /// When it is not number N + 1 of the same operator, with no lower epoch, signed by the
    /// thresholds of both roots. The root that is held stays.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let root = self.next(&Envelope::open(bytes)?)?;
        *self = Self { root, document: bytes.to_vec(), id: digest(bytes) };
        Ok(())
    }

    /// Reads a statement: headers, then signatures, then what it says. Release keys sign releases,
    /// release and channel keys sign permits, channel keys sign actions, root keys sign the next root.
    ///
    /// # Errors
    /// When it is not signed as it has to be, or is not legal. A root that is not the next one is
    /// [`Refusal::RootNumber`] or [`Refusal::UnknownKey`].
    pub fn open(&self, bytes: &[u8]) -> Result<Statement, Refusal> {
        self.unseal(&Sealed::read(bytes)?)
    }

    /// Reads a statement as [`Trust::open`] does.
    ///
    /// # Errors
    /// As there.
    pub fn unseal(&self, sealed: &Sealed<'_>) -> Result<Statement, Refusal> {
        let Sealed { bytes, envelope } = sealed;
        let id = digest(bytes);
        Ok(match envelope.kind {
            Kind::Root => Statement::Root(Box::new(Signed { id, value: self.next(envelope)? })),
            Kind::Release => {
                self.accept(envelope, &[Role::Release])?;
                let value = Release::decode(payload(envelope)?)?;
                Statement::Release(Box::new(Signed { id, value }))
            }
            Kind::Permit => {
                self.accept(envelope, &[Role::Release, Role::Channel])?;
                let value = Permit::decode(payload(envelope)?)?;
                Statement::Permit(Box::new(Signed { id, value }))
            }
            Kind::Action => {
                self.accept(envelope, &[Role::Channel])?;
                let value = Action::decode(payload(envelope)?)?;
                Statement::Action(Box::new(Signed { id, value }))
            }
        })
    }

    /// The most signatures that [`Trust::unseal`] or [`Trust::advance`] verifies of a statement: 0
    /// to 16, and 0 where nobody signed whose key counts. Of a root those by keys of the root that is
    /// held are, and when they are enough, all of them by its own.
    pub fn verifications(&self, sealed: &Sealed<'_>) -> usize {
        let signers = &sealed.envelope.signers;
        let by = |role: Role| {
            let keys = self.root.role(role);
            signers.iter().filter(|signer| keys.key(signer.kid).is_some()).count()
        };
        match sealed.kind() {
            Kind::Release => by(Role::Release),
            Kind::Action => by(Role::Channel),
            Kind::Permit => by(Role::Release) + by(Role::Channel),
            Kind::Root => match by(Role::Root) {
                too_few if too_few < usize::from(self.root.root.threshold) => too_few,
                enough => enough + signers.len(),
            },
        }
    }

    /// Verifies signatures by the roles that all have to sign, and nobody else.
    fn accept(&self, envelope: &Envelope, roles: &[Role]) -> Result<(), Refusal> {
        let roles: Vec<_> = roles.iter().map(|&role| (role, self.root.role(role))).collect();
        check_known(envelope, &roles)?;
        verify(envelope, &roles)
    }

    fn next(&self, envelope: &Envelope) -> Result<Root, Refusal> {
        expect(envelope, Kind::Root)?;
        let held = (Role::Root, &self.root.root);
        verify(envelope, &[held])?;
        let root = Root::decode(payload(envelope)?)?;
        if Some(root.number) != self.root.number.checked_add(1) && on(Check::RootNumber) {
            return Err(Refusal::RootNumber { found: root.number, held: self.root.number });
        }
        if root.operator != self.root.operator && on(Check::RootOperator) {
            let (found, wanted) = (root.operator, self.root.operator.clone());
            return Err(Refusal::Operator { kind: Kind::Root, found, wanted });
        }
        if root.epoch < self.root.epoch && on(Check::RootEpoch) {
            return Err(Refusal::RootEpoch { found: root.epoch, held: self.root.epoch });
        }
        let own = (Role::Root, &root.root);
        check_known(envelope, &[held, own])?;
        if on(Check::RootOwnKeys) {
            verify(envelope, &[own])?;
        }
        Ok(root)
    }
}

fn expect(envelope: &Envelope, wanted: Kind) -> Result<(), Refusal> {
    let found = envelope.kind;
    if found == wanted { Ok(()) } else { Err(Refusal::Kind { found, wanted }) }
}

fn payload(envelope: &Envelope) -> Result<crate::cose::Value, Refusal> {
    parse(Part::Payload, envelope.payload())
}

/// Whether each signature is by a key of one of `roles`.
fn check_known(envelope: &Envelope, roles: &[(Role, &KeyRole)]) -> Result<(), Refusal> {
    for signer in &envelope.signers {
        let known = roles.iter().any(|(_, role)| role.key(signer.kid).is_some());
        if !known && on(Check::KnownKey) {
            return Err(Refusal::UnknownKey { kind: envelope.kind, kid: signer.kid });
        }
    }
    Ok(())
}

/// Verifies the signatures by keys of `roles` and holds each role against its threshold: a key
/// counts once. Signatures of others are passed over.
fn verify(envelope: &Envelope, roles: &[(Role, &KeyRole)]) -> Result<(), Refusal> {
    for &(role, keys) in roles {
        let mut signed = Vec::new();
        for (which, signer) in envelope.signers.iter().enumerate() {
            let Some(key) = keys.key(signer.kid) else { continue };
            let right = !on(Check::Signature)
                || key.verifies(&envelope.signed_bytes(which), &signer.signature);
            if !right {
                return Err(Refusal::Signature { kid: signer.kid });
            }
            if !signed.contains(key) {
                signed.push(*key);
            }
        }
        let (signed, threshold) = (signed.len(), keys.threshold);
        if signed < usize::from(threshold) && on(Check::Threshold) {
            return Err(Refusal::Threshold { role, signed, threshold });
        }
    }
    Ok(())
}

//! Integer keys of the maps in a payload. `PROTOCOL.md` lists them; a number is never used again.

/// In all four statements.
pub(crate) mod top {
    pub(crate) const NUMBER: u8 = 1;
    pub(crate) const EPOCH: u8 = 2;
    pub(crate) const OPERATOR: u8 = 3;
    pub(crate) const MODELS: u8 = 4;
    pub(crate) const HARDWARE: u8 = 5;
    pub(crate) const NOT_BEFORE: u8 = 6;
    pub(crate) const EXPIRY: u8 = 7;
    pub(crate) const OBJECTS: u8 = 8;
    pub(crate) const ROOT: u8 = 9;
    pub(crate) const RELEASE: u8 = 10;
    pub(crate) const CHANNEL: u8 = 11;
    pub(crate) const SERIALS: u8 = 12;
    pub(crate) const FROM: u8 = 13;
    pub(crate) const TO: u8 = 14;
    pub(crate) const DIGEST: u8 = 15;
    pub(crate) const ORDER: u8 = 16;
}

/// In an object of a release.
pub(crate) mod object {
    pub(crate) const KIND: u8 = 1;
    pub(crate) const NAME: u8 = 2;
    pub(crate) const LENGTH: u8 = 3;
    pub(crate) const SHA256: u8 = 4;
    pub(crate) const SLICE_BYTES: u8 = 5;
    pub(crate) const URL: u8 = 6;
    pub(crate) const COMPANION: u8 = 7;
    pub(crate) const LAYOUT: u8 = 8;
    pub(crate) const HTTP: u8 = 9;
    pub(crate) const HTTP_AFTER: u8 = 10;
    pub(crate) const HTTP_WINDOW: u8 = 11;
}

/// In a role of a root.
pub(crate) mod role {
    pub(crate) const THRESHOLD: u8 = 1;
    pub(crate) const KEYS: u8 = 2;
}

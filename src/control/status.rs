//! What is on air, as a value.

use serde::{Deserialize, Serialize};

/// Everything an operator asks for at a glance. Times are Unix seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When this was said.
    pub time: u64,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// The line-up, a file or a directory.
    pub line_up: String,
    /// How many times what is on air was changed.
    pub generation: u64,
    /// Whether the last change is on air whole.
    pub settled: bool,
    /// Whether a line-up is being read.
    pub loading: bool,
    /// Why what the schedule or the kill file says cannot go on air; it is tried again.
    pub refused: Option<String>,
    /// What the last reload came to.
    pub last_reload: Option<ReloadStatus>,
    /// The channels in the order of the line-up; behind them those that it no longer has and that complete
    /// their cycle.
    pub channels: Vec<ChannelStatus>,
    /// The announce session.
    pub announce: Option<AnnounceStatus>,
    /// Senders of vendors.
    #[serde(default)]
    pub vendor_senders: Vec<VendorSenderStatus>,
    /// When the schedule changes something next.
    pub next_change: Option<u64>,
    /// What is killed.
    pub killed: Option<KilledStatus>,
    /// The copies of what is on air.
    pub spool: SpoolStatus,
    /// What is sent where.
    pub interfaces: Vec<InterfaceStatus>,
    /// Boxes that ask over HTTP.
    pub http: Option<HttpStatus>,
    /// Where reports of MAG boxes are taken.
    #[serde(default)]
    pub mag_log: Option<String>,
}

/// A line-up that was read again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadStatus {
    /// When.
    pub time: u64,
    /// Whether it was taken.
    pub accepted: bool,
    /// What changed, or why it was refused.
    pub lines: Vec<String>,
}

/// What a channel does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It sends.
    OnAir,
    /// It is about to.
    #[default]
    Waiting,
    /// Its schedule says no.
    OutsideWindow,
    /// Somebody took it, or all of its objects, off the air.
    Killed,
    /// The system refuses what it sends.
    Failing,
    /// It is to leave, and completes its cycle before.
    Leaving,
}

impl State {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OnAir => "on air",
            Self::Waiting => "waiting",
            Self::OutsideWindow => "outside its window",
            Self::Killed => "killed",
            Self::Failing => "failing",
            Self::Leaving => "leaving",
        }
    }
}

/// One channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelStatus {
    /// Its name.
    pub name: String,
    /// Where it is sent.
    pub group: String,
    /// What it does.
    pub state: State,
    /// When its schedule changes that, or its rate.
    pub until: Option<u64>,
    /// Bits of IP per second it is paced to, its repair symbols left aside.
    pub bit_rate_bps: u64,
    /// Bits of IP per second that it sent of late.
    pub measured_bps: u64,
    /// The same of its repair symbols.
    pub repair_bps: Option<u64>,
    /// The cycle that is sent, from 1.
    pub cycle: u64,
    /// How much of it is sent, 0 to 1.
    pub cycle_done: f64,
    /// Seconds until it is complete.
    pub cycle_left_s: f64,
    /// Datagrams sent.
    pub packets: u64,
    /// Datagrams the system refused.
    pub errors: u64,
    /// Why it refuses them now.
    pub errno: Option<String>,
    /// Whether another content waits for the end of the cycle.
    pub pending: bool,
    /// Its objects on air.
    pub objects: Vec<ObjectStatus>,
}

/// What the process of a vendor's sender does. What it sends is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VendorState {
    /// It runs.
    Running,
    /// It was told to end.
    Ending,
    /// It ended by itself or could not be started, and is started again.
    Failing,
    /// It sent its file as often as it was told.
    Done,
    /// It is about to run.
    #[default]
    Waiting,
    /// Its schedule says no.
    OutsideWindow,
    /// Somebody took it off the air.
    Killed,
}

impl VendorState {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ending => "ending",
            Self::Failing => "failing",
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::OutsideWindow => "outside its window",
            Self::Killed => "killed",
        }
    }
}

/// A vendor's sender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorSenderStatus {
    /// Its name.
    pub name: String,
    /// Where it was told to send.
    pub group: String,
    /// What its process does.
    pub state: VendorState,
    /// When its schedule changes that.
    pub until: Option<u64>,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// Bits of IP per second that it is counted as.
    pub counted_bps: u64,
    /// Whether that is an estimate of ours.
    pub is_estimated: bool,
    /// Times it was started again because it had ended by itself.
    pub restarts: u64,
    /// How it ended last, when nobody had asked it to.
    pub problem: Option<String>,
}

/// One object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectStatus {
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes; none where they are made at send time.
    pub sha256: Option<String>,
    /// Its version, where one is written.
    pub version: Option<String>,
}

/// The announce session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnounceStatus {
    /// Where it is sent.
    pub group: String,
    /// Signed statements of the line-up that are said now.
    pub statements: usize,
    /// When the first of them expires.
    pub expire: Option<u64>,
    /// Bits of IP per second that it sent of late.
    pub measured_bps: u64,
    /// Datagrams the system refused.
    pub errors: u64,
    /// Why it refuses them now.
    pub errno: Option<String>,
}

/// What is killed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KilledStatus {
    /// The file that says so.
    pub file: String,
    /// What is killed, as in the file.
    pub entries: Vec<String>,
    /// What is wrong with the file: what was killed stays so.
    pub problem: Option<String>,
}

/// The spool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolStatus {
    /// Its directory.
    pub path: String,
    /// Bytes in it, when the last line-up was read.
    pub used_bytes: u64,
    /// The most that it may hold.
    pub cap_bytes: u64,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// Its name, however it is written; as written where this machine does not have it, and none where the
    /// routing table decides.
    pub name: Option<String>,
    /// Bits of IP per second that it may carry, where the line-up says so.
    pub cap_bps: Option<u64>,
    /// Bits of IP per second that we sent there of late.
    pub measured_bps: u64,
    /// What the senders of vendors that run are counted as there, in bits of IP per second: nobody measures
    /// them.
    #[serde(default)]
    pub vendors_bps: u64,
}

/// Boxes that ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpStatus {
    /// Where they are answered.
    pub address: String,
}

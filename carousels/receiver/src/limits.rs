//! Every limit of the box in one place. None is taken from the network.

use stbcast_object::Micros;

/// Silence after which an attempt is given up (Infocast notes §8: 10 s).
pub const TIMEOUT: Micros = stbcast_infocast::BOX_PATIENCE;

/// Attempts before a fetch fails (Infocast notes §8: 3).
pub const ATTEMPTS: u8 = 3;

/// A channel that is alive but does not carry the object is given up after this many time-outs.
/// Joining again would not help, so no further attempt is made.
pub const ABSENT_TIMEOUTS: u64 = 6;

/// Largest object taken, in bytes.
pub const OBJECT_BYTES_MAX: u64 = 2 << 30;

/// Slices of an object whose slices are not equal: each needs 16 bytes of memory.
pub const UNEQUAL_SLICES_MAX: u32 = 65_536;

/// Contradictions in a row, without one agreement between, that prove a new revision.
pub const REVISION_CONTRADICTIONS: u32 = 4;

/// Slices that wait in memory until it is known which revision they belong to.
pub const PARKED_SLICES_MAX: usize = 2 * REVISION_CONTRADICTIONS as usize;

/// Longest slice, in bytes: no datagram of a channel is longer.
pub const SLICE_BYTES_MAX: usize = stbcast_infocast::Packet::BYTES_MAX - stbcast_mag::HEADER_BYTES;

/// Bytes reserved for one parked slice: no payload is longer.
pub const PARKED_SLICE_BYTES: usize = stbcast_infocast::Packet::BYTES_MAX;

/// Most packets of an image on a MAG channel.
pub const MAG_PACKETS_MAX: u32 = stbcast_mag::PACKETS_MAX;

/// Bytes of the parking area as a whole: two slices before their size is known, those of another
/// revision, and those that differ from what is held.
pub const PARKING_BYTES: usize = (2 * PARKED_SLICES_MAX + 2) * PARKED_SLICE_BYTES;

/// Different repeated slices that must agree before two passes are believed to be of one revision.
/// Senders change revisions between passes only, so a few tell.
pub const CONFIRM_SLICES: u32 = 8;

/// While the pace of a pass is not known, a silence longer than this may hide a whole cycle, so
/// what follows is a new pass.
pub const PASS_SILENCE: Micros = Micros::from_secs(1);

/// Longest span by which the network lets the first datagrams of a pass overtake the last ones of
/// the pass before.
pub const OVERTAKEN: Micros = Micros::from_millis(50);

/// Senders of one object whose passes are followed apart.
pub const SENDERS_MAX: usize = 4;

/// Packets that arrive this much out of order do not count as a new pass; an eighth of the object
/// where that is less.
pub const REORDER_SLICES: u32 = 64;

/// Objects `listen` keeps apart; further names are counted together.
pub const LISTED_OBJECTS_MAX: usize = 256;

/// Senders `listen` keeps apart per object.
pub const LISTED_SENDERS_MAX: usize = 8;

/// Parts of one gathered write. The larger a write, the larger the pieces in which a file system
/// takes memory for it; half of what Linux takes in one call keeps the stack small.
pub const WRITE_PARTS_MAX: usize = 512;

/// Bytes of the object read back at a time to verify it.
pub const READ_BACK_BYTES: u64 = 64 * 1024;

/// Groups joined at a time: announce session, channel and companion.
pub const GROUPS_MAX: usize = 3;

/// Longest that a superseded revision is completed instead of the new one, whatever is announced.
pub const OVERLAP_MAX: Micros = Micros::from_secs(86_400);

/// An overlap begins with the first slice of the new revision, this long at most after boxes hear of it.
pub const OVERLAP_LATE: Micros = Micros::from_secs(5);

/// Times that a fetch leaves its channel because its object is said to be superseded: whoever says so has
/// signed nothing.
pub const OVERLAP_HINTS_MAX: u8 = 2;

/// How long an announce session that is alive may go without naming the object, counted from its
/// first datagram. It repeats all its descriptions each second.
pub const ANNOUNCED_WITHIN: Micros = Micros::from_secs(5);

/// Memory that is enough for an object of 1 GiB with the largest blocks, in bytes: what
/// [`FetchOptions::memory_bytes`](crate::FetchOptions::memory_bytes) is, unless said otherwise.
pub const MEMORY_BYTES: usize = 16 << 20;

/// What of the memory is left for sockets, datagrams that wait and descriptions, in bytes.
pub const RECEIVE_MEMORY_BYTES: usize = 3 << 19;

/// Repair symbols kept at a time, of all blocks together; each costs about 8 bytes of memory.
pub const REPAIR_SYMBOLS_MAX: u32 = 1 << 17;

/// Longest wait of a box for its turn to ask servers while nothing comes by multicast.
pub const UNICAST_PATIENCE: Micros = Micros::from_secs(86_400);

/// The same in a boot, which has an image to fall back on.
pub const UNICAST_PATIENCE_BOOT: Micros = Micros::from_secs(900);

/// Most bytes asked for in one request: what comes by multicast meanwhile is asked for in vain.
pub const UNICAST_BYTES_MAX: u64 = 1 << 20;

/// Silence after which a server counts as gone.
pub const UNICAST_TIMEOUT: Micros = Micros::from_secs(15);

/// Slowest server that is waited for, in bytes a second, beyond the time-out.
pub const UNICAST_BYTES_PER_S_MIN: u64 = 4 << 10;

/// Further cycles that a box hears while more than a quarter of the object is missing.
pub const UNICAST_MORE_CYCLES: u32 = 8;

/// Failures in a row after which a server is not asked any more.
pub const UNICAST_SERVER_FAILURES: u8 = 5;

/// Failures of all servers together after which none is asked any more for a revision.
pub const UNICAST_FAILURES: u8 = 32;

/// Answers of busy servers after which none is asked any more for a revision.
pub const UNICAST_BUSY_MAX: u16 = 1_000;

/// Wait after the first failure of a server; it doubles with each one that follows.
pub const UNICAST_BACK_OFF: Micros = Micros::from_secs(5);

/// Longest wait that a busy server can ask for.
pub const UNICAST_RETRY_AFTER_MAX: Micros = Micros::from_secs(86_400);

/// Times that an object may be whole and not what was announced, before all that is held of it is
/// dropped.
pub const DIGEST_FAILURES: u8 = 3;

/// Times that all is dropped before the fetch fails.
pub const DIGEST_DROPS: u8 = 3;

/// TFTP servers that are tried in turn (Infocast notes §8.2).
pub const TFTP_SERVERS_MAX: usize = 4;

/// Least that a server must send, in bytes a second: a line that is slower than this carries no
/// television either. Below it a server that drips would hold a box for days.
pub const UNICAST_BYTES_PER_S: u64 = 1024;

/// How far a TFTP transfer may fall behind that rate: datagrams that are lost cost a second each.
pub const TFTP_SLACK: Micros = Micros::from_secs(60);

/// Shortest time before a datagram of TFTP is sent again.
pub const TFTP_RESEND_MIN: Micros = Micros::from_millis(50);

/// A block that comes again this soon was doubled on its way, and is not answered.
pub const TFTP_REPEAT: Micros = Micros::from_millis(200);

/// Datagrams of strangers that are answered in one TFTP transfer.
pub const TFTP_STRANGERS_MAX: u8 = 8;

/// Pause before a server that failed is asked again; each time twice as long.
pub const ASK_AGAIN: Micros = Micros::from_secs(1);

/// Longest of these pauses.
pub const ASK_AGAIN_MAX: Micros = Micros::from_secs(30);

/// How long a server without time is left alone that does not say how long.
pub const BUSY: Micros = Micros::from_secs(10);

/// How long servers without time are waited for in all, unless said otherwise (security notes §5.6:
/// total time to give up and boot).
pub const BUSY_PATIENCE: Micros = Micros::from_secs(15 * 60);

/// Most that may be said (security notes §9.6).
pub const BUSY_PATIENCE_MAX: Micros = Micros::from_secs(24 * 3600);

/// An attempt that brings this many bytes more than were ever held does not count as failed.
pub const UNICAST_PROGRESS_BYTES: u64 = 1 << 20;

/// Longest statement, in bytes: one datagram.
pub const STATEMENT_BYTES_MAX: usize = 1_400;

/// Bytes of LCT header, EXT_FTI and payload id in front of a statement.
pub const STATEMENT_HEAD_BYTES: usize = stbcast_flute::SOURCE_HEAD_BYTES;

/// Releases, and permits, that are kept at a time: those that help this box most.
pub const STATEMENTS_MAX: usize = 8;

/// Statements that are known to need no further look: the last ones.
pub const SETTLED_MAX: usize = 32;

/// Signatures verified in a second (security notes §5.6).
pub const CHECKS_PER_S: u64 = 20;

/// Signatures verified in one go.
pub const CHECKS_BURST: u64 = 40;

/// How long statements are gathered behind the first one that may be followed. They all come each
/// second.
pub const SETTLE: Micros = Micros::from_millis(1_500);

/// How long a trusted boot may take in all, unless said otherwise: whatever is on air, a box boots
/// (security notes §5.6). What was received by then is held.
pub const TRUSTED_PATIENCE: Micros = Micros::from_secs(15 * 60);

/// Silence of the announce session after which a watch joins it anew.
pub const WATCH_SILENCE: Micros = Micros::from_secs(30);

/// How long ago an action must have been heard to be obeyed: one that was taken off the air is not.
pub const ACTION_FRESH: Micros = Micros::from_secs(30);

/// What of the memory of a trusted boot is for statements while an object is fetched: what was heard
/// lately (16 KiB), what is settled (45 KiB) and what is believed. Before that it is 112 KiB more.
pub const TRUSTED_BYTES: usize = 128 << 10;

/// Parts of an object after each of which the storage is told what is written, for a restart.
pub const KEEP_PARTS: u64 = 64;

/// Least that is written between two of these.
pub const KEEP_BYTES_MIN: u64 = 256 << 10;

/// Most that is written between two of these. A storage makes it durable in one go, while what
/// arrives waits in the socket: a slow flash takes a fifth of a second for it.
pub const KEEP_BYTES_MAX: u64 = 4 << 20;

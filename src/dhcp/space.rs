//! The option spaces inside option 43: codes, names and kinds, as the vendors document them.

/// A family of boxes, by its option space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// KreaTV: boxes of Motorola and ARRIS.
    Kreatv,
    /// MAG200.
    Teletec,
    /// MAG245, MAG250 and later.
    Infomir,
    /// Dune HD.
    Dune,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Printable letters of ASCII.
    Text,
    /// One IPv4 address.
    Ipv4,
    /// 1 to 4 IPv4 addresses.
    Ipv4List,
    /// One byte.
    U8,
    /// Two bytes, big endian.
    U16,
    /// Four bytes, big endian.
    U32,
    /// One byte, 0 or 1.
    Bool,
}

/// Which program of a box reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The boot loader, and the program that updates the box.
    Boot,
    /// The system that runs.
    Run,
}

/// A sub-option of option 43.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its code.
    pub code: u8,
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Who reads it.
    pub phase: Phase,
}

const fn of(phase: Phase, code: u8, name: &'static str, kind: Kind) -> Definition {
    Definition { code, name, kind, phase }
}

const fn boot(code: u8, name: &'static str, kind: Kind) -> Definition {
    of(Phase::Boot, code, name, kind)
}

const fn run(code: u8, name: &'static str, kind: Kind) -> Definition {
    of(Phase::Run, code, name, kind)
}

const KREATV: [Definition; 24] = [
    boot(1, "splash-protocol", Kind::Text),
    boot(2, "kernel-protocol", Kind::Text),
    boot(3, "log", Kind::Text),
    boot(4, "netconsole-log", Kind::Text),
    boot(5, "diagnostic-protocol", Kind::Text),
    boot(10, "bootcast-address", Kind::Text),
    boot(11, "bootcast-attempts", Kind::U8),
    boot(12, "bootcast-timeout", Kind::U8),
    boot(20, "tftp-splash-filename", Kind::Text),
    boot(21, "tftp-kernel-filename", Kind::Text),
    boot(22, "tftp-server-pool", Kind::Ipv4List),
    boot(23, "tftp-pool-attempts", Kind::U8),
    boot(24, "tftp-node-attempts", Kind::U8),
    boot(25, "tftp-rrq-timeout", Kind::U8),
    boot(26, "tftp-timeout", Kind::U8),
    boot(27, "tftp-blocksize", Kind::U16),
    boot(40, "sap-address", Kind::Text),
    boot(41, "sap-attempts", Kind::U8),
    boot(42, "sap-timeout", Kind::U8),
    boot(60, "http-server", Kind::Text),
    boot(61, "http-port", Kind::U16),
    boot(62, "http-timeout", Kind::U8),
    boot(63, "http-attempts", Kind::U8),
    boot(100, "renewal-method", Kind::Bool),
];

/// TeleTec has all but the first two. Codes 20 and 21 are the box's own.
const MAG: [Definition; 20] = [
    boot(1, "autostart", Kind::Text),
    boot(2, "bootargs", Kind::Text),
    boot(3, "mcip", Kind::Ipv4),
    boot(4, "mcport", Kind::U16),
    boot(9, "oppubfile", Kind::Text),
    boot(10, "mcip_img", Kind::Ipv4),
    boot(11, "mcport_img", Kind::U16),
    run(12, "mcip_mng", Kind::Ipv4),
    run(13, "mcport_mng", Kind::U16),
    boot(14, "ip_log", Kind::Ipv4),
    boot(15, "port_log", Kind::U16),
    boot(16, "logo_x", Kind::U16),
    boot(17, "logo_y", Kind::U16),
    boot(18, "bg_color", Kind::U32),
    boot(19, "fg_color", Kind::U32),
    run(22, "portal_dhcp", Kind::Text),
    run(24, "update_url", Kind::Text),
    run(25, "update_sboot", Kind::Text),
    run(26, "update_ver", Kind::Text),
    run(27, "update_mode", Kind::Text),
];

const UPDATE_SBOOT_VER: Definition = run(28, "update_sboot_ver", Kind::Text);

const DUNE: [Definition; 4] = [
    run(2, "firmware-version", Kind::Text),
    run(3, "firmware-url", Kind::Text),
    run(4, "time-zone", Kind::Text),
    run(5, "home-page-url", Kind::Text),
];

impl Family {
    /// Every family.
    pub const ALL: [Self; 4] = [Self::Kreatv, Self::Teletec, Self::Infomir, Self::Dune];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kreatv => "kreatv",
            Self::Teletec => "teletec",
            Self::Infomir => "infomir",
            Self::Dune => "dune",
        }
    }

    /// Name of its option space.
    pub const fn space(self) -> &'static str {
        match self {
            Self::Kreatv => "KreaTV",
            Self::Teletec => "TeleTec",
            Self::Infomir => "Infomir",
            Self::Dune => "Dune",
        }
    }

    /// The sub-options that a server may send, by their codes.
    pub fn definitions(self) -> Vec<Definition> {
        match self {
            Self::Kreatv => KREATV.to_vec(),
            Self::Teletec => MAG.into_iter().skip(2).chain([UPDATE_SBOOT_VER]).collect(),
            Self::Infomir => MAG.into_iter().chain([UPDATE_SBOOT_VER]).collect(),
            Self::Dune => DUNE.to_vec(),
        }
    }

    /// The sub-option of that name.
    pub fn definition(self, name: &str) -> Option<Definition> {
        self.definitions().into_iter().find(|it| it.name == name)
    }
}

//! The elements in the order of the vendor's DTD, a row each: name, legal values, and whether the
//! vendor calls it deprecated. Reading, checking, writing and messages all go by these tables.

use super::Legal::{
    Address, Addresses, Colour, Endpoint, EndpointAtMac, Free, Group, GroupOrName, Infrared,
    Integer, Key, Keys, Netmask, Order, Server, Text, Url, WebServer, Words,
};
use super::legal::{Legal, YES_NO};

/// An element that holds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: &'static str,
    /// What is legal in it.
    pub legal: Legal,
    /// Whether the vendor calls it deprecated.
    pub deprecated: bool,
}

const fn row(name: &'static str, legal: Legal) -> Element {
    Element { name, legal, deprecated: false }
}

const fn deprecated(name: &'static str, legal: Legal) -> Element {
    Element { name, legal, deprecated: true }
}

/// Time-outs in seconds and numbers of attempts.
const OCTET: Legal = Integer(1, 255);
const PORT: Legal = Integer(0, 65_535);
/// A number whose range the vendor does not tell.
const NUMBER: Legal = Integer(0, 0xffff_ffff);

/// Another name of `DiagnosticVersion`: the vendor's DTD declares the one and lists the other.
pub(super) const DIAGNOSTIC_VERSION: (&str, &str) = ("DiagnosticUrlVersion", "DiagnosticVersion");

/// Elements of `BootParams`. The first four are those of the older generation.
pub const BOOT_ELEMENTS: [Element; 8] = [
    row("KernelUrl", Url),
    row("KernelVersion", Text),
    row("SplashUrl", Url),
    row("SplashVersion", Text),
    row("DiagnosticUrl", Url),
    row("DiagnosticVersion", Text),
    row("NfsServerAddress", Server),
    row("NfsRootPath", Text),
];

/// Elements of `BootParams` that the older generation knows.
pub(super) const BOOT_ELEMENTS_OLD: usize = 4;

/// Elements of `PermanentParams`.
pub const PERMANENT_ELEMENTS: [Element; 82] = [
    row("IPConfigMethod", Words(&["DHCP", "Fixed"])),
    row("IPAddress", Address),
    row("Netmask", Netmask),
    row("Gateway", Address),
    row("DNS1", Address),
    row("DNS2", Address),
    row("DhcpTimeout", Integer(1, 0x7fff_ffff)),
    row("SplashOrder", Order),
    row("BootOrder", Order),
    row("DiagnosticOrder", Order),
    row("FirmwarelogAddress", Endpoint),
    row("NetconsolelogAddress", EndpointAtMac),
    row("Bootcast", Group),
    row("BootcastTimeout", OCTET),
    row("BootcastAttempts", OCTET),
    row("BootcastId", Text),
    row("IgnoreBootcastVersion", YES_NO),
    row("TftpServer1", Server),
    row("TftpServer2", Server),
    row("TftpServer3", Server),
    row("TftpServer4", Server),
    row("TftpPoolAttempts", OCTET),
    row("TftpNodeAttempts", OCTET),
    row("TftpTimeout", OCTET),
    row("TftpRrqTimeout", OCTET),
    row("TftpBlockSize", Integer(8, 65_464)),
    row("SapAddress", GroupOrName),
    row("SapTimeout", OCTET),
    row("SapAttempts", OCTET),
    row("SapId", Text),
    row("HttpServer", WebServer),
    row("HttpPort", PORT),
    row("HttpTimeout", OCTET),
    row("HttpAttempts", OCTET),
    row("HttpProxy", Server),
    row("HttpProxyPort", PORT),
    row("SplashFilename", Text),
    row("KernelFilename", Text),
    row("DiagnosticFilename", Text),
    row("NtpServerAddress", Address),
    row("NtpServerList", Addresses),
    row("DhcpServerAddress", Address),
    row("IgmpVersion", Integer(0, 3)),
    row("VendorClassId", Text),
    // In the DTD alone.
    row("CurrentColorCoding", Free),
    row("FrontButtonCode", Keys),
    deprecated("FrontButtonCodeExt", Keys),
    row("FrontButtonHardReset", NUMBER),
    row("LedStandbyState", Words(&["On", "Off"])),
    row("ShowIPSettings", YES_NO),
    row("ShowAdvancedSettings", YES_NO),
    row("AllowSubmenuCodes", YES_NO),
    row("MenuHidden", YES_NO),
    row("HideTvSystem", YES_NO),
    row("InternalProgress", YES_NO),
    row("ProgressbarColor", Colour),
    row("RFFrequency", NUMBER),
    row("Language", Words(&["en-US", "sv-SE", "nl-NL", "tr-TR"])),
    row("StatusScreen", YES_NO),
    row("StatusScreenColor", Colour),
    row("HideUpdatingMsg", YES_NO),
    deprecated("HideNoPwrOffMsg", YES_NO),
    row("InfoScreen", YES_NO),
    row("InfoKey", Key),
    row("MenuKey", Key),
    row("DiagnosticKey", Key),
    row("FactoryReset", YES_NO),
    row("RemoveSoftware", YES_NO),
    row("BootWithoutNet", YES_NO),
    // -1 and 65536 are automatic.
    row("DvbNetworkId", Integer(-1, 65_536)),
    row("DvbFrequency", NUMBER),
    row("DvbSymbolRate", NUMBER),
    row("DvbModulation", Words(&["16QAM", "32QAM", "64QAM", "128QAM", "256QAM"])),
    deprecated("IRFrequency", Words(&["56", "36"])),
    row("IRProtocols", Infrared),
    row("IgnoreVci", YES_NO),
    row("Diagnostic", YES_NO),
    row("WifiWizardDisabled", YES_NO),
    row("WifiWPSDisabled", YES_NO),
    // In the DTD alone.
    row("WiFiRSSI", Free),
    row("RF4CEPairingDisabled", YES_NO),
    row("DiagnosticStorageDevice", Words(&["mtd2", "mtd3"])),
];

/// The name under which the vendor's DTD declares an element.
pub(super) fn declared(name: &str) -> &str {
    let (alias, declared) = DIAGNOSTIC_VERSION;
    if name == alias { declared } else { name }
}

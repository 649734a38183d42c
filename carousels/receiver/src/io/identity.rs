//! What a box is called where nobody says it: by its network interface.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use super::Interface;

/// Where Linux tells the addresses of interfaces.
const INTERFACES: &str = "/sys/class/net";

/// The MAC address of `interface`, or of the first interface that has one, as
/// `00:02:9b:0a:0b:0c`; where there is none, a name that holds for this run alone.
pub fn box_identity(interface: Option<&Interface>) -> String {
    identity_in(Path::new(INTERFACES), interface.map(|interface| interface.name.as_str()))
        .unwrap_or_else(|| format!("{:016x}", RandomState::new().build_hasher().finish()))
}

fn identity_in(interfaces: &Path, name: Option<&str>) -> Option<String> {
    let own = name.and_then(|name| address_of(&interfaces.join(name)));
    own.or_else(|| {
        let listed = std::fs::read_dir(interfaces).ok()?;
        let mut paths: Vec<_> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
        // The same one after each start.
        paths.sort();
        paths.iter().find_map(|path| address_of(path))
    })
}

/// An address of six bytes that are not all zero, as those of the loopback interface are.
fn address_of(interface: &Path) -> Option<String> {
    let text = std::fs::read_to_string(interface.join("address")).ok()?;
    let address = text.trim().to_ascii_lowercase();
    let is_byte = |byte: &str| byte.len() == 2 && u8::from_str_radix(byte, 16).is_ok();
    let is_address = address.split(':').count() == 6 && address.split(':').all(is_byte);
    (is_address && address.bytes().any(|byte| !matches!(byte, b'0' | b':'))).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_box_is_called_by_its_interface_else_by_the_first_one_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for (name, address) in [
            ("lo", "00:00:00:00:00:00\n"),
            ("tun0", "\n"),
            ("eth1", "00:02:9B:0a:0b:0d\n"),
            ("eth0", "00:02:9b:0a:0b:0c\n"),
        ] {
            fs::create_dir(root.join(name)).unwrap();
            fs::write(root.join(name).join("address"), address).unwrap();
        }
        let identity = |name| identity_in(root, name).unwrap();
        assert_eq!(identity(Some("eth1")), "00:02:9b:0a:0b:0d");
        for name in [None, Some("lo"), Some("tun0"), Some("gone")] {
            assert_eq!(identity(name), "00:02:9b:0a:0b:0c", "{name:?}");
        }
        assert_eq!(identity_in(&root.join("lo"), None), None);
    }

    #[test]
    fn a_box_without_any_has_a_name_all_the_same() {
        assert!(!box_identity(None).is_empty());
    }
}

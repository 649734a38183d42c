//! Groups, names and codes.

use stbcast_infocast::{NAME_BYTES, Name, ObjectType, Precoding};
use stbcast_object::Group;

/// Groups, names and codes: what is taken keeps its promise, and is shown as it can be read.
pub fn group(data: &[u8]) {
    let mut field = [0; NAME_BYTES];
    field.iter_mut().zip(data).for_each(|(slot, byte)| *slot = *byte);
    if let Ok(name) = Name::from_field(&field) {
        assert!((1..=NAME_BYTES).contains(&name.as_bytes().len()));
        assert!(!name.as_bytes().iter().any(|b| b.is_ascii_control() || b"/\\".contains(b)));
        assert!(name.as_bytes() != b"." && name.as_bytes() != b"..");
        assert_eq!(Name::from_field(name.field()), Ok(name));
    }
    let Ok(text) = str::from_utf8(data) else { return };
    for default_port in [None, Some(22_222), Some(0)] {
        let Ok(group) = Group::parse(text, default_port) else { continue };
        assert!(group.address().is_multicast() && group.port() != 0);
        assert_eq!(Group::parse(&group.to_string(), None), Ok(group));
    }
    if let Ok(name) = Name::new(text) {
        assert_eq!(name.as_bytes(), text.as_bytes());
        assert_eq!(Name::from_field(name.field()), Ok(name));
    }
    if let Ok(code) = text.parse::<ObjectType>() {
        assert_eq!(code.to_string().parse(), Ok(code));
    }
    if let Ok(code) = text.parse::<Precoding>() {
        assert_eq!(code.0.to_string().parse(), Ok(code));
    }
}

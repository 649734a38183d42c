//! The container of MAG boxes: its header, where its sections stand, and a signature as data.

use stbcast_mag::image::{HEADER_BYTES_MAX, Header, Layout, Part, TRAILER_BYTES, Trailer};

/// What is read is written so that it is read again, and sections never leave the file or overlap.
pub fn mag_image(data: &[u8]) {
    let tail = data.len().saturating_sub(usize::try_from(TRAILER_BYTES).expect("a small number"));
    if let Ok(trailer) = Trailer::parse(&data[tail..]) {
        assert_eq!(Trailer::parse(&trailer.encode()), Ok(trailer));
    }
    let Ok((header, bytes)) = Header::read(data) else { return };
    assert!(bytes <= data.len() && bytes <= HEADER_BYTES_MAX);
    let text = header.encode();
    assert_eq!(Header::parse(text.as_bytes()).as_ref(), Ok(&header));
    let Ok(layout) = Layout::new(&header, bytes) else { return };
    assert_eq!(layout.sections().len(), header.sections.len());
    let mut end = layout.header_bytes();
    for section in layout.sections() {
        assert_eq!(section.data.start, end);
        end = section.trailer().end;
    }
    assert_eq!(layout.global_trailer(), end..layout.total());
    assert_eq!(layout.part(layout.total() - 1), Part::GlobalTrailer);
    let length = data.len() as u64;
    assert_eq!(layout.check(length).is_ok(), length == layout.total());
}

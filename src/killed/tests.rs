use std::fs;
use std::time::{Duration, Instant};

use super::*;

const DIGITS: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    fs::write(&path, text).unwrap();
    (directory, path)
}

fn entry(text: &str) -> Entry {
    Entry::parse(text).unwrap()
}

#[test]
fn releases_images_and_channels_are_read_past_comments() {
    let (_directory, path) = file(
        "# the night of the bad release\n\nrelease 41 # rev C\r\nimage 0123456789AB\n\
         \tchannel  movies # and more\nchannel \"a # b \\\" \" # why\nchannel two words",
    );
    let killed = read(&path).unwrap();
    assert!(killed.is_release(41) && !killed.is_release(4));
    assert!(killed.is_image(&Digest::from_hex(DIGITS).unwrap()));
    assert!(!killed.is_image(&Digest::of(b"another")));
    for channel in ["movies", "a # b \" ", "two words"] {
        assert!(killed.is_channel(channel), "{channel}");
    }
    assert_eq!(killed.entries().count(), 5);
    let notes: Vec<_> = lines(&path).unwrap().into_iter().map(|line| line.note).collect();
    assert_eq!(notes, ["rev C", "", "and more", "why", ""]);
}

#[test]
fn a_line_that_nobody_understands_is_an_error_with_its_number() {
    for (text, line, told) in [
        ("release 41\nchanel movies\n", 2, "did you mean `channel`"),
        ("release forty", 1, "no number"),
        ("image 0123456789a", 1, "first 12"),
        ("image 0123456789ag", 1, "first 12"),
        ("\n\nchannel", 3, "no name"),
        ("channel a\"b", 1, "quotation marks"),
        ("release 1 2", 1, "no number"),
    ] {
        let (_directory, path) = file(text);
        let error = read(&path).unwrap_err();
        let KilledError::Line { line: found, why, .. } = &error else { panic!("{error}") };
        assert!(*found == line && why.contains(told), "{text:?}: {error}");
    }
    let (_directory, path) = file("");
    fs::write(&path, b"release 1\n\xff\n").unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("line 2: this is not UTF-8 text"));
}

#[test]
fn no_file_says_nothing_and_a_file_nobody_can_read_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    assert!(read(&directory.path().join(FILE_NAME)).unwrap().is_empty());
    assert!(matches!(read(directory.path()), Err(KilledError::System { .. })));
    let path = directory.path().join("large");
    fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(matches!(Watch::open(&path), Err(KilledError::Large { .. })));
}

#[test]
fn what_is_added_is_read_again_with_time_and_reason_on_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("not").join("there").join(FILE_NAME);
    for name in ["movies", " spaces ", "quote\"d", "a # b", "line\nbreak", "239.1.2.3:5000"] {
        let entry = Entry::Channel(name.to_owned());
        assert!(add(&path, &entry, "bad\nboot").unwrap(), "{name:?}");
        assert!(!add(&path, &entry, "").unwrap(), "{name:?} stands there");
        assert!(read(&path).unwrap().is_channel(name), "{name:?}");
        assert_eq!(remove(&path, &entry).unwrap(), [entry], "{name:?}");
    }
    assert!(add(&path, &entry("release 7"), "bad\nboot").unwrap());
    let [Line { note, .. }] = &lines(&path).unwrap()[..] else { panic!("one line") };
    let (time, reason) = note.split_once(": ").unwrap();
    assert!(crate::dates::unix_s(time).is_ok() && reason == "bad boot", "{note}");
    assert!(fs::read_to_string(&path).unwrap().starts_with("# "));
    let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "nothing but the file is left behind");
}

#[test]
fn adding_and_removing_leave_the_lines_of_a_person_alone() {
    let text = "# mine\nrelease 1 # one\nwhat is this\nrelease 2";
    let (_directory, path) = file(text);
    add(&path, &entry("release 3"), "").unwrap();
    let now = fs::read_to_string(&path).unwrap();
    assert!(now.starts_with(&format!("{text}\nrelease 3  # ")), "{now}");
    assert_eq!(remove(&path, &entry("release 1")).unwrap(), [entry("release 1")]);
    assert!(remove(&path, &entry("release 1")).unwrap().is_empty());
    let now = fs::read_to_string(&path).unwrap();
    assert!(now.starts_with("# mine\nwhat is this\nrelease 2\nrelease 3  # "), "{now}");
}

#[test]
fn an_image_comes_back_by_more_digits_or_by_fewer_where_they_are_clear() {
    let whole = Entry::parse(&format!("image {DIGITS}")).unwrap();
    let (_directory, path) = file("image 0123456789ab\nimage 0123456789abcdef\nrelease 1\n");
    assert_eq!(remove(&path, &whole).unwrap().len(), 2, "both kill it");
    add(&path, &whole, "").unwrap();
    assert_eq!(remove(&path, &entry("image 0123456789ab")).unwrap(), std::slice::from_ref(&whole));
    add(&path, &whole, "").unwrap();
    add(&path, &entry("image 0123456789abffff"), "").unwrap();
    let error = remove(&path, &entry("image 0123456789ab")).unwrap_err();
    assert!(matches!(error, KilledError::Ambiguous { lines: 2, .. }), "{error}");
}

#[test]
fn writers_at_the_same_time_lose_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for number in 0..5 {
                    add(path, &Entry::Release(thread * 10 + number), "").unwrap();
                }
            });
        }
    });
    assert_eq!(read(&path).unwrap().entries().count(), 20);
}

/// A watch of a file, and a clock of its own.
struct Watched {
    _directory: tempfile::TempDir,
    path: PathBuf,
    watch: Watch,
    now: Instant,
}

impl Watched {
    fn of(text: &str) -> Self {
        let (directory, path) = file(text);
        let watch = Watch::open(&path).unwrap();
        Self { _directory: directory, path, watch, now: Instant::now() }
    }

    fn poll(&mut self) -> Polled {
        self.now += Duration::from_millis(250);
        self.watch.poll(self.now)
    }

    fn says(&mut self, text: &str) -> Polled {
        fs::write(&self.path, text).unwrap();
        self.poll()
    }

    fn releases(&self) -> Vec<u64> {
        (0..10).filter(|&number| self.watch.killed().is_release(number)).collect()
    }
}

#[test]
fn what_the_file_adds_counts_at_once_and_what_it_drops_when_it_was_left_alone() {
    let mut it = Watched::of("release 1\n");
    assert_eq!(it.releases(), [1]);
    assert!(!it.poll().changed);
    assert!(it.says("release 2\n").changed);
    assert_eq!(it.releases(), [1, 2]);
    for _ in 0..3 {
        assert!(!it.poll().changed);
    }
    assert!(it.poll().changed);
    assert_eq!(it.releases(), [2]);
    assert!(!it.poll().changed);
}

#[test]
fn an_editor_that_empties_the_file_before_it_writes_brings_nothing_back() {
    let mut it = Watched::of("release 1\n");
    for _ in 0..3 {
        it.says("");
        assert_eq!(it.releases(), [1]);
    }
    it.says("release 1\nrelease 3\n");
    for _ in 0..8 {
        assert_eq!(it.releases(), [1, 3]);
        it.poll();
    }
}

#[test]
fn a_file_that_is_gone_or_damaged_is_told_once_and_brings_nothing_back() {
    let mut it = Watched::of("release 1\n");
    fs::remove_file(&it.path).unwrap();
    assert!(matches!(it.poll().problem, Some(KilledError::Gone { .. })));
    for _ in 0..8 {
        assert!(it.poll().problem.is_none());
    }
    assert_eq!(it.releases(), [1]);
    let polled = it.says("release 2\nrelaese 1\n");
    assert!(matches!(polled.problem, Some(KilledError::Line { line: 2, .. })));
    assert!(polled.changed, "what is understood counts");
    for _ in 0..8 {
        it.poll();
    }
    assert_eq!(it.releases(), [1, 2]);
    fs::remove_file(&it.path).unwrap();
    fs::create_dir(&it.path).unwrap();
    assert!(matches!(it.poll().problem, Some(KilledError::System { .. })));
    assert!(it.poll().problem.is_none());
    assert_eq!(it.releases(), [1, 2]);
    fs::remove_dir(&it.path).unwrap();
    it.says("");
    for _ in 0..4 {
        it.poll();
    }
    assert!(it.releases().is_empty(), "an empty file brings everything back");
}

#[test]
fn nothing_goes_on_air_with_a_file_that_is_damaged_at_the_start() {
    let (_directory, path) = file("release 1\nrelaese 2\n");
    assert!(matches!(Watch::open(&path), Err(KilledError::Line { .. })));
}

//! What a report says, as far as it can be told: its form is not public. Keys are looked for as in the header of
//! an image and in a box's environment, codes as the boxes' own interface has them (MAG notes §1.6, §1.7), and words.

/// Longest line that is looked at, in bytes.
const LINE_BYTES_MAX: usize = 512;

/// Longest model and version.
const WORD_BYTES_MAX: usize = 24;

/// Codes of an update that failed.
const FATAL: [u16; 11] = [1, 2, 3, 4, 7, 17, 19, 20, 22, 25, 27];

/// The code of an update that is complete.
const FINISHED: u16 = 16;

const MODEL_KEYS: [&str; 3] = ["stbmodel", "model", "modelname"];
const VERSION_KEYS: [&str; 4] = ["imageversion", "version", "updatever", "imagever"];
const STATUS_KEYS: [&str; 6] =
    ["status", "updatestatus", "result", "error", "errorcode", "updateresult"];
const FAILURES: [&str; 8] =
    ["fail", "failed", "failure", "error", "errors", "wrong", "refused", "invalid"];
const SUCCESSES: [&str; 7] =
    ["success", "successful", "successfully", "succeeded", "finished", "completed", "complete"];
const NEGATIONS: [&str; 5] = ["no", "not", "without", "0", "isnt"];

/// How an update ended, as far as a report says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is complete.
    Success,
    /// It is not, with the box's code where it says one.
    Failure(Option<u16>),
    /// Nothing of that is said.
    #[default]
    Unknown,
}

impl Outcome {
    /// The word for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure(_) => "failure",
            Self::Unknown => "unknown",
        }
    }

    /// What a code says; nothing where it is on the way.
    fn of_code(code: u16) -> Option<Self> {
        match code {
            FINISHED => Some(Self::Success),
            _ if FATAL.contains(&code) => Some(Self::Failure(Some(code))),
            _ => None,
        }
    }
}

/// What was recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Model of the box: letters, digits, `-` and `_`.
    pub(super) model: Option<String>,
    /// Version of an image: the same, and dots.
    pub(super) version: Option<String>,
    /// How it ended: what is said last counts.
    pub(super) outcome: Outcome,
    /// The last line that says something.
    pub(super) last: String,
}

/// Reads a report as it comes.
#[derive(Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    report: Report,
}

impl Reader {
    pub(super) fn take(&mut self, text: &[u8]) {
        for &byte in text {
            match byte {
                b'\n' | b'\r' | 0 => self.end(),
                _ if self.line.len() < LINE_BYTES_MAX => self.line.push(byte),
                // The rest of a line that is too long is not looked at.
                _ => {}
            }
        }
    }

    pub(super) fn finish(mut self) -> Report {
        self.end();
        self.report
    }

    fn end(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        let line: String = line.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
        self.line.clear();
        let line = line.trim();
        if !line.is_empty() {
            look(&mut self.report, line);
            line.clone_into(&mut self.report.last);
        }
    }
}

fn look(report: &mut Report, line: &str) {
    let named = line.split_once([':', '=']).map(|(key, value)| (plain(key), value.trim()));
    let (key, value) = named.unwrap_or_default();
    let is = |keys: &[&str]| keys.contains(&key.as_str());
    let first = value.split_whitespace().next().unwrap_or_default();
    if is(&MODEL_KEYS) {
        report.model = word(first, false).or(report.model.take());
    } else if is(&VERSION_KEYS) {
        report.version = word(first, true).or(report.version.take());
    }
    if report.model.is_none() {
        report.model = line.split(|it: char| !it.is_ascii_alphanumeric()).find_map(model);
    }
    let code = first.parse().ok().filter(|_| is(&STATUS_KEYS));
    let said = match code {
        Some(code) => Outcome::of_code(code),
        None => words(line),
    };
    report.outcome = said.unwrap_or(report.outcome);
}

/// A key without what people write differently: `Image Version`, `image_version`.
fn plain(key: &str) -> String {
    let letters = key.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|it| it.to_ascii_lowercase()).collect()
}

fn word(text: &str, dots: bool) -> Option<String> {
    let is_legal = |it: u8| it.is_ascii_alphanumeric() || b"-_".contains(&it) || dots && it == b'.';
    let legal = (1..=WORD_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_legal);
    legal.then(|| text.to_owned())
}

/// A word that is or ends with a model, as `MAG254` and `TeleTecMAG200`.
fn model(text: &str) -> Option<String> {
    let model = text.get(text.find("MAG")?..)?;
    let digits = model.bytes().skip(3).take_while(u8::is_ascii_digit).count();
    (digits >= 3).then(|| word(model, false)).flatten()
}

/// What the last word that says something says.
fn words(line: &str) -> Option<Outcome> {
    let (mut said, mut before) = (None, String::new());
    for text in line.split_whitespace() {
        let text = plain(text);
        let negated = NEGATIONS.contains(&before.as_str());
        let outcome = match text.as_str() {
            it if FAILURES.contains(&it) => Some((Outcome::Failure(None), None)),
            it if SUCCESSES.contains(&it) => Some((Outcome::Success, Some(Outcome::Failure(None)))),
            _ => None,
        };
        // Who has no error has not succeeded yet; who has no success has failed.
        if let Some((plainly, otherwise)) = outcome {
            said = if negated { otherwise.or(said) } else { Some(plainly) };
        }
        before = text;
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Report {
        let mut reader = Reader::default();
        reader.take(text.as_bytes());
        reader.finish()
    }

    fn told(text: &str) -> (String, String, Outcome) {
        let Report { model, version, outcome, .. } = read(text);
        (model.unwrap_or_default(), version.unwrap_or_default(), outcome)
    }

    #[test]
    fn keys_of_the_image_header_are_recognised_in_any_spelling() {
        let wanted = ("MAG254".to_owned(), "219".to_owned(), Outcome::Success);
        for text in [
            "STB Model:MAG254\nImage Version:219\nUpdate finished",
            "model = MAG254\r\nImage_Version=219\r\nstatus: 16\r\n",
            "TeleTecMAG254-00:1A:79:00:00:01 boot\nversion: 219 of today\nsuccessfully written",
        ] {
            assert_eq!(told(text), wanted, "{text}");
        }
    }

    #[test]
    fn codes_say_why_and_words_that_it_failed() {
        let of = |text| read(text).outcome;
        assert_eq!(of("Update status: 17"), Outcome::Failure(Some(17)));
        assert_eq!(of("ERROR=2"), Outcome::Failure(Some(2)));
        assert_eq!(of("status: 21"), Outcome::Unknown, "idle");
        assert_eq!(of("wrong signature"), Outcome::Failure(None));
        assert_eq!(of("Update not successful."), Outcome::Failure(None));
        assert_eq!(of("no errors so far"), Outcome::Unknown);
        assert_eq!(of("first attempt failed\nsecond attempt: success"), Outcome::Success);
        assert_eq!(of("hello"), Outcome::Unknown);
    }

    #[test]
    fn what_is_no_word_of_a_label_is_not_taken_for_one() {
        assert_eq!(told("model: {x=\"1\"}\nversion: ../../x"), Default::default());
        assert_eq!(told(&format!("model: {}", "x".repeat(25))), Default::default());
        assert_eq!(told("MAG is no model, nor is MAG25"), Default::default());
    }

    #[test]
    fn the_last_line_is_kept_without_what_a_terminal_would_obey() {
        assert_eq!(read("one\n\x1b[2Jtwo\n\n").last, "[2Jtwo");
        assert!(read(&"x".repeat(1_000_000)).last.len() <= LINE_BYTES_MAX);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_however_they_are_cut(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2_000),
            at in 0_usize..2_000,
        ) {
            let (one, other) = bytes.split_at(at.min(bytes.len()));
            let (mut whole, mut cut) = (Reader::default(), Reader::default());
            whole.take(&bytes);
            cut.take(one);
            cut.take(other);
            proptest::prop_assert_eq!(whole.finish(), cut.finish());
        }
    }
}

//! What GnuPG's programs answer.

use stbcast_mag::image::SIGNATURE_BYTES;

const HINT: &str = "; it needs the passphrase: set GPG_TTY=$(tty), or unlock the key before";

/// A secret key or subkey as `gpg --with-colons` lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Secret {
    /// Fingerprint of the primary key that it belongs to.
    pub(super) primary: String,
    pub(super) fingerprint: String,
    /// What the agent calls it.
    pub(super) keygrip: String,
    fit: bool,
}

impl Secret {
    /// RSA, 2,048 bits, may sign, is there, and is neither expired nor revoked.
    pub(super) fn signs_images(&self) -> bool {
        self.fit && !self.keygrip.is_empty() && !self.fingerprint.is_empty()
    }
}

/// The keys of a list, each primary key in front of its subkeys.
pub(super) fn secrets(listed: &[u8]) -> Vec<Secret> {
    let mut found: Vec<Secret> = Vec::new();
    let mut primary = String::new();
    for line in String::from_utf8_lossy(listed).lines() {
        let fields: Vec<_> = line.split(':').collect();
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        let last = found.last_mut();
        match (field(0), last) {
            (kind @ ("sec" | "ssb"), _) => {
                if kind == "sec" {
                    primary.clear();
                }
                let valid = !matches!(field(1), "i" | "d" | "r" | "e" | "n");
                let rsa = matches!(field(3), "1" | "3") && field(2) == "2048";
                // A `#` says that the secret is elsewhere.
                let fit = valid && rsa && field(11).contains('s') && field(14) != "#";
                found.push(Secret { primary: primary.clone(), fit, ..Secret::default() });
            }
            ("fpr", Some(last)) => {
                field(9).clone_into(&mut last.fingerprint);
                if primary.is_empty() {
                    field(9).clone_into(&mut primary);
                    primary.clone_into(&mut last.primary);
                }
            }
            ("grp", Some(last)) => field(9).clone_into(&mut last.keygrip),
            _ => {}
        }
    }
    found
}

/// The signature out of an answer of the agent: lines `D` with data, where `%`, CR and LF are written as
/// `%25` and so on, or `ERR` with a reason. The data is `(7:sig-val(3:rsa(1:s256:...)))`.
pub(super) fn signature(answer: &[u8]) -> Result<[u8; SIGNATURE_BYTES], String> {
    let mut data = Vec::new();
    for line in answer.split(|&byte| byte == b'\n') {
        if let Some(reason) = line.strip_prefix(b"ERR ") {
            let reason = String::from_utf8_lossy(reason);
            // Behind the number of the error.
            let words = reason.split_once(' ').map_or(&*reason, |(_, words)| words);
            // What pinentry says where it has no terminal.
            let hint = if words.contains("ioctl") { HINT } else { "" };
            return Err(format!("{words}{hint}"));
        }
        data.extend(line.strip_prefix(b"D ").map(unescaped).unwrap_or_default());
    }
    number(&data).ok_or_else(|| "its answer is no RSA signature of 2,048 bits".to_owned())
}

fn unescaped(line: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind.first_chunk::<2>().and_then(|digits| str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped.filter(|_| byte == b'%') {
            Some(escaped) => {
                bytes.push(escaped);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = behind;
            }
        }
    }
    bytes
}

/// The number `s`, filled with zeros in front.
fn number(data: &[u8]) -> Option<[u8; SIGNATURE_BYTES]> {
    let rest = data.strip_prefix(b"(7:sig-val(3:rsa(1:s")?;
    let colon = rest.iter().position(|&byte| byte == b':')?;
    let length: usize = str::from_utf8(rest.get(..colon)?).ok()?.parse().ok()?;
    let rest = rest.get(colon + 1..)?;
    let number = rest.get(..length)?;
    if rest.get(length..)? != b")))" {
        return None;
    }
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let number = number.get(zeros..)?;
    let mut signature = [0; SIGNATURE_BYTES];
    let unused = SIGNATURE_BYTES.checked_sub(number.len())?;
    signature.get_mut(unused..)?.copy_from_slice(number);
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of GnuPG 2.2.40: a key that only certifies, with a subkey that signs and one that encrypts.
    const LISTED: &str = "\
sec:u:2048:1:6DEFA1C58AE6CBE2:1795387500:::u:::cSC:::+:::23::0:
fpr:::::::::E378CCC764A737A429A2B0C56DEFA1C58AE6CBE2:
grp:::::::::911412F58E69290A26823F492CB8FD2223580385:
uid:u::::1795387500::531F78EF29C64193253D34BEFB1E2049F5A4A492::Test <t@example.invalid>::::::::::0:
ssb:u:2048:1:0000000000000001:1795387500::::::e:::+:::23:
fpr:::::::::AAAA:
grp:::::::::BBBB:
ssb:u:2048:1:0000000000000002:1795387500::::::s:::+:::23:
fpr:::::::::CCCC:
grp:::::::::DDDD:
";

    #[test]
    fn the_subkey_that_signs_is_found() {
        let found = secrets(LISTED.as_bytes());
        let fit: Vec<_> = found.iter().filter(|it| it.signs_images()).collect();
        assert_eq!(found.len(), 3);
        let [key] = fit[..] else { panic!("{fit:?}") };
        assert_eq!((key.fingerprint.as_str(), key.keygrip.as_str()), ("CCCC", "DDDD"));
        assert_eq!(key.primary, "E378CCC764A737A429A2B0C56DEFA1C58AE6CBE2");
    }

    #[test]
    fn keys_that_cannot_sign_images_are_not_taken() {
        let with = |from: &str, to: &str| LISTED.replace(from, to);
        for listed in [
            with("ssb:u:2048:1:0000000000000002", "ssb:u:4096:1:0000000000000002"),
            with("ssb:u:2048:1:0000000000000002", "ssb:e:2048:1:0000000000000002"),
            with("ssb:u:2048:1:0000000000000002", "ssb:u:2048:22:0000000000000002"),
            with(":s:::+:", ":s:::#:"),
            with("grp:::::::::DDDD:\n", ""),
        ] {
            assert!(!secrets(listed.as_bytes()).iter().any(Secret::signs_images), "{listed}");
        }
        assert!(secrets(b"").is_empty() && secrets(b"fpr\ngrp:::\xff").is_empty());
    }

    fn answer(number: &[u8]) -> Vec<u8> {
        let mut escaped = Vec::new();
        for &byte in number {
            match byte {
                b'%' | b'\r' | b'\n' => escaped.extend(format!("%{byte:02X}").into_bytes()),
                byte => escaped.push(byte),
            }
        }
        let begin = format!("OK\nOK\nD (7:sig-val(3:rsa(1:s{}:", number.len());
        [begin.as_bytes(), &escaped, b")))\nOK\n"].concat()
    }

    #[test]
    fn bytes_that_the_agent_writes_in_another_way_are_read() {
        let mut number = [0u8; 256];
        for (at, byte) in number.iter_mut().enumerate() {
            *byte = u8::try_from(at).unwrap().wrapping_add(10);
        }
        assert_eq!(signature(&answer(&number)), Ok(number));
        let mut short = [0; 256];
        short[2..].copy_from_slice(&number[..254]);
        assert_eq!(signature(&answer(&number[..254])), Ok(short));
        let longer = [&[0][..], &number].concat();
        assert_eq!(signature(&answer(&longer)), Ok(number), "a zero for the sign");
    }

    #[test]
    fn what_is_no_signature_is_told() {
        let refused = signature(b"OK\nERR 67108881 No secret key <GPG Agent>\n");
        assert_eq!(refused, Err("No secret key <GPG Agent>".to_owned()));
        for answer in [&b""[..], b"OK\n", b"D (7:sig-val(3:rsa(1:s999:x)))", b"D (7:sig-val(3:dsa"]
        {
            assert!(signature(answer).is_err());
        }
        assert!(signature(&answer(&[1; 257])).is_err());
    }
}

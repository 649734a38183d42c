//! Keys in files: PKCS#8 and SubjectPublicKeyInfo in PEM (RFC 8410), as OpenSSL has them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use rand_core::OsRng;
use stbcast_release::{PublicKey, SigningKey};

/// Ending of the file with the public half.
const PUBLIC: &str = "pub";

/// Longest key file read, in bytes: one has about 120.
const FILE_BYTES_MAX: u64 = 4_096;

/// Why a key cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is a file of that name; a key that is lost cannot be made again.
    #[error("{} is there already, and is not replaced: a key that is lost cannot be made again", .0.display())]
    Exists(PathBuf),
    /// The file's name is that of its public half.
    #[error("{} would be the name of the public key: give a name that does not end in .{PUBLIC}", .0.display())]
    Name(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot {doing} {}: {error}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Others than its owner can read a private key.
    #[error("{} can be read by others (mode {mode:o}): `chmod 600` it, or make a new key", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds no such key.
    #[error("{} is not {what}: {why}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// What the library says.
        why: String,
    },
}

impl KeyError {
    fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { doing, path, error }
    }
}

/// The two files of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFiles {
    /// The private half, which nobody but its owner reads.
    pub private: PathBuf,
    /// The public half.
    pub public: PathBuf,
}

/// Makes a key: the private half at `path`, the public one beside it. Both files are whole or not
/// there, and none is ever replaced.
///
/// # Errors
/// When one of the files is there already or cannot be written.
pub fn create(path: &Path) -> Result<KeyFiles, KeyError> {
    let files = KeyFiles { private: path.to_owned(), public: path.with_extension(PUBLIC) };
    if files.private == files.public {
        return Err(KeyError::Name(files.private));
    }
    for file in [&files.private, &files.public] {
        if fs::symlink_metadata(file).is_ok() {
            return Err(KeyError::Exists(file.clone()));
        }
    }
    let key = ed25519_dalek::SigningKey::generate(&mut OsRng);
    let form = |what| {
        let path = path.to_owned();
        move |error: String| KeyError::Form { path, what, why: error }
    };
    // OpenSSL 3.0 does not read the later form, which has the public half too.
    let alone = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
    let private = alone.to_pkcs8_pem(LineEnding::LF).map_err(|error| error.to_string());
    let private = private.map_err(form("a private key"))?;
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF);
    let public = public.map_err(|error| error.to_string()).map_err(form("a public key"))?;
    write_new(&files.private, private.as_bytes(), 0o600)?;
    if let Err(error) = write_new(&files.public, public.as_bytes(), 0o644) {
        // A key nobody was told of is no loss.
        let _ = fs::remove_file(&files.private);
        return Err(error);
    }
    Ok(files)
}

/// Writes a file that is whole under its name, or not there, and replaces none.
///
/// # Errors
/// When there is a file of that name, or it cannot be written.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    let directory = directory.unwrap_or(Path::new("."));
    let permissions = fs::Permissions::from_mode(mode);
    let file = tempfile::Builder::new().permissions(permissions).tempfile_in(directory);
    let mut file = file.map_err(KeyError::file("create a file for", path))?;
    let written = file.write_all(bytes).and_then(|()| file.as_file().sync_all());
    written.map_err(KeyError::file("write", path))?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(KeyError::Exists(path.to_owned()))
        }
        Err(failed) => Err(KeyError::file("write", path)(failed.error)),
    }?;
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(KeyError::file("sync the directory of", path))
}

/// Reads a private key that nobody but its owner can read.
///
/// # Errors
/// When it cannot be read, others could, or it is none.
pub fn read_private(path: &Path) -> Result<SigningKey, KeyError> {
    let mode = fs::metadata(path).map_err(KeyError::file("read", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.to_owned(), mode: mode & 0o7777 });
    }
    let text = read(path)?;
    let what = "a private Ed25519 key (PKCS#8 in PEM, as `stbcast keys` makes it)";
    match ed25519_dalek::SigningKey::from_pkcs8_pem(&text) {
        Ok(key) => Ok(SigningKey::from_seed(key.as_bytes())),
        Err(error) => Err(KeyError::Form { path: path.to_owned(), what, why: error.to_string() }),
    }
}

/// Reads a public key.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn read_public(path: &Path) -> Result<PublicKey, KeyError> {
    let what = "a public Ed25519 key (PEM, the .pub file of `stbcast keys`)";
    let form = |why| KeyError::Form { path: path.to_owned(), what, why };
    let key = ed25519_dalek::VerifyingKey::from_public_key_pem(&read(path)?);
    let key = key.map_err(|error| form(error.to_string()))?;
    PublicKey::new(key.to_bytes()).map_err(|why| form(why.to_string()))
}

fn read(path: &Path) -> Result<String, KeyError> {
    let length = fs::metadata(path).map_err(KeyError::file("read", path))?.len();
    if length > FILE_BYTES_MAX {
        let why = format!("it has {length} bytes");
        return Err(KeyError::Form { path: path.to_owned(), what: "a key in PEM", why });
    }
    fs::read_to_string(path).map_err(KeyError::file("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_its_owner_alone_and_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("release.key");
        let files = create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let public = read_private(&files.private).unwrap().public();
        assert_eq!(read_public(&files.public).unwrap(), public.unwrap());
    }

    #[test]
    fn the_keys_of_rfc_8410_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let pem = |name: &str, what: &str, text: &str| {
            let path = directory.path().join(name);
            let text = format!("-----BEGIN {what} KEY-----\n{text}\n-----END {what} KEY-----\n");
            write_new(&path, text.as_bytes(), 0o600).unwrap();
            path
        };
        let private = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
        let public = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
        let key = read_private(&pem("a.key", "PRIVATE", private)).unwrap();
        let public = read_public(&pem("a.pub", "PUBLIC", public));
        assert_eq!(key.public().unwrap(), public.unwrap());
    }

    #[test]
    fn no_key_is_replaced_and_nothing_is_left_of_one_that_could_not_be_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        fs::write(directory.path().join("root.pub"), "x").unwrap();
        assert!(matches!(create(&path), Err(KeyError::Exists(it)) if it.ends_with("root.pub")));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        fs::remove_file(directory.path().join("root.pub")).unwrap();
        create(&path).unwrap();
        let before = fs::read(&path).unwrap();
        assert!(matches!(create(&path), Err(KeyError::Exists(it)) if it == path));
        assert_eq!(fs::read(&path).unwrap(), before);
        assert!(matches!(create(&directory.path().join("a.pub")), Err(KeyError::Name(_))));
        let nowhere = create(&directory.path().join("none/a.key")).unwrap_err();
        assert!(nowhere.to_string().contains("none/a.key"), "{nowhere}");
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.key");
        let files = create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let why = read_private(&path).unwrap_err().to_string();
        assert!(why.contains("mode 640") && why.contains("chmod 600"), "{why}");
        fs::set_permissions(&files.public, fs::Permissions::from_mode(0o600)).unwrap();
        let why = read_private(&files.public).unwrap_err().to_string();
        assert!(why.contains("is not a private Ed25519 key"), "{why}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let why = read_public(&path).unwrap_err().to_string();
        assert!(why.contains("is not a public Ed25519 key"), "{why}");
        fs::write(&path, "x".repeat(5_000)).unwrap();
        assert!(read_private(&path).unwrap_err().to_string().contains("5000 bytes"));
    }
}

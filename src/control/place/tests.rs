use std::os::unix::fs::symlink;

use super::*;

/// A machine with the directories of a service that has a user of its own, and of a person.
struct Machine {
    directory: tempfile::TempDir,
    service: Service,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["lib/private/stbcast", "run/stbcast", "home"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        let service = Service { state: path("lib/stbcast"), run: path("run/stbcast") };
        Self { directory, service }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn install(&self) {
        symlink("private/stbcast", &self.service.state).unwrap();
    }

    fn own(&self) -> Place {
        Place::within(self.path("home/stbcast"))
    }

    fn chosen(&self, said: Option<&str>) -> Place {
        let said = said.map(|said| self.path(said));
        Place::chosen(said.as_deref(), Some(self.own()), &self.service).unwrap()
    }

    fn of_service(&self) -> Place {
        Place { state: self.path("lib/stbcast"), socket: self.path("run/stbcast/control.sock") }
    }
}

#[test]
fn the_service_is_meant_where_it_is_installed_and_a_persons_own_headend_elsewhere() {
    let machine = Machine::new();
    assert_eq!(machine.chosen(None), machine.own());
    fs::write(machine.path("run/stbcast/control.sock"), "").unwrap();
    assert_eq!(machine.chosen(None), machine.of_service(), "its socket alone tells");
    fs::remove_file(machine.path("run/stbcast/control.sock")).unwrap();
    machine.install();
    assert_eq!(machine.chosen(None), machine.of_service());
    assert_eq!(machine.chosen(Some("home")), Place::within(machine.path("home")));
}

#[test]
fn a_link_whose_end_cannot_be_seen_is_an_installed_service() {
    let machine = Machine::new();
    machine.install();
    fs::remove_dir_all(machine.path("lib/private")).unwrap();
    assert!(!machine.service.state.is_dir());
    assert_eq!(machine.chosen(None), machine.of_service());
}

#[test]
fn whoever_says_the_state_directory_of_the_service_asks_at_its_runtime_socket() {
    let machine = Machine::new();
    machine.install();
    for said in ["lib/stbcast", "lib/stbcast/", "lib/private/stbcast", "run/../lib/stbcast"] {
        assert_eq!(machine.chosen(Some(said)), machine.of_service(), "{said}");
    }
    // A headend that was started there by hand is asked where it listens.
    fs::write(machine.path("lib/private/stbcast/control.sock"), "").unwrap();
    assert_eq!(machine.chosen(None).socket, machine.path("lib/stbcast/control.sock"));
}

#[test]
fn a_lack_of_permission_is_no_absence_and_says_what_to_do() {
    let denied = Err(io::Error::from(io::ErrorKind::PermissionDenied));
    let told = judged(Path::new("/var/lib/stbcast"), denied).unwrap_err();
    assert!(told.contains("/var/lib/stbcast") && told.contains("sudo"), "{told}");
    let absent = Err(io::Error::from(io::ErrorKind::NotFound));
    assert_eq!(judged(Path::new("/var/lib/stbcast"), absent), Ok(()));
}

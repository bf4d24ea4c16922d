//! What `make install` installs: a program that runs, its symbols beside it, and a unit that systemd takes.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::stack::BINARY;

const INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/install.sh");

/// A machine to install on: a directory.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    /// The file at this path of the machine.
    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.at(path))
            .unwrap_or_else(|error| panic!("{path}: {error}"))
            .permissions()
            .mode()
            & 0o777
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    /// Installs the program of these tests as a package would be made: for `/usr`, under another root.
    fn install(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(INSTALL);
        command
            .args(arguments)
            .env("BUILT", BINARY)
            .env("DESTDIR", self.root())
            .env("PREFIX", "/usr");
        let output = command.env_remove("SYSCONFDIR").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }
}

#[test]
fn what_is_installed_runs_and_has_its_symbols_apart() {
    let machine = Machine::new();

    machine.install(&[]);

    for (path, mode) in [
        ("/usr/bin/flashsale", 0o755),
        ("/usr/bin/.debug/flashsale.debug", 0o644),
        ("/usr/lib/systemd/system/flashsale.service", 0o644),
        ("/usr/lib/sysusers.d/flashsale.conf", 0o644),
        ("/usr/share/doc/flashsale/install.md", 0o644),
        ("/etc/flashsale/env", 0o644),
    ] {
        assert_eq!(machine.mode(path), mode, "{path}");
    }
    let program = machine.at("/usr/bin/flashsale");
    let version = Command::new(&program).arg("--version").output().unwrap();
    assert!(version.status.success() && version.stdout.starts_with(b"flashsale "), "{version:?}");
    // It says where its symbols are, and most of what there was is there.
    let bytes = fs::read(&program).unwrap();
    let link = b"flashsale.debug\0";
    assert!(
        bytes.windows(link.len()).any(|it| it == link),
        "it does not say where its symbols are"
    );
    let symbols = fs::metadata(machine.at("/usr/bin/.debug/flashsale.debug")).unwrap().len();
    assert!(u64::try_from(bytes.len()).unwrap() < symbols, "{} {symbols}", bytes.len());
    // In the text of the unit there is nothing left to be filled in.
    let unit = machine.text("/usr/lib/systemd/system/flashsale.service");
    assert!(unit.contains("ExecStart=/usr/bin/flashsale serve\n"), "{unit}");
    assert!(unit.contains("EnvironmentFile=-/etc/flashsale/env\n"), "{unit}");
    assert!(["@bindir@", "@docdir@", "@sysconfdir@"].iter().all(|it| !unit.contains(it)), "{unit}");
}

#[test]
fn settings_stay_when_it_is_installed_again_and_when_it_is_removed() {
    let machine = Machine::new();
    machine.install(&[]);
    fs::write(machine.at("/etc/flashsale/env"), "SALE_STOCK=7\n").unwrap();

    machine.install(&[]);
    assert_eq!(machine.text("/etc/flashsale/env"), "SALE_STOCK=7\n");
    machine.install(&["remove"]);

    assert_eq!(machine.text("/etc/flashsale/env"), "SALE_STOCK=7\n");
    for gone in ["/usr/bin/flashsale", "/usr/lib/systemd/system/flashsale.service"] {
        assert!(!machine.at(gone).exists(), "{gone}");
    }
}

/// Settings that the unit's own example has are settings that there are.
#[test]
fn the_settings_that_are_installed_are_settings_of_the_service() {
    let env = fs::read_to_string(Path::new(INSTALL).with_file_name("env")).unwrap();
    let help = Command::new(BINARY).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();

    let named = env.lines().filter_map(|line| line.strip_prefix('#')?.split_once('='));
    let named: Vec<_> = named.map(|(name, _)| name).filter(|name| !name.contains(' ')).collect();

    assert!(named.len() > 5, "{named:?}");
    for name in named {
        assert!(help.contains(&format!("[env: {name}")), "{name} is no setting");
    }
}

/// Where there is no systemd there is nobody to ask.
#[test]
fn systemd_takes_the_unit_and_finds_little_that_it_may_do() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return;
    }
    // The program that the unit names must be there.
    let machine = Machine::new();
    let (usr, etc) = (machine.at("/usr"), machine.at("/etc"));
    let mut command = Command::new(INSTALL);
    command.env("BUILT", BINARY).env("PREFIX", &usr).env("SYSCONFDIR", &etc).env_remove("DESTDIR");
    let installed = command.output().unwrap();
    assert!(installed.status.success(), "{installed:?}");
    let said = String::from_utf8_lossy(&installed.stderr);
    assert!(said.contains("systemctl enable --now flashsale"), "{said}");
    let unit = machine.at("/usr/lib/systemd/system/flashsale.service");

    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output();
    let verified = verified.unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains("flashsale.service"), "{said}");

    // 10 is a service that may do everything; this one has 1.4.
    let mut exposed = Command::new("systemd-analyze");
    exposed.args(["security", "--no-pager", "--offline=yes", "--threshold=15"]).arg(&unit);
    let exposed = exposed.output().unwrap();
    assert!(exposed.status.success(), "{}", String::from_utf8_lossy(&exposed.stdout));
}

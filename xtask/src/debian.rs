//! Installing what is missing, on Debian and its relatives.

use anyhow::{Result, bail};

use crate::run::Cmd;

/// True when this process may do everything.
pub(crate) fn is_root() -> bool {
    Cmd::new("id").args(["-u"]).output().is_ok_and(|id| id.trim() == "0")
}

/// Installs a Debian package, as root or through sudo; an error that says what to do where neither works.
pub(crate) fn install(package: &str, what_for: &str) -> Result<()> {
    if !Cmd::new("apt-get").args(["--version"]).quiet().succeeds() {
        bail!("{what_for} is needed; install it (Debian's package is called {package}) and run this again");
    }
    let apt = |arguments: &[&str]| {
        let command = if is_root() {
            Cmd::new("apt-get")
        } else {
            Cmd::new("sudo").args(["-n", "apt-get"])
        };
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive")
    };
    if !is_root() && !Cmd::new("sudo").args(["-n", "true"]).quiet().succeeds() {
        bail!("{what_for} is needed; run `sudo apt-get install {package}` and then this again");
    }
    // An old package list may name files that are gone; a failing update is not fatal when the list is still good.
    let _ = apt(&["update", "-q"]).succeeds();
    apt(&["install", "-y", "-q", "--no-install-recommends", package]).run()
}

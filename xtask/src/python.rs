//! A Python of the tests' own, with the packages that check what we send from outside.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::debian;
use crate::run::Cmd;

/// The reference library of Standard Webhooks; it needs no other package.
const PACKAGES: [&str; 1] = ["standardwebhooks==1.1.0"];

/// The interpreter of an environment in the target folder that has [`PACKAGES`]; made the first time.
pub(crate) fn environment() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = target.join("python");
    let interpreter = folder.join("bin/python");
    if !has_packages(&interpreter) {
        if !Cmd::new("python3")
            .args(["-c", "import venv, ensurepip"])
            .quiet()
            .succeeds()
        {
            debian::install("python3-venv", "Python's virtual environments")?;
        }
        Cmd::new("python3")
            .args(["-m", "venv", "--clear"])
            .args([&folder])
            .run()
            .context("no virtual environment of Python for the tests")?;
        Cmd::new(&interpreter)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(PACKAGES)
            .run()
            .context("the reference library of Standard Webhooks could not be installed")?;
    }
    std::path::absolute(&interpreter).context("the folder of the tests' Python is nowhere")
}

fn has_packages(interpreter: &Path) -> bool {
    interpreter.is_file()
        && PACKAGES.iter().all(|package| {
            let (name, version) = package.split_once("==").unwrap_or((package, ""));
            let check = format!("import importlib.metadata as m; assert m.version('{name}') == '{version}'");
            Cmd::new(interpreter).args(["-c", &check]).quiet().succeeds()
        })
}

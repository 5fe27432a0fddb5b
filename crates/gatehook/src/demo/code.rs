//! The code bases of the demo: they are part of the program, and are unpacked into a Git repository of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use gatehook_domain::Timestamp;
use include_dir::{Dir, include_dir};

static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../examples");

/// A code base with several versions.
pub(super) struct Code {
    name: &'static str,
    path: PathBuf,
}

/// Makes an empty repository for a code base.
pub(super) fn unpack(name: &'static str, below: &Path) -> Result<Code> {
    let path = below.join(name);
    std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    let code = Code { name, path };
    code.git(&["init", "--quiet", "--initial-branch=main"], None)?;
    Ok(code)
}

impl Code {
    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a version into the folder and commits it with a date.
    pub(super) fn commit(&self, version: &str, date: Timestamp) -> Result<()> {
        let source = format!("{}/{version}", self.name);
        let folder = EXAMPLES
            .get_dir(&source)
            .with_context(|| format!("the program has no {source}"))?;
        for entry in std::fs::read_dir(&self.path)?.flatten() {
            if entry.file_name() != ".git" {
                let path = entry.path();
                if path.is_dir() {
                    std::fs::remove_dir_all(&path)?;
                } else {
                    std::fs::remove_file(&path)?;
                }
            }
        }
        write(folder, folder.path(), &self.path)?;
        self.git(&["add", "--all"], None)?;
        self.git(&["commit", "--quiet", "--message", version], Some(date))
    }

    fn git(&self, arguments: &[&str], date: Option<Timestamp>) -> Result<()> {
        let mut command = Command::new("git");
        command
            .current_dir(&self.path)
            .args(arguments)
            // The demo must not depend on how this person has set up Git, nor ask for keys and passwords.
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.org")])
            .envs([
                ("GIT_COMMITTER_NAME", "Ada"),
                ("GIT_COMMITTER_EMAIL", "ada@example.org"),
            ])
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .stdin(Stdio::null());
        if let Some(date) = date {
            command
                .env("GIT_AUTHOR_DATE", date.to_string())
                .env("GIT_COMMITTER_DATE", date.to_string());
        }
        let output = command
            .output()
            .context("git is needed for the demo's code bases and cannot be started")?;
        if !output.status.success() {
            bail!(
                "git {} failed: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }
}

fn write(folder: &Dir<'_>, strip: &Path, to: &Path) -> Result<()> {
    for file in folder.files() {
        let path = to.join(file.path().strip_prefix(strip)?);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, file.contents()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    for inner in folder.dirs() {
        write(inner, strip, to)?;
    }
    Ok(())
}

//! Where a process keeps what it needs only for a while, and what those before it left there.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gatehook_domain::id::NodeId;

use crate::serve::make_private_folder;

/// A temporary folder of this process alone, below one that several processes may share.
///
/// Each process holds a lock on a file beside its folder for as long as it lives. A folder whose lock is free was left by a
/// process that was killed.
pub(crate) struct TempFolder {
    pub(crate) path: PathBuf,
    lock_path: PathBuf,
    _lock: File,
    left: Vec<Left>,
}

/// What a killed process left. Its lock is held, so that nobody else sees to it.
struct Left {
    lock_path: PathBuf,
    _lock: File,
}

impl TempFolder {
    /// Makes the folder of a process, and finds what others left.
    pub(crate) fn create(shared: &Path, node: &NodeId) -> Result<Self> {
        let shown = shared.display();
        make_private_folder(shared)?;
        // Held while folders come, so that a new one is not taken for one that was left.
        let gate = open_lock(&shared.join(".lock"))?;
        gate.lock()
            .with_context(|| format!("cannot lock the temporary folder {shown}"))?;
        let mut left = Vec::new();
        let entries = std::fs::read_dir(shared).with_context(|| format!("cannot read {shown}"))?;
        for lock_path in entries.flatten().map(|entry| entry.path()) {
            if lock_path.extension().is_some_and(|ending| ending == "lock") {
                let lock = open_lock(&lock_path)?;
                if lock.try_lock().is_ok() {
                    left.push(Left { lock_path, _lock: lock });
                }
            }
        }
        let path = shared.join(node.as_str());
        let lock_path = shared.join(format!("{node}.lock"));
        let lock = open_lock(&lock_path)?;
        lock.try_lock()
            .with_context(|| format!("cannot lock {}", lock_path.display()))?;
        make_private_folder(&path)?;
        Ok(Self {
            path,
            lock_path,
            _lock: lock,
            left,
        })
    }

    /// The processes that left something, all of them dead.
    pub(crate) fn left_by(&self) -> Vec<NodeId> {
        let names = self.left.iter().filter_map(|left| left.lock_path.file_stem()?.to_str());
        names.filter_map(|name| NodeId::parse(name).ok()).collect()
    }

    /// Removes what they left, which nobody needs to know of any more.
    pub(crate) fn removes_left(&mut self) {
        for left in self.left.drain(..) {
            remove(&left.lock_path.with_extension(""));
            remove(&left.lock_path);
        }
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        remove(&self.path);
        remove(&self.lock_path);
    }
}

fn open_lock(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

fn remove(left: &Path) {
    let gone = if left.is_dir() {
        std::fs::remove_dir_all(left)
    } else {
        std::fs::remove_file(left)
    };
    match gone {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(file = %left.display(), %error, "a left-over temporary file cannot be removed");
        }
        _ => {}
    }
}

//! What git knows about the project: the revision, who changed each line when, and what a pull request changes.

use std::collections::HashMap;
use std::path::Path;

use encoding_rs::Encoding;
use gatehook_report::proto;
use gix::ObjectId;

use crate::files;
use crate::line_map::map_lines;
use crate::text;

/// Memory for decoded objects, for each thread; commits and trees are read again for every file.
const OBJECT_CACHE_BYTES: usize = 32 * 1024 * 1024;

/// A repository, open for all threads of a scan.
pub struct Scm {
    repository: gix::ThreadSafeRepository,
    head: ObjectId,
    /// Path from the root of the repository to the project's base; empty if they are the same.
    prefix: String,
    /// Whether the history is complete enough to say who changed a line.
    pub has_history: bool,
    base: Option<Base>,
}

/// What changed lines are measured from.
struct Base {
    tree: ObjectId,
    /// Old paths by new ones, both from the root of the repository.
    renames: HashMap<String, String>,
}

/// git could not answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ScmError(String);

impl ScmError {
    fn new(error: impl std::fmt::Display) -> Self {
        // One line: the text stands in a warning.
        Self(error.to_string().replace('\n', " "))
    }
}

impl Scm {
    /// Opens the repository `base` lies in, if it does and has a commit.
    pub fn open(base: &Path) -> Result<Option<Self>, ScmError> {
        if !base.ancestors().any(|folder| folder.join(".git").exists()) {
            return Ok(None);
        }
        let repository = gix::discover(base).map_err(ScmError::new)?;
        let Some(root) = repository.workdir() else {
            return Ok(None);
        };
        let root = std::fs::canonicalize(root).map_err(ScmError::new)?;
        let Some(prefix) = files::relative(&root, base) else {
            return Ok(None);
        };
        let head = repository.head().map_err(ScmError::new)?;
        if head.is_unborn() {
            return Ok(None);
        }
        let head = repository.head_id().map_err(ScmError::new)?.detach();
        let has_history = !repository.is_shallow().map_err(ScmError::new)?;
        Ok(Some(Self {
            repository: repository.into_sync(),
            head,
            prefix,
            has_history,
            base: None,
        }))
    }

    /// The revision that is checked out.
    pub fn revision(&self) -> String {
        self.head.to_string()
    }

    /// Path from the root of the repository to the project's base.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Makes changed lines those since the project left `branch`. The branch is looked for at the remote `origin` first, because the
    /// local one may be old.
    pub fn compare_with(&mut self, branch: &str) -> Result<(), ScmError> {
        let repository = self.repository.to_thread_local();
        let names = [format!("refs/remotes/origin/{branch}"), format!("refs/heads/{branch}")];
        let tip = names
            .iter()
            .find_map(|name| repository.rev_parse_single(name.as_str()).ok())
            .ok_or_else(|| {
                ScmError(format!(
                    "there is no branch '{branch}', neither here nor at origin; fetch it first"
                ))
            })?;
        let base = repository
            .merge_base(self.head, tip.detach())
            .map_err(ScmError::new)?
            .ok_or_else(|| {
                ScmError(format!(
                    "the history has no commit in common with '{branch}'; fetch more of it"
                ))
            })?;
        let tree_of = |id: ObjectId| {
            repository
                .find_commit(id)
                .and_then(|commit| commit.tree())
                .map_err(ScmError::new)
        };
        let old = tree_of(base.detach())?;
        let new = tree_of(self.head)?;
        let mut renames = HashMap::new();
        for change in repository.diff_tree_to_tree(&old, &new, None).map_err(ScmError::new)? {
            if let gix::diff::tree_with_rewrites::Change::Rewrite {
                source_location,
                location,
                ..
            } = change
            {
                renames.insert(location.to_string(), source_location.to_string());
            }
        }
        self.base = Some(Base { tree: old.id, renames });
        Ok(())
    }

    /// Whether changed lines are known.
    pub fn compares(&self) -> bool {
        self.base.is_some()
    }

    /// A view of the repository for one thread.
    pub(crate) fn worker(&self, encoding: &'static Encoding) -> ScmWorker<'_> {
        let mut repository = self.repository.to_thread_local();
        repository.object_cache_size_if_unset(OBJECT_CACHE_BYTES);
        ScmWorker {
            scm: self,
            repository,
            encoding,
            commits: HashMap::new(),
            diffs: None,
        }
    }

    fn path(&self, path: &str) -> String {
        if self.prefix.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.prefix)
        }
    }
}

/// The commit that a reference of the repository `base` lies in points to, given by its full name; none if it is not there.
pub(crate) fn commit_of(base: &Path, reference: &str) -> Option<String> {
    let repository = gix::discover(base).ok()?;
    let mut reference = repository.try_find_reference(reference).ok()??;
    Some(reference.peel_to_id().ok()?.to_string())
}

/// A repository in one thread.
pub(crate) struct ScmWorker<'a> {
    scm: &'a Scm,
    repository: gix::Repository,
    encoding: &'static Encoding,
    commits: HashMap<ObjectId, proto::Changeset>,
    /// What comparing blobs needs; made once, because making it reads the index.
    diffs: Option<gix::diff::blob::Platform>,
}

/// The lines of a file that a pull request or branch changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Lines, from 1.
    pub(crate) lines: Vec<i32>,
    /// The path before, relative to the project's base, if the file was moved.
    pub(crate) old_path: Option<String>,
}

impl ScmWorker<'_> {
    /// Who changed each line of a file; none if the file is not committed. Lines that are not committed yet get a change without a
    /// revision, made `now`.
    pub(crate) fn blame(&mut self, path: &str, content: &str, now: i64) -> Result<Option<proto::Changesets>, ScmError> {
        let path = self.scm.path(path);
        if self.blob(self.head_tree()?, &path)?.is_none() {
            return Ok(None);
        }
        let outcome = self.blame_committed(&path)?;
        let mut by_old_line = Vec::new();
        for entry in &outcome.entries {
            by_old_line.resize(by_old_line.len().max(entry.range_in_blamed_file().end), None);
            by_old_line[entry.range_in_blamed_file()].fill(Some(entry.commit_id));
        }
        if by_old_line.is_empty() {
            return Ok(None);
        }
        let committed = text::decode(outcome.blob, self.encoding).content;
        let mut changesets = proto::Changesets::default();
        let mut indices = HashMap::new();
        for old_line in map_lines(&committed, content) {
            let commit = old_line.and_then(|line| by_old_line.get(line as usize).copied().flatten());
            let index = if let Some(index) = indices.get(&commit) {
                *index
            } else {
                let index = changesets.changeset.len() as i32;
                changesets.changeset.push(match commit {
                    Some(commit) => self.changeset(commit)?,
                    None => proto::Changeset {
                        date: now,
                        ..proto::Changeset::default()
                    },
                });
                indices.insert(commit, index);
                index
            };
            changesets.changeset_index_by_line.push(index);
        }
        Ok(Some(changesets))
    }

    /// The lines of a file that changed since the project left the branch it is compared with; none if it is compared with none.
    pub(crate) fn changed_lines(&mut self, path: &str, content: &str) -> Result<Option<Changed>, ScmError> {
        let Some(base) = &self.scm.base else { return Ok(None) };
        let path = self.scm.path(path);
        let renamed = base.renames.get(&path);
        let old = self.blob(base.tree, renamed.unwrap_or(&path))?;
        if old.is_none()
            && let Some(module) = self.submodule(self.head_tree()?, &path)?
            && self.submodule(base.tree, &path)? == Some(module)
        {
            // The same commit of the submodule on both sides, so nothing in it changed.
            return Ok(Some(Changed {
                lines: Vec::new(),
                old_path: None,
            }));
        }
        let committed = old
            .map(|bytes| text::decode(bytes, self.encoding).content)
            .unwrap_or_default();
        let lines = map_lines(&committed, content)
            .into_iter()
            .enumerate()
            .filter(|(_, old_line)| old_line.is_none())
            .map(|(line, _)| line as i32 + 1)
            .collect();
        let old_path = renamed.and_then(|old| {
            if self.scm.prefix.is_empty() {
                Some(old.as_str())
            } else {
                old.strip_prefix(&self.scm.prefix)?.strip_prefix('/')
            }
        });
        Ok(Some(Changed {
            lines,
            old_path: old_path.map(str::to_owned),
        }))
    }

    /// The repository has a method for this, too; but that one reads the whole index for every file.
    fn blame_committed(&mut self, path: &str) -> Result<gix::blame::Outcome, ScmError> {
        let mut diffs = match self.diffs.take() {
            Some(diffs) => diffs,
            None => self
                .repository
                .diff_resource_cache_for_tree_diff()
                .map_err(ScmError::new)?,
        };
        let options = gix::blame::Options {
            diff_algorithm: self.repository.diff_algorithm().map_err(ScmError::new)?,
            rewrites: Some(gix::diff::Rewrites::default()),
            ..gix::blame::Options::default()
        };
        let graph = self.repository.commit_graph_if_enabled().map_err(ScmError::new)?;
        let start = gix::blame::Start::Commit(self.scm.head);
        let outcome = gix::blame::file(&self.repository.objects, start, graph, &mut diffs, path.into(), options);
        diffs.clear_resource_cache_keep_allocation();
        self.diffs = Some(diffs);
        outcome.map_err(ScmError::new)
    }

    fn head_tree(&self) -> Result<ObjectId, ScmError> {
        let commit = self.repository.find_commit(self.scm.head).map_err(ScmError::new)?;
        Ok(commit.tree_id().map_err(ScmError::new)?.detach())
    }

    /// The commit of the submodule a file lies in, if it lies in one.
    fn submodule(&self, tree: ObjectId, path: &str) -> Result<Option<ObjectId>, ScmError> {
        let tree = self.repository.find_tree(tree).map_err(ScmError::new)?;
        for (end, _) in path.match_indices('/') {
            // From the outside in, so that nothing is looked up inside a submodule, whose trees are not here.
            match tree.lookup_entry_by_path(&path[..end]).map_err(ScmError::new)? {
                Some(entry) if entry.mode().is_commit() => return Ok(Some(entry.object_id())),
                Some(_) => {}
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// What a file held; none if it is not in the tree, as are files of submodules.
    fn blob(&self, tree: ObjectId, path: &str) -> Result<Option<Vec<u8>>, ScmError> {
        let root = tree;
        let tree = self.repository.find_tree(root).map_err(ScmError::new)?;
        let entry = match tree.lookup_entry_by_path(path) {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(None),
            Err(_) if self.submodule(root, path)?.is_some() => return Ok(None),
            Err(error) => return Err(ScmError::new(error)),
        };
        if !entry.mode().is_blob() {
            return Ok(None);
        }
        let mut object = entry.object().map_err(ScmError::new)?;
        Ok(Some(std::mem::take(&mut object.data)))
    }

    fn changeset(&mut self, id: ObjectId) -> Result<proto::Changeset, ScmError> {
        if let Some(known) = self.commits.get(&id) {
            return Ok(known.clone());
        }
        let commit = self.repository.find_commit(id).map_err(ScmError::new)?;
        let author = commit.author().map_err(ScmError::new)?;
        let changeset = proto::Changeset {
            revision: id.to_string(),
            author: author.email.to_string(),
            date: commit.committer().map_err(ScmError::new)?.seconds() * 1000,
        };
        self.commits.insert(id, changeset.clone());
        Ok(changeset)
    }
}

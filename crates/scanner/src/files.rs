//! Which files belong to the project.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use encoding_rs::Encoding;
use ignore::WalkBuilder;

use crate::languages;
use crate::patterns::{BadPattern, Patterns};
use crate::properties::Properties;
use crate::text;

/// The default of `sonar.filesize.limit`, in MiB: a larger file is data, not something a person reads.
const FILE_SIZE_LIMIT_MIB: u64 = 20;

/// A file of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the project's base, with `/`.
    pub path: String,
    /// Where it is.
    pub absolute: PathBuf,
    /// Its language; files without one are scanned only when a report of a tool names them.
    pub language: Option<&'static str>,
    /// Whether it is a test.
    pub is_test: bool,
}

/// The files that were found, by path, and how to find one.
#[derive(Clone, Debug, Default)]
pub struct FileSet {
    files: Vec<SourceFile>,
    by_path: HashMap<String, usize>,
    /// What was left out and should be known.
    pub warnings: Vec<String>,
}

/// The files of a project could not be found.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The project's folder is not there.
    #[error("the project's folder {} cannot be opened: {source}", path.display())]
    Base {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A path of a property is not there.
    #[error("{property}: '{path}' does not exist in {}", base.display())]
    Missing {
        /// The property.
        property: &'static str,
        /// The path as it was given.
        path: String,
        /// The project's folder.
        base: PathBuf,
    },
    /// A path of a property is not below the project's folder.
    #[error("{property}: '{path}' is not in the project's folder {}; choose the folder with sonar.projectBaseDir", base.display())]
    Outside {
        /// The property.
        property: &'static str,
        /// The path as it was given.
        path: String,
        /// The project's folder.
        base: PathBuf,
    },
    /// A file would be a source and a test.
    #[error(
        "{0} belongs to sonar.sources and to sonar.tests, but a file can be only one of them; \
         separate them with sonar.exclusions and sonar.test.inclusions"
    )]
    Both(String),
    /// A pattern is wrong.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
    /// A number is wrong.
    #[error("sonar.filesize.limit: '{0}' is not a whole number of megabytes, at least 1")]
    SizeLimit(String),
    /// A folder cannot be read.
    #[error("a folder cannot be read: {0}")]
    Walk(#[source] ignore::Error),
}

impl FileSet {
    /// All files, sorted by path.
    pub fn all(&self) -> &[SourceFile] {
        &self.files
    }

    /// Looks a file up by its path relative to the project's base.
    pub fn find(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    /// Finds the files of a project. `base` must be canonical; files and folders in `left_out` are none of the project's, however
    /// they are named: the working folder, and the reports of other tools.
    pub fn collect(
        base: &Path,
        left_out: HashSet<PathBuf>,
        properties: &Properties,
        encoding: &'static Encoding,
        mut seen: impl FnMut(u64),
    ) -> Result<Self, FilesError> {
        let rules = Rules::new(base, properties)?;
        let mut warnings = Warnings::default();
        let mut found = BTreeMap::new();
        let left_out = Arc::new(left_out);
        let ignores = !properties.is_true("sonar.scm.exclusions.disabled");
        for root in rules.sources.iter().chain(&rules.tests) {
            let left_out = Arc::clone(&left_out);
            let walk = WalkBuilder::new(base.join(root))
                .standard_filters(false)
                .git_ignore(ignores)
                .git_exclude(ignores)
                .git_global(ignores)
                .parents(ignores)
                .require_git(false)
                .follow_links(false)
                .filter_entry(move |entry| entry.file_name() != ".git" && !left_out.contains(entry.path()))
                .build();
            for entry in walk {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        warnings.unreadable.push(error.to_string());
                        continue;
                    }
                };
                let Some(kind) = entry.file_type() else { continue };
                if kind.is_symlink() {
                    // What a link inside the project leads to is found by itself; what is outside does not belong to it.
                    if std::fs::canonicalize(entry.path()).is_ok_and(|target| !target.starts_with(base)) {
                        warnings.links.push(shown(base, entry.path()));
                    }
                    continue;
                }
                if !kind.is_file() {
                    continue;
                }
                let Some(path) = relative(base, entry.path()) else {
                    warnings.names.push(shown(base, entry.path()));
                    continue;
                };
                if found.contains_key(&path) {
                    continue;
                }
                let Some(is_test) = rules.kind(&path, entry.path())? else {
                    continue;
                };
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                if size > rules.size_limit {
                    warnings.large.push(path);
                    continue;
                }
                let language = languages::of_path(&path);
                if language.is_some() {
                    match looks_binary(entry.path(), encoding) {
                        Ok(false) => {}
                        Ok(true) => continue,
                        Err(error) => {
                            warnings.unreadable.push(format!("{path}: {error}"));
                            continue;
                        }
                    }
                }
                found.insert(
                    path.clone(),
                    SourceFile {
                        path,
                        absolute: entry.into_path(),
                        language,
                        is_test,
                    },
                );
                seen(found.len() as u64);
            }
        }
        let files: Vec<_> = found.into_values().collect();
        let by_path = files
            .iter()
            .enumerate()
            .map(|(index, file)| (file.path.clone(), index))
            .collect();
        Ok(Self {
            files,
            by_path,
            warnings: warnings.finish(rules.size_limit),
        })
    }
}

/// What the properties say about files.
struct Rules {
    /// Relative paths; an empty one is the base itself.
    sources: Vec<String>,
    tests: Vec<String>,
    inclusions: Patterns,
    exclusions: Patterns,
    test_inclusions: Patterns,
    test_exclusions: Patterns,
    size_limit: u64,
}

impl Rules {
    fn new(base: &Path, properties: &Properties) -> Result<Self, FilesError> {
        let patterns = |property: &str| Patterns::new(property, &properties.list(property));
        let mut sources = roots(base, properties, "sonar.sources")?;
        if sources.is_empty() {
            sources.push(String::new());
        }
        let size_limit = match properties.get("sonar.filesize.limit") {
            None => FILE_SIZE_LIMIT_MIB,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=4096).contains(limit))
                .ok_or_else(|| FilesError::SizeLimit(text.to_owned()))?,
        };
        Ok(Self {
            sources,
            tests: roots(base, properties, "sonar.tests")?,
            inclusions: patterns("sonar.inclusions")?,
            exclusions: patterns("sonar.exclusions")?,
            test_inclusions: patterns("sonar.test.inclusions")?,
            test_exclusions: patterns("sonar.test.exclusions")?,
            size_limit: size_limit * 1024 * 1024,
        })
    }

    /// Whether a file is a test; none if it does not belong to the project.
    fn kind(&self, path: &str, absolute: &Path) -> Result<Option<bool>, FilesError> {
        let below = |roots: &[String]| roots.iter().filter(|root| is_below(path, root)).map(String::len).max();
        let source_root = below(&self.sources);
        let test_root = below(&self.tests);
        let in_tests = test_root.is_some()
            && (self.test_inclusions.is_empty() || self.test_inclusions.matches(path, absolute))
            && !self.test_exclusions.matches(path, absolute);
        // A folder of tests inside of the sources is what it says, tests.
        let may_be_source = match (source_root, test_root) {
            (Some(source), Some(test)) => test <= source,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let in_sources = may_be_source
            && (self.inclusions.is_empty() || self.inclusions.matches(path, absolute))
            && !self.exclusions.matches(path, absolute);
        match (in_sources, in_tests) {
            (true, true) => Err(FilesError::Both(path.to_owned())),
            (true, false) => Ok(Some(false)),
            (false, true) => Ok(Some(true)),
            (false, false) => Ok(None),
        }
    }
}

fn roots(base: &Path, properties: &Properties, property: &'static str) -> Result<Vec<String>, FilesError> {
    let mut roots = Vec::new();
    for path in properties.list(property) {
        let absolute = std::fs::canonicalize(base.join(&path)).map_err(|_| FilesError::Missing {
            property,
            path: path.clone(),
            base: base.to_owned(),
        })?;
        let root = relative(base, &absolute);
        roots.push(root.ok_or_else(|| FilesError::Outside {
            property,
            path: path.clone(),
            base: base.to_owned(),
        })?);
    }
    Ok(roots)
}

fn is_below(path: &str, root: &str) -> bool {
    root.is_empty()
        || path
            .strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path relative to the base with `/`; none if it is not below it or not Unicode.
pub(crate) fn relative(base: &Path, path: &Path) -> Option<String> {
    let mut out = String::new();
    for component in path.strip_prefix(base).ok()?.components() {
        let Component::Normal(name) = component else {
            return None;
        };
        if !out.is_empty() {
            out.push('/');
        }
        out.push_str(name.to_str()?);
    }
    Some(out)
}

/// Whether a file starts like a binary.
pub(crate) fn looks_binary(path: &Path, encoding: &'static Encoding) -> std::io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(8000).read_to_end(&mut start)?;
    Ok(text::is_binary(&start, encoding))
}

fn shown(base: &Path, path: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}

#[derive(Default)]
struct Warnings {
    links: Vec<String>,
    large: Vec<String>,
    names: Vec<String>,
    unreadable: Vec<String>,
}

impl Warnings {
    fn finish(self, limit: u64) -> Vec<String> {
        let limit = limit / (1024 * 1024);
        [
            (
                self.links,
                "symbolic links that leave the project's folder were skipped".to_owned(),
            ),
            (
                self.large,
                format!("files above {limit} MiB were skipped (sonar.filesize.limit)"),
            ),
            (self.names, "files whose names are not Unicode were skipped".to_owned()),
            (
                self.unreadable,
                "files or folders could not be read and were skipped".to_owned(),
            ),
        ]
        .into_iter()
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, what)| format!("{} {what}: {}", names.len(), first_names(&names)))
        .collect()
    }
}

/// The first five names of a list, and how many more there are.
pub(crate) fn first_names<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 5;
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(AsRef::as_ref)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        let _ = write!(text, " and {} more", names.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap().join("p");
        for (path, content) in files {
            let path = base.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        (dir, base)
    }

    fn collect(base: &Path, properties: &[(&str, &str)]) -> Result<FileSet, FilesError> {
        let mut merged = Properties::new();
        for (key, value) in properties {
            merged.set(key, value);
        }
        FileSet::collect(
            base,
            HashSet::from([base.join(".scannerwork")]),
            &merged,
            encoding_rs::UTF_8,
            |_| {},
        )
    }

    fn names(files: &FileSet) -> Vec<String> {
        files
            .all()
            .iter()
            .map(|file| format!("{}{}", if file.is_test { "t:" } else { "" }, file.path))
            .collect()
    }

    #[test]
    fn ignored_files_binaries_and_the_working_folder_are_left_out() {
        let (_dir, base) = tree(&[
            (".gitignore", "build/\n"),
            ("build/gen.py", ""),
            ("b.py", "x"),
            ("a/a.py", "x"),
            (".github/ci.yml", "a: 1"),
            ("bin.js", "a\0b"),
            (".git/hooks.sh", ""),
            (".scannerwork/x.py", ""),
        ]);
        assert_eq!(
            names(&collect(&base, &[]).unwrap()),
            [".github/ci.yml", ".gitignore", "a/a.py", "b.py"]
        );
        let all = collect(&base, &[("sonar.scm.exclusions.disabled", "true")]).unwrap();
        assert!(all.find("build/gen.py").is_some());
    }

    #[test]
    fn inclusions_and_exclusions_choose_among_sources_and_tests() {
        let (_dir, base) = tree(&[
            ("src/a.ts", ""),
            ("src/a.test.ts", ""),
            ("src/b.ts", ""),
            ("src/gen/c.ts", ""),
            ("other.ts", ""),
        ]);
        let files = collect(
            &base,
            &[
                ("sonar.sources", "src"),
                ("sonar.tests", "src"),
                ("sonar.exclusions", "**/*.test.ts,src/gen/**"),
                ("sonar.test.inclusions", "**/*.test.ts"),
            ],
        );
        assert_eq!(names(&files.unwrap()), ["t:src/a.test.ts", "src/a.ts", "src/b.ts"]);
    }

    #[test]
    fn tests_below_the_sources_are_tests_but_the_same_folder_is_refused() {
        let (_dir, base) = tree(&[("a.py", ""), ("tests/t.py", "")]);
        assert_eq!(
            names(&collect(&base, &[("sonar.tests", "tests")]).unwrap()),
            ["a.py", "t:tests/t.py"]
        );
        let error = collect(&base, &[("sonar.sources", "tests"), ("sonar.tests", "tests")]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("tests/t.py belongs to sonar.sources and to sonar.tests"),
            "{error}"
        );
    }

    #[test]
    fn a_path_that_is_not_there_or_outside_is_named_with_its_property() {
        let (_dir, base) = tree(&[("a.py", "")]);
        let error = collect(&base, &[("sonar.sources", "src")]).unwrap_err();
        assert!(
            error.to_string().starts_with("sonar.sources: 'src' does not exist in "),
            "{error}"
        );
        let error = collect(&base, &[("sonar.tests", "..")]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("sonar.tests: '..' is not in the project's folder"),
            "{error}"
        );
    }

    #[test]
    #[cfg(unix)]
    fn links_out_of_the_project_and_large_files_are_skipped_with_a_warning() {
        let (dir, base) = tree(&[("a.py", ""), ("../secret.py", "x")]);
        std::os::unix::fs::symlink(dir.path().join("secret.py"), base.join("link.py")).unwrap();
        std::os::unix::fs::symlink(base.join("a.py"), base.join("inner.py")).unwrap();
        File::create(base.join("big.py"))
            .unwrap()
            .set_len(2 * 1024 * 1024)
            .unwrap();
        let files = collect(&base, &[("sonar.filesize.limit", "1")]).unwrap();
        assert_eq!(names(&files), ["a.py"]);
        assert_eq!(
            files.warnings,
            [
                "1 symbolic links that leave the project's folder were skipped: link.py",
                "1 files above 1 MiB were skipped (sonar.filesize.limit): big.py",
            ]
        );
    }
}

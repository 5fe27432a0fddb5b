//! Which file of the project a path in a tool's report means.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::files::FileSet;

/// What a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// A file of the scan, by its index.
    File(usize),
    /// A file in the project's folder that the scan leaves out, for instance because of `sonar.exclusions`.
    LeftOut,
    /// Nothing in the project.
    Unknown,
}

/// Looks paths up in the files of a scan.
pub struct Resolver<'a> {
    base: &'a Path,
    /// The base as it was given, which tools may have seen instead of the canonical one.
    given_base: PathBuf,
    files: &'a FileSet,
    /// Files by their last name, for reports that leave out where the path starts.
    by_name: HashMap<&'a str, Vec<usize>>,
}

/// How much a path in a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It starts at the project's base, at one of the report's roots or at `/`.
    Whole,
    /// Its start may be missing, as in JaCoCo, where it begins at the package; then the one file that ends with it is meant.
    MaybePart,
}

impl<'a> Resolver<'a> {
    /// Prepares look-ups. `base` is canonical.
    pub fn new(base: &'a Path, given_base: &Path, files: &'a FileSet) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, file) in files.all().iter().enumerate() {
            by_name.entry(file_name(&file.path)).or_default().push(index);
        }
        Self {
            base,
            given_base: given_base.to_owned(),
            files,
            by_name,
        }
    }

    /// Looks a path up. `roots` are folders the report says its paths start at; `report_dir` is where the report lies.
    pub fn resolve(
        &self,
        path: &str,
        roots: &[String],
        report_dir: Option<&Path>,
        completeness: Completeness,
    ) -> Resolved {
        let path = normalised(path);
        if is_absolute(&path) {
            return match self.below_base(&path) {
                Some(relative) => self.known(&relative),
                None => Resolved::Unknown,
            };
        }
        let mut left_out = false;
        let mut candidates = vec![clean(&path)];
        for root in roots.iter().filter(|root| !root.trim().is_empty()) {
            let root = normalised(root);
            let joined = format!("{}/{path}", root.trim_end_matches('/'));
            candidates.push(if is_absolute(&joined) {
                self.below_base(&joined)
            } else {
                clean(&joined)
            });
        }
        if let Some(dir) = report_dir {
            candidates.push(self.below_base(&format!("{}/{path}", normalised(&dir.to_string_lossy()))));
        }
        for candidate in candidates.into_iter().flatten() {
            match self.known(&candidate) {
                Resolved::File(index) => return Resolved::File(index),
                Resolved::LeftOut => left_out = true,
                Resolved::Unknown => {}
            }
        }
        if left_out {
            return Resolved::LeftOut;
        }
        if completeness == Completeness::MaybePart {
            return self.by_end(&path);
        }
        Resolved::Unknown
    }

    fn known(&self, relative: &str) -> Resolved {
        match self.files.find(relative) {
            Some(index) => Resolved::File(index),
            None if !relative.is_empty() && self.base.join(relative).is_file() => Resolved::LeftOut,
            None => Resolved::Unknown,
        }
    }

    /// The one file whose path ends with `path`.
    fn by_end(&self, path: &str) -> Resolved {
        let Some(path) = clean(path) else {
            return Resolved::Unknown;
        };
        let ends = |&&index: &&usize| {
            self.files.all()[index]
                .path
                .strip_suffix(path.as_str())
                .is_some_and(|start| start.ends_with('/'))
        };
        let mut matching = self.by_name.get(file_name(&path)).into_iter().flatten().filter(ends);
        match (matching.next(), matching.next()) {
            (Some(&index), None) => Resolved::File(index),
            _ => Resolved::Unknown,
        }
    }

    fn below_base(&self, absolute: &str) -> Option<String> {
        [self.base, &self.given_base].into_iter().find_map(|base| {
            let base = normalised(&base.to_string_lossy());
            let rest = absolute.strip_prefix(base.trim_end_matches('/'))?.strip_prefix('/')?;
            clean(rest)
        })
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Forward slashes, no `file:` in front.
fn normalised(path: &str) -> String {
    let path = path
        .strip_prefix("file://")
        .or_else(|| path.strip_prefix("file:"))
        .unwrap_or(path);
    let path = path.replace('\\', "/");
    // `file:///C:/x` leaves a slash before the drive.
    match path.strip_prefix('/') {
        Some(rest) if has_drive(rest) => rest.to_owned(),
        _ => path,
    }
}

fn has_drive(path: &str) -> bool {
    let mut bytes = path.bytes();
    bytes.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && bytes.next() == Some(b':')
        && bytes.next() == Some(b'/')
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || has_drive(path)
}

/// A relative path without `.` and `..`; none if it leads out.
fn clean(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::Properties;

    #[test]
    fn paths_of_tools_are_found_however_they_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        for file in [
            "src/main/java/org/x/A.java",
            "src/a.py",
            "lib/a.py",
            "skipped.py",
            "with space.py",
        ] {
            std::fs::create_dir_all(base.join(file).parent().unwrap()).unwrap();
            std::fs::write(base.join(file), "").unwrap();
        }
        let mut properties = Properties::new();
        properties.set("sonar.exclusions", "skipped.py");
        let files = FileSet::collect(
            &base,
            std::collections::HashSet::new(),
            &properties,
            encoding_rs::UTF_8,
            |_| {},
        )
        .unwrap();
        let resolver = Resolver::new(&base, Path::new("/given/base"), &files);
        let found = |path: &str, roots: &[&str]| {
            let roots: Vec<_> = roots.iter().map(|&root| root.to_owned()).collect();
            match resolver.resolve(path, &roots, Some(&base.join("lib/reports")), Completeness::MaybePart) {
                Resolved::File(index) => files.all()[index].path.clone(),
                other => format!("{other:?}"),
            }
        };
        assert_eq!(found("src/a.py", &[]), "src/a.py");
        assert_eq!(found("./src/../src/a.py", &[]), "src/a.py");
        assert_eq!(found("src\\a.py", &[]), "src/a.py");
        assert_eq!(found(&format!("file://{}/src/a.py", base.display()), &[]), "src/a.py");
        assert_eq!(found("/given/base/src/a.py", &[]), "src/a.py");
        assert_eq!(found("a.py", &["src"]), "src/a.py");
        assert_eq!(found("a.py", &[&format!("{}/lib", base.display())]), "lib/a.py");
        assert_eq!(found("../a.py", &[]), "lib/a.py");
        assert_eq!(found("org/x/A.java", &[]), "src/main/java/org/x/A.java");
        assert_eq!(found("a.py", &[]), "Unknown", "two files end so");
        assert_eq!(found("skipped.py", &[]), "LeftOut");
        assert_eq!(found("/etc/passwd", &[]), "Unknown");
        assert_eq!(found("../../outside.py", &[]), "Unknown");
        assert_eq!(found("with space.py", &[]), "with space.py");
    }
}

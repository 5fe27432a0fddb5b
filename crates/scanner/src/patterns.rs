//! Path patterns as `sonar.exclusions` has them: `?` one character, `*` any within a folder, `**` any number of folders.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A pattern that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{property}: the pattern '{pattern}' cannot be read: {reason}")]
pub struct BadPattern {
    /// The property it stands in.
    pub property: String,
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The patterns of one property.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    relative: GlobSet,
    absolute: GlobSet,
}

impl Patterns {
    /// Reads the patterns of a property. A pattern is for the path relative to the project's base; after `file:` for the whole path.
    pub fn new(property: &str, patterns: &[String]) -> Result<Self, BadPattern> {
        let mut relative = GlobSetBuilder::new();
        let mut absolute = GlobSetBuilder::new();
        for pattern in patterns {
            let refuse = |error: globset::Error| BadPattern {
                property: property.to_owned(),
                pattern: pattern.clone(),
                reason: error.kind().to_string(),
            };
            let (set, text) = match pattern.strip_prefix("file:") {
                Some(text) => (&mut absolute, text),
                None => (&mut relative, pattern.trim_start_matches("./").trim_start_matches('/')),
            };
            let glob = GlobBuilder::new(&glob_of(text))
                .literal_separator(true)
                .backslash_escape(false)
                .build()
                .map_err(refuse)?;
            set.add(glob);
        }
        let refuse = |error: globset::Error| BadPattern {
            property: property.to_owned(),
            pattern: patterns.join(","),
            reason: error.kind().to_string(),
        };
        Ok(Self {
            relative: relative.build().map_err(refuse)?,
            absolute: absolute.build().map_err(refuse)?,
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.relative.is_empty() && self.absolute.is_empty()
    }

    /// Whether a file matches one of them. `path` is relative with `/`, `absolute` is where the file is.
    pub fn matches(&self, path: &str, absolute: &std::path::Path) -> bool {
        self.relative.is_match(path) || (!self.absolute.is_empty() && self.absolute.is_match(absolute))
    }
}

/// Whether a text is a pattern and not just a path.
pub fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Only `*` and `?` mean something here; what globs give a meaning beyond that is taken literally. A pattern that ends with a slash
/// means all that is below.
pub(crate) fn glob_of(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len() + 2);
    for c in pattern.replace('\\', "/").chars() {
        if matches!(c, '[' | ']' | '{' | '}') {
            glob.push('[');
            glob.push(c);
            glob.push(']');
        } else {
            glob.push(c);
        }
    }
    if glob.ends_with('/') {
        glob.push_str("**");
    }
    glob
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("**/*.py", "a.py", true)]
    #[case("**/*.py", "x/y/a.py", true)]
    #[case("*.py", "x/a.py", false)]
    #[case("src/**", "src/a/b.js", true)]
    #[case("src/", "src/a/b.js", true)]
    #[case("src/*/b.js", "src/a/b.js", true)]
    #[case("src/*/b.js", "src/a/c/b.js", false)]
    #[case("**/test?.c", "t/test1.c", true)]
    #[case("a[1].js", "a[1].js", true)]
    #[case("a[1].js", "a1.js", false)]
    #[case("{a,b}.js", "a.js", false)]
    #[case("file:/base/**/*.py", "a.py", true)]
    #[case("./a.py", "a.py", true)]
    fn patterns_match_as_in_ant(#[case] pattern: &str, #[case] path: &str, #[case] expected: bool) {
        let patterns = Patterns::new("p", &[pattern.to_owned()]).unwrap();
        assert_eq!(patterns.matches(path, &Path::new("/base").join(path)), expected);
    }
}

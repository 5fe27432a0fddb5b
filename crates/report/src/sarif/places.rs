//! Where results are: from SARIF's URIs and regions to paths and ranges.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::format::{Artifact, ArtifactLocation, CodeFlow, FlowStep, PhysicalLocation, Region, SarifLocation, Stack};
use super::{MAX_NAME_BYTES, text_of};
use crate::model::{Flow, Location, TextRange};

/// Most bases on top of each other; more is a circle.
const MAX_BASES: usize = 8;

/// What a run says about its files.
pub(super) struct Places<'a> {
    pub(super) artifacts: &'a [Artifact],
    pub(super) bases: Option<&'a BTreeMap<String, ArtifactLocation>>,
}

impl Places<'_> {
    /// The location with its path; none if no URI says which file it is in.
    pub(super) fn location(&self, location: &SarifLocation) -> Option<Location> {
        let physical = location.physical_location.as_ref()?;
        let path = self.path(physical)?;
        let range = physical.region.as_ref().and_then(range);
        Some(Location {
            path: Some(path),
            range,
            message: text_of(location.message.as_ref(), None),
        })
    }

    pub(super) fn stack(&self, stack: &Stack) -> Option<Flow> {
        self.flow(text_of(stack.message.as_ref(), None), stack.frames.as_deref()?)
    }

    pub(super) fn code_flow(&self, code_flow: &CodeFlow) -> Vec<Flow> {
        let threads = code_flow.thread_flows.iter().flatten();
        let flow = |thread: &super::format::ThreadFlow| {
            let description =
                text_of(thread.message.as_ref(), None).or_else(|| text_of(code_flow.message.as_ref(), None));
            self.flow(description, thread.locations.as_deref()?)
        };
        threads.filter_map(flow).collect()
    }

    fn flow(&self, description: Option<String>, steps: &[FlowStep]) -> Option<Flow> {
        let locations: Vec<_> = steps
            .iter()
            .filter_map(|step| self.location(step.location.as_ref()?))
            .collect();
        if locations.is_empty() {
            None
        } else {
            Some(Flow { description, locations })
        }
    }

    fn path(&self, physical: &PhysicalLocation) -> Option<String> {
        let location = physical.artifact_location.as_ref()?;
        let has_uri = |location: &&ArtifactLocation| location.uri.as_deref().is_some_and(|uri| !uri.is_empty());
        let listed = || {
            let index = usize::try_from(location.index?).ok()?;
            self.artifacts.get(index)?.location.as_ref().filter(has_uri)
        };
        let location = Some(location).filter(has_uri).or_else(listed)?;
        Some(path_of_uri(&self.resolved(location)?)).filter(|path| path.len() <= MAX_NAME_BYTES)
    }

    /// The URI, behind those of its bases as far as the log says them. A base that is only a name (`%SRCROOT%`) is where the scan
    /// starts, so a URI relative to it is left as it is.
    fn resolved(&self, location: &ArtifactLocation) -> Option<String> {
        let mut uri = location.uri.clone()?;
        let mut base_id = location.uri_base_id.as_deref();
        for _ in 0..MAX_BASES {
            if is_absolute(&uri) {
                break;
            }
            let Some(base) = base_id.and_then(|id| self.bases?.get(id)) else {
                break;
            };
            if let Some(prefix) = base.uri.as_deref().filter(|prefix| !prefix.is_empty()) {
                let separator = if prefix.ends_with('/') { "" } else { "/" };
                uri = format!("{prefix}{separator}{uri}");
            }
            base_id = base.uri_base_id.as_deref();
        }
        Some(uri)
    }
}

fn is_absolute(uri: &str) -> bool {
    uri.starts_with('/') || scheme(uri).is_some()
}

/// The scheme of a URI. A single letter is a drive of Windows, which sloppy tools leave in front of a plain path.
fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let starts_well = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let goes_well = scheme
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    (starts_well && goes_well && scheme.len() > 1).then_some(scheme)
}

/// The path that a URI names: percent-escapes decoded, `file:` and its slashes resolved. Other schemes stay as they are.
fn path_of_uri(uri: &str) -> String {
    let decoded = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map_or_else(|_| text.to_owned(), String::from)
    };
    let is_file = scheme(uri).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file"));
    if !is_file {
        return if scheme(uri).is_some() {
            uri.to_owned()
        } else {
            decoded(uri)
        };
    }
    let rest = &uri["file:".len()..];
    let Some(authority) = rest.strip_prefix("//") else {
        return decoded(rest);
    };
    let path = match authority.strip_prefix("localhost/") {
        Some(local) => format!("/{local}"),
        None if authority.starts_with('/') => authority.to_owned(),
        // A share of Windows; or a relative path behind too many slashes, which is not to be told apart.
        None => return decoded(&format!("//{authority}")),
    };
    let path = decoded(&path);
    let bytes = path.as_bytes();
    let is_drive = bytes.len() > 2 && bytes[1].is_ascii_alphabetic() && bytes[2] == b':';
    if is_drive { path[1..].to_owned() } else { path }
}

/// The range of a region. Columns count from 1 in SARIF; a region without lines (of bytes or characters) has none, and an empty one
/// stands for its line.
fn range(region: &Region) -> Option<TextRange> {
    let from_one = |number: Option<i64>| number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    let column = |number: Option<i64>| from_one(number).map(|n| n - 1);
    let start_line = from_one(region.start_line)?;
    let end_line = from_one(region.end_line).filter(|end| *end >= start_line);
    let (start_column, end_column) = (column(region.start_column), column(region.end_column));
    let is_one_line = end_line.unwrap_or(start_line) == start_line;
    if is_one_line && end_column.is_some_and(|end| end <= start_column.unwrap_or(0)) {
        return Some(TextRange {
            start_line,
            start_column: None,
            end_line: None,
            end_column: None,
        });
    }
    Some(TextRange {
        start_line,
        start_column,
        end_line,
        end_column,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("src/a%20b.py", "src/a b.py")]
    #[case("src/100%.py", "src/100%.py")]
    #[case("src/%FF.py", "src/%FF.py")]
    #[case("file:///home/me/a.py", "/home/me/a.py")]
    #[case("file:///C:/code/a%20b.cs", "C:/code/a b.cs")]
    #[case("file://localhost/a.py", "/a.py")]
    #[case("file://share/x/a.py", "//share/x/a.py")]
    #[case("file:src/a.py", "src/a.py")]
    #[case("FILE:/a.py", "/a.py")]
    #[case("C:\\code\\a.cs", "C:\\code\\a.cs")]
    #[case("https://example.org/a%20b", "https://example.org/a%20b")]
    fn uris_become_paths(#[case] uri: &str, #[case] path: &str) {
        assert_eq!(path_of_uri(uri), path);
    }

    #[test]
    fn bases_are_put_in_front_and_circles_end() {
        let bases: BTreeMap<String, ArtifactLocation> = serde_json::from_str(
            r#"{"ROOT": {"uri": "file:///home/me/"}, "SRC": {"uri": "my%20src", "uriBaseId": "ROOT"}, "SRCROOT": {},
                "A": {"uri": "a/", "uriBaseId": "B"}, "B": {"uri": "b/", "uriBaseId": "A"}}"#,
        )
        .unwrap();
        let places = Places {
            artifacts: &[],
            bases: Some(&bases),
        };
        let path = |uri: &str, base: &str| {
            let artifact_location = ArtifactLocation {
                uri: Some(uri.to_owned()),
                uri_base_id: Some(base.to_owned()),
                index: None,
            };
            places
                .path(&PhysicalLocation {
                    artifact_location: Some(artifact_location),
                    region: None,
                })
                .unwrap()
        };
        assert_eq!(path("x.py", "SRC"), "/home/me/my src/x.py");
        assert_eq!(path("x.py", "SRCROOT"), "x.py");
        assert_eq!(path("x.py", "UNKNOWN"), "x.py");
        assert_eq!(path("/x.py", "ROOT"), "/x.py");
        assert!(path("x.py", "A").ends_with("a/x.py"));
    }
}

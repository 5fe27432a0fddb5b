//! The report as a whole: what is written is read, and what is hostile is refused with its reason.

use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::rc::Rc;

use proptest::prelude::*;
use prost::Message;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::limits::Limits;
use crate::proto::*;
use crate::zip_reader::split_lines;
use crate::{ReportError, ReportReader, ReportWriter};

fn open(bytes: Vec<u8>, limits: &Limits) -> Result<ReportReader<Cursor<Vec<u8>>>, ReportError> {
    ReportReader::open(Cursor::new(bytes), limits)
}

fn reader(bytes: Vec<u8>) -> ReportReader<Cursor<Vec<u8>>> {
    open(bytes, &Limits::default()).unwrap()
}

/// An archive of entries as they are.
fn archive<N: AsRef<str>, D: AsRef<[u8]>>(
    method: CompressionMethod,
    entries: impl IntoIterator<Item = (N, D)>,
) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in entries {
        zip.start_file(name.as_ref(), SimpleFileOptions::default().compression_method(method))
            .unwrap();
        zip.write_all(data.as_ref()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn deflated(name: &str, data: &[u8]) -> Vec<u8> {
    archive(CompressionMethod::Deflated, [(name, data)])
}

fn component(r#ref: i32, r#type: ComponentType, child_ref: &[i32]) -> Component {
    Component {
        r#ref,
        r#type: r#type.into(),
        child_ref: child_ref.to_vec(),
        ..Component::default()
    }
}

fn report(components: &[Component]) -> Vec<u8> {
    let mut writer = ReportWriter::new(Cursor::new(Vec::new()));
    for component in components {
        writer.component(component).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn error_of<T>(result: Result<T, ReportError>) -> String {
    result.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    assert_eq!(
        error_of(open(Vec::new(), &Limits::default())),
        "the report is not a zip archive: it is empty"
    );
}

#[test]
fn something_else_than_a_zip_is_no_archive() {
    let error = error_of(open(b"<html>413 too large</html>".to_vec(), &Limits::default()));
    assert!(error.starts_with("the report is not a zip archive: "), "{error}");
}

#[test]
fn a_truncated_report_is_no_archive() {
    let whole = deflated("metadata.pb", &Metadata::default().encode_to_vec());
    for length in 1..whole.len() {
        let error = error_of(open(whole[..length].to_vec(), &Limits::default()));
        assert!(
            error.starts_with("the report is not a zip archive: "),
            "{length}: {error}"
        );
    }
}

#[test]
fn damaged_data_is_found_by_its_checksum() {
    let mut bytes = archive(CompressionMethod::Stored, [("source-1.txt", "let x = 1;")]);
    let at = bytes.windows(3).position(|window| window == b"let").unwrap();
    bytes[at] = b'L';
    let error = error_of(reader(bytes).source(1));
    assert!(error.starts_with("source-1.txt is damaged: "), "{error}");
}

#[test]
fn a_missing_or_wrong_metadata_is_named() {
    assert_eq!(
        error_of(reader(report(&[])).metadata()),
        "metadata.pb is missing: every report needs it"
    );
    let error = error_of(reader(deflated("metadata.pb", b"\xFF\xFF\xFF")).metadata());
    assert!(
        error.starts_with("metadata.pb is not a valid Metadata message: "),
        "{error}"
    );
    let error = error_of(reader(deflated("component-3.pb", b"not protobuf")).component(3));
    assert!(
        error.starts_with("component-3.pb is not a valid Component message: "),
        "{error}"
    );
}

#[test]
fn a_stream_gives_the_messages_before_its_broken_one_and_then_ends() {
    let mut data = ContextProperty {
        key: "a".to_owned(),
        value: "b".to_owned(),
    }
    .encode_length_delimited_to_vec();
    data.extend_from_slice(&[100, 10]);
    let mut reader = reader(deflated("context-props.pb", &data));
    let mut properties = reader.context_properties().unwrap();
    assert_eq!(properties.next().unwrap().unwrap().key, "a");
    let error = error_of(properties.next().unwrap());
    assert_eq!(
        error,
        "context-props.pb is not a valid ContextProperty message: it ends in the middle of a message"
    );
    assert!(properties.next().is_none());
}

#[rstest::rstest]
#[case(&[0x80], "it ends in the middle of a length")]
#[case(&[0xFF; 11], "the length of a message is not a number")]
fn broken_lengths_are_named(#[case] data: &[u8], #[case] reason: &str) {
    let mut reader = reader(deflated("issues-1.pb", data));
    let error = error_of(reader.issues(1).unwrap().next().unwrap());
    assert_eq!(error, format!("issues-1.pb is not a valid Issue message: {reason}"));
}

#[test]
fn a_declared_length_is_not_believed() {
    let mut data = Vec::new();
    prost::encode_length_delimiter(usize::MAX / 2, &mut data).unwrap();
    let mut reader = reader(deflated("external-issues-1.pb", &data));
    let error = error_of(reader.external_issues(1).unwrap().next().unwrap());
    assert_eq!(
        error,
        "external-issues-1.pb has a message of more than 4 MiB, the limit for one message"
    );
}

#[test]
fn zip_bombs_are_stopped_by_what_they_really_expand_to() {
    const MIB: usize = 1024 * 1024;
    let zeroes = deflated("source-2.txt", &vec![b' '; 2 * MIB]);
    let limits = Limits {
        max_entry_bytes: MIB as u64,
        ..Limits::default()
    };
    assert_eq!(
        error_of(open(zeroes.clone(), &limits).unwrap().source(2)),
        "source-2.txt expands to more than 1 MiB, the limit for one entry"
    );

    let limits = Limits {
        ratio_floor_bytes: MIB as u64,
        ..Limits::default()
    };
    assert_eq!(
        error_of(open(zeroes.clone(), &limits).unwrap().source(2)),
        "source-2.txt expands to more than 200 times its compressed size, the limit"
    );

    // The directory claims that the entry is small.
    let mut lying = zeroes;
    let header = lying.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    lying[header + 24..header + 28].copy_from_slice(&10_u32.to_le_bytes());
    let limits = Limits {
        max_entry_bytes: MIB as u64,
        ..Limits::default()
    };
    let error = error_of(open(lying, &limits).unwrap().source(2));
    assert!(error.starts_with("source-2.txt is damaged: "), "{error}");
}

#[test]
fn many_entries_just_below_the_limit_of_one_are_stopped_together() {
    let text = "x".repeat(700 * 1024);
    let bytes = archive(
        CompressionMethod::Stored,
        [("source-1.txt", &text), ("source-2.txt", &text)],
    );
    let limits = Limits {
        max_total_bytes: 1024 * 1024,
        ..Limits::default()
    };
    let mut reader = open(bytes, &limits).unwrap();
    assert!(reader.source(1).is_ok());
    assert_eq!(
        error_of(reader.source(2)),
        "the report expands to more than 1 MiB, the limit; it was stopped at source-2.txt"
    );
}

#[test]
fn too_many_entries_are_refused_before_they_fill_the_memory() {
    let entries = |count: usize, padding: usize| (0..count).map(move |n| (format!("{n:0padding$}"), ""));
    let limits = Limits {
        max_entries: 3,
        ..Limits::default()
    };
    assert!(open(archive(CompressionMethod::Stored, entries(3, 1)), &limits).is_ok());
    assert_eq!(
        error_of(open(archive(CompressionMethod::Stored, entries(4, 1)), &limits)),
        "the report has more than 3 entries, the limit"
    );
    // A directory of two megabytes; it is not even read to its end.
    let error = open(archive(CompressionMethod::Stored, entries(100, 20_000)), &limits)
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(error, ReportError::TooManyEntries { limit: 3 }), "{error}");
}

#[test]
fn messages_are_counted_and_measured() {
    let mut writer = ReportWriter::new(Cursor::new(Vec::new()));
    writer.issues(1, [Issue::default(), Issue::default()]).unwrap();
    writer.source(1, "").unwrap();
    writer
        .component(&Component {
            r#ref: 1,
            name: "n".repeat(100),
            ..Component::default()
        })
        .unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let limits = Limits {
        max_issues_per_component: 1,
        max_single_message_bytes: 50,
        ..Limits::default()
    };
    let mut reader = open(bytes, &limits).unwrap();
    let results: Vec<_> = reader.issues(1).unwrap().collect();
    assert_eq!(results.len(), 2);
    assert_eq!(
        error_of(results.into_iter().nth(1).unwrap()),
        "issues-1.pb has more than 1 messages, the limit for one entry"
    );
    let error = reader.component(1).unwrap_err();
    assert!(
        matches!(error, ReportError::MessageTooLarge { limit: 50, .. }),
        "{error}"
    );
}

#[test]
fn the_tree_is_walked_through_folders_of_old_scanners() {
    let bytes = report(&[
        component(1, ComponentType::Project, &[2, 5]),
        component(2, ComponentType::Directory, &[3, 4]),
        component(3, ComponentType::File, &[]),
        component(4, ComponentType::File, &[]),
        component(5, ComponentType::File, &[]),
    ]);
    assert_eq!(reader(bytes).file_refs(1).unwrap(), [3, 4, 5]);
}

#[test]
fn a_tree_that_is_none_is_refused() {
    let cycle = report(&[
        component(1, ComponentType::Project, &[2]),
        component(2, ComponentType::Directory, &[1]),
    ]);
    assert_eq!(
        error_of(reader(cycle).file_refs(1)),
        "the tree of components is broken: component 1 is reached twice"
    );
    let hole = report(&[component(1, ComponentType::Project, &[2])]);
    assert_eq!(
        error_of(reader(hole).file_refs(1)),
        "component-2.pb is missing: the tree of components refers to it"
    );
    let wide = report(&[component(1, ComponentType::Project, &[2, 3, 4])]);
    let limits = Limits {
        max_components: 3,
        ..Limits::default()
    };
    let error = error_of(open(wide, &limits).unwrap().file_refs(1));
    assert_eq!(
        error,
        "the tree of components is broken: it has more than 3 components, the limit"
    );
}

/// A source that can be told to fail, as a database does.
struct Failing(Cursor<Vec<u8>>, Rc<Cell<bool>>);

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.1.get() {
            Err(io::Error::other("the database is gone"))
        } else {
            self.0.read(buf)
        }
    }
}

impl Seek for Failing {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.0.seek(position)
    }
}

#[test]
fn a_failing_source_is_not_the_reports_fault() {
    let fails = Rc::new(Cell::new(false));
    let bytes = deflated("metadata.pb", &Metadata::default().encode_to_vec());
    let mut reader = ReportReader::open(Failing(Cursor::new(bytes), Rc::clone(&fails)), &Limits::default()).unwrap();
    fails.set(true);
    let error = reader.metadata().unwrap_err();
    assert!(!error.is_permanent(), "{error}");
}

#[rstest::rstest]
#[case("", &[""])]
#[case("a", &["a"])]
#[case("a\n", &["a", ""])]
#[case("a\r\nb\rc\n\nd", &["a", "b", "c", "", "d"])]
fn lines_are_counted_as_scanners_do(#[case] text: &str, #[case] lines: &[&str]) {
    assert_eq!(split_lines(text).collect::<Vec<_>>(), lines);
}

/// Bytes written by hand from the field numbers, so that a change of one shows.
#[test]
fn field_numbers_are_those_of_the_official_scanners() {
    let range = TextRange {
        start_line: 1,
        end_line: 2,
        start_offset: 3,
        end_offset: 4,
    };
    assert_eq!(range.encode_to_vec(), [0x08, 1, 0x10, 2, 0x18, 3, 0x20, 4]);
    let coverage = LineCoverage {
        line: 7,
        conditions: 2,
        hits: Some(false),
        covered_conditions: Some(0),
    };
    assert_eq!(coverage.encode_to_vec(), [0x08, 7, 0x10, 2, 0x18, 0, 0x28, 0]);
    let metadata = Metadata {
        root_component_ref: 1,
        new_code_reference_branch: "m".to_owned(),
        ..Metadata::default()
    };
    assert_eq!(metadata.encode_to_vec(), [0x28, 1, 0xAA, 0x01, 1, b'm']);
    let file = Component {
        r#ref: 2,
        r#type: ComponentType::File.into(),
        child_ref: vec![3, 4],
        ..Component::default()
    };
    assert_eq!(file.encode_to_vec(), [0x08, 2, 0x20, 4, 0x3A, 2, 3, 4]);
    assert_eq!(Measure::int("n", 5).encode_to_vec(), [0x0A, 1, b'n', 0x1A, 2, 0x08, 5]);
    let issue = ExternalIssue {
        severity: Some(Severity::Major.into()),
        r#type: Some(IssueType::Bug.into()),
        impacts: vec![Impact {
            software_quality: SoftwareQuality::Security.into(),
            severity: ImpactSeverity::High.into(),
        }],
        clean_code_attribute: Some("X".to_owned()),
        ..ExternalIssue::default()
    };
    assert_eq!(
        issue.encode_to_vec(),
        [0x20, 3, 0x40, 2, 0x52, 4, 0x08, 3, 0x10, 3, 0x5A, 1, b'X']
    );
    let answer = ce::SubmitResponse {
        task_id: "t".to_owned(),
        project_id: "p".to_owned(),
    };
    assert_eq!(answer.encode_to_vec(), [0x0A, 1, b't', 0x12, 1, b'p']);
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

prop_compose! {
    fn text_range()(start_line in 1..1000, lines in 0..10, start_offset in 0..200, end_offset in 0..200) -> TextRange {
        TextRange { start_line, end_line: start_line + lines, start_offset, end_offset }
    }
}

prop_compose! {
    fn external_issue()(
        texts in (text(), text(), text()),
        severity in prop::option::of(0..7),
        effort in any::<i64>(),
        text_range in prop::option::of(text_range()),
        ranges in prop::collection::vec(text_range(), 0..3),
    ) -> ExternalIssue {
        let location = ranges.into_iter().map(|range| IssueLocation { text_range: Some(range), ..IssueLocation::default() }).collect();
        let flow = vec![Flow { location, description: texts.2.clone(), r#type: FlowType::Data.into() }];
        ExternalIssue { engine_id: texts.0, rule_id: texts.1, msg: texts.2, severity, effort, text_range, flow, ..ExternalIssue::default() }
    }
}

prop_compose! {
    fn line_coverage()(line in 1.., conditions in 0.., hits: Option<bool>, covered_conditions: Option<i32>) -> LineCoverage {
        LineCoverage { line, conditions, hits, covered_conditions }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_read(
        key in text(),
        date: i64,
        source in "(\\PC|[\r\n\t]){0,200}",
        issues in prop::collection::vec(external_issue(), 0..5),
        lines in prop::collection::vec(line_coverage(), 0..20),
        properties in prop::collection::vec((text(), text()), 0..4),
        indexes in prop::collection::vec(0..3, 0..50),
    ) {
        let profile = QProfile { key: key.clone(), ..QProfile::default() };
        let metadata = Metadata {
            analysis_date: date,
            project_key: key.clone(),
            root_component_ref: 1,
            qprofiles_per_language: [("py".to_owned(), profile)].into(),
            ..Metadata::default()
        };
        let changesets = Changesets { component_ref: 2, changeset_index_by_line: indexes.clone(), ..Changesets::default() };
        let changed = ChangedLines { line: indexes };
        let properties: Vec<_> = properties.into_iter().map(|(key, value)| ContextProperty { key, value }).collect();
        let measures = [Measure::int("ncloc", 3), Measure::string("ncloc_data", "1=1")];

        let mut writer = ReportWriter::new(Cursor::new(Vec::new()));
        writer.metadata(&metadata).unwrap();
        writer.external_issues(2, &issues).unwrap();
        writer.coverages(2, &lines).unwrap();
        writer.context_props(&properties).unwrap();
        writer.changesets(&changesets).unwrap();
        writer.changed_lines(2, &changed).unwrap();
        writer.measures(2, &measures).unwrap();
        writer.source(2, &source).unwrap();
        let mut reader = reader(writer.finish().unwrap().into_inner());

        prop_assert_eq!(reader.metadata().unwrap(), metadata);
        prop_assert_eq!(reader.external_issues(2).unwrap().collect::<Result<Vec<_>, _>>().unwrap(), issues);
        prop_assert_eq!(reader.coverages(2).unwrap().collect::<Result<Vec<_>, _>>().unwrap(), lines);
        prop_assert_eq!(reader.context_properties().unwrap().collect::<Result<Vec<_>, _>>().unwrap(), properties);
        prop_assert_eq!(reader.changesets(2).unwrap(), Some(changesets));
        prop_assert_eq!(reader.changed_lines(2).unwrap(), Some(changed));
        prop_assert_eq!(reader.measures(2).unwrap().collect::<Result<Vec<_>, _>>().unwrap(), measures);
        prop_assert_eq!(reader.source(2).unwrap(), Some(source));
        prop_assert_eq!(reader.issues(2).unwrap().count(), 0);
        prop_assert_eq!(reader.source(3).unwrap(), None);
    }
}

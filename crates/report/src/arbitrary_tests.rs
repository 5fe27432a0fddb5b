//! No input makes a reader panic, hang or take memory without end: neither noise nor something real with damage in it.

use std::io::Cursor;

use proptest::prelude::*;

use crate::proto::{Component, ComponentType, ExternalIssue, Metadata};
use crate::{Limits, ReportReader, ReportWriter};
use crate::{cobertura, generic_coverage, generic_issues, jacoco, lcov, sarif};

const SEEDS: [&str; 6] = [
    r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t","rules":[{"id":"R"}]}},"results":[{"ruleIndex":0,"message":{"text":"m{0}","arguments":["a"]},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"file:///C:/a%20b"},"region":{"startLine":1,"endColumn":2}}}]}]}]}"#,
    r#"{"rules":[{"id":"R","name":"n","engineId":"e","type":"BUG","severity":"MAJOR"}],"issues":[{"ruleId":"R","primaryLocation":{"message":"m","filePath":"a","textRange":{"startLine":1}}}]}"#,
    "TN:\nSF:a\nDA:1,2\nBRDA:1,0,0,-\nend_of_record\n",
    r#"<coverage version="1"><file path="a"><lineToCover lineNumber="1" covered="true" branchesToCover="2" coveredBranches="1"/></file></coverage>"#,
    r#"<coverage><sources><source>a&amp;&#66;</source></sources><class filename="a"><methods/><lines><line number="1" hits="1" branch="true" condition-coverage="50% (1/2)"/></lines></class></coverage>"#,
    r#"<!DOCTYPE report SYSTEM "x"><report><package name="a"><sourcefile name="B"><line nr="1" ci="1" mb="1" cb="1"/></sourcefile></package></report>"#,
];

fn read_everything(bytes: &[u8]) {
    let _ = sarif::parse(bytes);
    let _ = generic_issues::parse(bytes);
    let coverage = [
        lcov::parse(bytes),
        generic_coverage::parse(bytes),
        cobertura::parse(bytes),
        jacoco::parse(bytes),
    ];
    for report in coverage.into_iter().flatten() {
        for line in report.files.iter().flat_map(|file| file.lines.values()) {
            assert!(line.covered_conditions <= line.conditions);
        }
    }
    read_report(bytes.to_vec());
}

fn read_report(bytes: Vec<u8>) {
    let Ok(mut reader) = ReportReader::open(Cursor::new(bytes), &Limits::default()) else {
        return;
    };
    let _ = reader.metadata();
    let _ = reader.file_refs(1);
    let _ = reader.source(1);
    let _ = reader.changesets(1);
    if let Ok(issues) = reader.external_issues(1) {
        let _ = issues.count();
    }
}

fn report() -> Vec<u8> {
    let mut writer = ReportWriter::new(Cursor::new(Vec::new()));
    writer
        .metadata(&Metadata {
            project_key: "p".to_owned(),
            root_component_ref: 1,
            ..Metadata::default()
        })
        .unwrap();
    let file = Component {
        r#ref: 1,
        r#type: ComponentType::File.into(),
        name: "a".repeat(50),
        ..Component::default()
    };
    writer.component(&file).unwrap();
    writer
        .external_issues(
            1,
            (0..5).map(|n| ExternalIssue {
                rule_id: format!("R{n}"),
                ..ExternalIssue::default()
            }),
        )
        .unwrap();
    writer.source(1, &"some text\n".repeat(20)).unwrap();
    writer.finish().unwrap().into_inner()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn noise_is_an_error_or_empty(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_everything(&bytes);
    }

    #[test]
    fn damaged_reports_of_tools_do_no_harm(
        seed in 0..SEEDS.len(), at in any::<prop::sample::Index>(), cut in 0..20_usize, noise in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..8),
            "[-\"'<>&;:,{}\\[\\]0-9]{0,12}".prop_map(String::into_bytes),
        ],
    ) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        let start = at.index(bytes.len());
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, noise);
        read_everything(&bytes);
    }

    #[test]
    fn damaged_scanner_reports_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = report();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        read_report(bytes);
    }
}

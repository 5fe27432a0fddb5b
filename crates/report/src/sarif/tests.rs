use serde_json::{Value, json};

use super::*;
use crate::model::{ImpactSeverity, Severity, TextRange};

fn parse_value(log: &Value) -> ImportedIssues {
    parse(log.to_string().as_bytes()).unwrap()
}

fn log(driver: &Value, results: &Value) -> Value {
    json!({"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]})
}

fn at(uri: &str) -> Value {
    json!({"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 3, "startColumn": 5, "endColumn": 9}}})
}

#[test]
fn a_result_becomes_a_vulnerability_with_its_texts_and_places() {
    let imported = parse_value(&log(
        &json!({"name": "scan", "rules": [{"id": "R1", "shortDescription": {"text": "Short"}, "fullDescription": {"text": "Full"}}]}),
        &json!([{
            "ruleId": "R1",
            "level": "error",
            "message": {"text": "Broken"},
            "locations": [{"physicalLocation": at("a.py")["physicalLocation"], "message": {"text": "here"}}],
            "relatedLocations": [at("b.py"), {"message": {"text": "no file"}}],
            "stacks": [{"message": {"text": "The way"}, "frames": [{"location": at("c.py")}, {"location": at("d.py")}]}],
            "codeFlows": [{"threadFlows": [{"locations": [{"location": at("e.py")}]}]}]
        }]),
    ));
    assert_eq!(imported.warnings, Vec::<String>::new());
    let issue = &imported.issues[0];
    assert_eq!((issue.engine_id.as_str(), issue.rule_id.as_str()), ("scan", "R1"));
    assert_eq!(issue.message, "Broken - here");
    assert_eq!(issue.issue_type, Some(IssueType::Vulnerability));
    assert_eq!(issue.severity, Some(Severity::Critical));
    assert_eq!(
        issue.impacts,
        [Impact {
            quality: SoftwareQuality::Security,
            severity: ImpactSeverity::Medium
        }]
    );
    let range = TextRange {
        start_line: 3,
        start_column: Some(4),
        end_line: None,
        end_column: Some(8),
    };
    assert_eq!(
        issue.primary,
        Location {
            path: Some("a.py".to_owned()),
            range: Some(range),
            message: None
        }
    );
    assert_eq!(issue.secondary.len(), 1);
    assert_eq!(issue.flows.len(), 2);
    assert_eq!(issue.flows[0].description.as_deref(), Some("The way"));
    assert_eq!(issue.flows[0].locations[1].path.as_deref(), Some("d.py"));
    let rule = &imported.rules[0];
    assert_eq!(
        (rule.name.as_deref(), rule.description.as_deref()),
        (Some("Short"), Some("Full"))
    );
    assert_eq!(rule.clean_code_attribute, Some(CleanCodeAttribute::Conventional));
}

#[test]
fn levels_of_results_beat_those_of_rules_for_the_severity_but_not_for_the_impact() {
    let rule = |id: &str, level: &str| json!({"id": id, "defaultConfiguration": {"level": level}});
    let result = |id: &str, level: Value| json!({"ruleId": id, "level": level, "message": {"text": "x"}});
    let driver = json!({"name": "scan", "rules": [rule("A", "error"), rule("B", "note"), rule("C", "none")]});
    let severities = |results: Value| {
        let imported = parse_value(&log(&driver, &results));
        imported
            .issues
            .iter()
            .map(|issue| (issue.severity.unwrap(), issue.impacts[0].severity))
            .collect::<Vec<_>>()
    };

    let some_levels = severities(json!([
        result("A", json!("note")),
        result("A", json!("none")),
        result("B", json!(null))
    ]));
    assert_eq!(
        some_levels,
        [
            (Severity::Info, ImpactSeverity::High),
            (Severity::Info, ImpactSeverity::High),
            (Severity::Major, ImpactSeverity::Low)
        ]
    );
    let no_levels = severities(json!([
        result("A", json!(null)),
        result("B", json!(null)),
        result("C", json!(null)),
        result("D", json!(null))
    ]));
    assert_eq!(
        no_levels,
        [
            (Severity::Critical, ImpactSeverity::High),
            (Severity::Minor, ImpactSeverity::Low),
            (Severity::Info, ImpactSeverity::Low),
            (Severity::Major, ImpactSeverity::Medium)
        ]
    );
}

#[test]
fn extensions_give_levels_only_if_no_rule_of_the_driver_does() {
    let run = json!({
        "tool": {
            "driver": {"name": "scan", "rules": [{"id": "A"}]},
            "extensions": [{"name": "pack", "rules": [{"id": "B", "defaultConfiguration": {"level": "error"}}]}]
        },
        "results": [
            {"rule": {"index": 0, "toolComponent": {"index": 0}}, "message": {"text": "x"}},
            {"ruleIndex": 0, "message": {"text": "y"}},
            {"rule": {"index": 0, "toolComponent": {"name": "pack"}}, "message": {"text": "z"}}
        ]
    });
    let imported = parse_value(&json!({"version": "2.1.0", "runs": [run]}));
    let found: Vec<_> = imported
        .issues
        .iter()
        .map(|issue| (issue.rule_id.as_str(), issue.severity.unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("B", Severity::Critical),
            ("A", Severity::Major),
            ("B", Severity::Critical)
        ]
    );
}

#[test]
fn settled_results_are_left_out_in_silence_and_broken_ones_with_a_warning() {
    let imported = parse_value(&log(
        &json!({"name": "scan"}),
        &json!([
            {"ruleId": "R", "message": {"text": "suppressed"}, "suppressions": [{"kind": "inSource"}]},
            {"ruleId": "R", "message": {"text": "under review"}, "suppressions": [{"kind": "external", "status": "underReview"}]},
            {"ruleId": "R", "message": {"text": "empty"}, "suppressions": []},
            {"ruleId": "R", "message": {"text": "gone"}, "baselineState": "absent"},
            {"ruleId": "R", "message": {"text": "fine"}, "kind": "pass"},
            {"message": {"text": "no rule"}},
            {"ruleId": "R"},
            {"ruleId": "R", "message": {"text": "no file"}, "locations": [{"physicalLocation": {}}]}
        ]),
    ));
    let messages: Vec<_> = imported.issues.iter().map(|issue| issue.message.as_str()).collect();
    assert_eq!(messages, ["under review", "empty"]);
    assert_eq!(imported.issues[0].primary, Location::default());
    assert_eq!(
        imported.warnings,
        [
            "runs[0].results[5] is left out: it names no rule",
            "runs[0].results[6] is left out: it has no message",
            "runs[0].results[7] is left out: its location names no file",
        ]
    );
    // The rule was not declared; issues have one nonetheless.
    assert_eq!(imported.rules.len(), 1);
    assert_eq!(imported.rules[0].name, None);
}

#[test]
fn texts_may_come_from_the_rule() {
    let driver =
        json!({"name": "scan", "rules": [{"id": "R", "messageStrings": {"default": {"text": "{1} of {0} {x} {9}"}}}]});
    let results = json!([{"ruleId": "R", "message": {"id": "default", "arguments": ["{1}", "two"]}}]);
    assert_eq!(
        parse_value(&log(&driver, &results)).issues[0].message,
        "two of {1} {x} {9}"
    );
}

#[test]
fn what_is_long_in_a_log_is_not_longer_by_far_in_memory() {
    let long = "é".repeat(100_000);
    let imported = parse_value(&log(
        &json!({"name": "scan", "rules": [{"id": long}, {"id": "R1"}]}),
        &json!([
            {"ruleId": "R1", "message": {"text": "{0}".repeat(100_000), "arguments": [long]}},
            {"ruleId": "R1", "message": {"text": format!("x{long}")}},
            {"ruleIndex": 0, "message": {"text": "m"}},
            {"ruleId": "R1", "message": {"text": "m"}, "locations": [at(&long)]},
        ]),
    ));
    assert_eq!(imported.issues.len(), 2);
    for issue in &imported.issues {
        assert!(
            (16_000..17_000).contains(&issue.message.len()),
            "{}",
            issue.message.len()
        );
    }
    assert_eq!(imported.rules.len(), 1);
    assert_eq!(imported.warnings.len(), 2);
}

#[test]
fn files_may_be_named_by_their_index() {
    let run = json!({
        "tool": {"driver": {"name": "scan"}},
        "artifacts": [{"location": {"uri": "src/a.c"}}],
        "results": [{"ruleId": "R", "message": {"text": "x"}, "locations": [{"physicalLocation": {"artifactLocation": {"index": 0}}}]}]
    });
    let imported = parse_value(&json!({"version": "2.1.0", "runs": [run]}));
    assert_eq!(imported.issues[0].primary.path.as_deref(), Some("src/a.c"));
    assert_eq!(imported.issues[0].primary.range, None);
}

#[test]
fn a_run_without_a_tool_does_not_take_the_others_with_it() {
    let imported = parse_value(&json!({"version": "2.1.0", "runs": [
        {"results": [{"ruleId": "R", "message": {"text": "x"}}]},
        {"tool": {"driver": {"name": "scan"}}, "results": [{"ruleId": "R", "message": {"text": "y"}}]}
    ]}));
    assert_eq!(imported.issues.len(), 1);
    assert_eq!(imported.warnings, ["runs[0] is left out: tool.driver.name is missing"]);
}

#[test]
fn a_byte_order_mark_is_accepted() {
    let mut bytes = b"\xEF\xBB\xBF".to_vec();
    bytes.extend_from_slice(br#"{"version": "2.1.0", "runs": []}"#);
    assert!(parse(&*bytes).is_ok());
}

#[rstest::rstest]
#[case("", "line 1, column 0: EOF while parsing a value")]
#[case("{\"version\": \"2.1.0\",\n \"runs\": [}", "line 2, column 11: expected value")]
#[case(
    "{\"version\": \"1.0.0\"}",
    "the version of SARIF is 1.0.0, only 2.1.0 is understood"
)]
#[case("{}", "it has no version, so it is not a SARIF log")]
#[case(
    "{\"version\": \"2.1.0\", \"runs\": 1}",
    "line 1, column 31: invalid type: integer `1`, expected a sequence"
)]
fn what_is_no_log_is_named_with_its_place(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), expected);
}

#[rstest::rstest]
#[case("\"x\"")]
#[case("\"runs\"")]
fn deep_nesting_is_an_error_and_not_the_end_of_the_stack(#[case] member: &str) {
    let text = format!("{{\"version\": \"2.1.0\", {member}: {}", "[".repeat(1_000_000));
    assert!(matches!(parse(text.as_bytes()), Err(ImportError::Json { .. })));
}

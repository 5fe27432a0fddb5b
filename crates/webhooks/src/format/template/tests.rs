use gatehook_domain::webhook::{Format, FormatKind, FormatParts};

use super::*;
use crate::format::{check, sample};

fn template(body: &str, content_type: &str, path: Option<&str>) -> Format {
    let parts = FormatParts {
        body: Some(body.to_owned()),
        content_type: Some(content_type.to_owned()),
        path: path.map(str::to_owned),
        ..FormatParts::default()
    };
    Format::new(FormatKind::Template, parts).unwrap()
}

fn text(body: &str) -> Format {
    template(body, "text/plain", None)
}

fn made(format: &Format, sample: usize) -> Rendered {
    let sample = &sample::ALL[sample];
    crate::format::render(format, sample.event, sample.payload.as_bytes()).unwrap()
}

fn body(format: &Format, sample: usize) -> String {
    String::from_utf8(made(format, sample).body).unwrap()
}

fn refused(format: &Format) -> String {
    check(format).unwrap_err().to_string()
}

#[test]
fn a_template_is_given_the_members_of_the_payload_and_the_words_of_messages() {
    let format = text(
        "{{ event }}|{{ test }}|{{ outcome }}|{{ project.key }}|{{ branch.type }}|{{ qualityGate.status }}|\
         {% for condition in failing %}{{ condition.text }}; {% endfor %}|{{ revision }}|\
         {{ properties['sonar.analysis.buildNumber'] }}",
    );
    assert_eq!(
        body(&format, 0),
        "analysis.completed|false|failed|org.acme:shop|PULL_REQUEST|ERROR|Reliability Rating on New Code: C (must be A); \
         Coverage on New Code: 74.0% (at least 80%); |c739069ec7105e01303e8b3065a81141aad9f129|12345"
    );
    let whole = text("{{ payload }}");
    assert_eq!(body(&whole, 0), sample::ALL[0].payload);
    assert_eq!(body(&text("{{ title }}"), 4), "🔔 Test: ✅ Shop: quality gate passed");
}

#[test]
fn what_an_event_does_not_have_is_nothing() {
    let format =
        text("<{{ revision }}{{ taskId }}>{% if qualityGate %}{{ qualityGate.name }}{% else %}no gate{% endif %}");
    assert_eq!(body(&format, 2), "<019a3f0e-5f8b-7c1d-9a55-4f1f6f1d2c3b>no gate");
    let json = template(
        "[{{ revision | tojson }}, {{ branch.name | tojson }}]",
        "application/json",
        None,
    );
    assert_eq!(body(&json, 3), "[null, null]");
}

#[test]
fn mistakes_are_told_with_their_line_when_a_template_is_saved() {
    let cases = [
        (
            "a\n{{ projekt }}",
            "The template, line 2: undefined value: `projekt` is undefined (for an analysis whose gate failed)",
        ),
        (
            "{{ qualityGate.status }}",
            "The template, line 1: undefined value: `qualityGate.status` is undefined (for an analysis without a gate)",
        ),
        (
            "\n\n{% if %}",
            "The template, line 3: syntax error: unexpected end of block",
        ),
        (
            "{{ title | shout }}",
            "The template, line 1: unknown filter: filter shout is unknown",
        ),
        (
            "{% include 'secrets' %}",
            "The template, line 1: syntax error: unknown statement include",
        ),
    ];
    for (source, expected) in cases {
        let told = refused(&text(source));
        assert!(told.starts_with(expected), "{source}: {told}");
    }
}

#[test]
fn json_that_a_name_would_break_is_refused_when_it_is_saved() {
    let broken = template(r#"{"text": "{{ project.name }}"}"#, "application/json", None);
    let told = refused(&broken);
    assert!(told.contains("does not make JSON (line 1, column 17"), "{told}");
    assert!(told.contains("{{ value | tojson }}"), "{told}");
    let good = template(
        r#"{"text": {{ (project.name ~ ": " ~ outcome) | tojson }}}"#,
        "application/vnd.acme+json; charset=utf-8",
        None,
    );
    assert_eq!(check(&good), Ok(()));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&body(&good, 0)).unwrap(),
        json!({"text": "Shop \"Grün\" & <Söhne>\\: failed"})
    );
}

#[test]
fn nothing_in_an_event_is_run() {
    assert!(body(&text("{{ branch.name }}"), 0).contains("{{ 7 * 7 }}"));
}

#[test]
fn work_memory_depth_and_output_have_limits() {
    for source in [
        "{% for a in range(100000) %}{% for b in range(100000) %}{{ a }}{% endfor %}{% endfor %}",
        &format!("{{% set x = payload %}}{}", "{% set x = x ~ x %}".repeat(60)),
        "{{ 'x' * 2000000000 }}",
        "{% set x = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' * 100000 %}{{ x | replace('a', x) | length }}",
        "{% set x %}{% for i in range(99999) %}{{ payload }}{% endfor %}{% endset %}",
    ] {
        let told = refused(&text(source));
        assert!(
            told.starts_with("The template takes too much time or memory"),
            "{source}: {told}"
        );
    }
    let deep = refused(&text("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"));
    assert!(deep.contains("recursion"), "{deep}");
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(8_000), ")".repeat(8_000));
    let deep = refused(&text(&nested));
    assert!(deep.starts_with("The template, line 1: syntax error"), "{deep}");
    let long = refused(&text("{% for i in range(40) %}{{ 'x' * 30000 }}{% endfor %}"));
    assert!(long.starts_with("The template makes more than 1 MiB"), "{long}");
}

#[test]
fn a_path_takes_names_as_single_segments() {
    let path = |source: &str, sample: usize| made(&template("x", "text/plain", Some(source)), sample).path.unwrap();
    assert_eq!(path("/{{ project.key }}/gate", 0), "/org.acme%3Ashop/gate");
    assert_eq!(
        path("/b/{{ branch.name }}", 0),
        "/b/pr%2F%2217%22%0A%7B%7B%207%20%2A%207%20%7D%7D%20%27x%27%20%2F"
    );
    assert_eq!(path("/{{ project.key | urlencode }}{{ revision }}", 2), "/shop");
    assert_eq!(path("/a{% if test %}/test{% endif %}/", 4), "/a/test/");
}

#[test]
fn a_path_that_leads_elsewhere_is_refused() {
    let cases = [
        ("/{{ '' }}/evil.example/", "exactly one '/'"),
        ("/a/../b", "'.' or '..'"),
        ("/a/%2E%2e", "'.' or '..'"),
        ("/{{ '..' }}/b", "'.' or '..'"),
        ("/a b", "character that paths do not have"),
        ("/a?b", "character that paths do not have"),
        ("/a#b", "character that paths do not have"),
        ("/a\\b", "character that paths do not have"),
        ("/a\nb", "character that paths do not have"),
        ("/{{ '?x=\\r\\n' | safe }}", "character that paths do not have"),
        ("/%zz", "two hexadecimal digits"),
        ("/{{ 'x' * 8000 }}", "longer than 8000 bytes"),
    ];
    for (source, expected) in cases {
        let told = refused(&template("x", "text/plain", Some(source)));
        assert!(told.contains(expected), "{source:?}: {told}");
    }
}

#[test]
fn names_can_be_escaped_for_markdown_and_slack() {
    assert_eq!(
        body(&text("{{ project.name | markdown }} {{ project.name | slack }}"), 0),
        "Shop \\\"Grün\\\" \\& \\<Söhne\\>\\\\ Shop \"Grün\" &amp; &lt;Söhne&gt;\\"
    );
}

/// A stack that overflows ends the whole server, so nothing that can be written may nest deeper than the engine bears.
#[test]
fn sources_that_nest_as_deep_as_they_can_are_told_or_rendered() {
    let many = 16_000;
    let repeated = |start: &str, unit: &str, end: &str| {
        let count = (many - start.len() - end.len()) / unit.len();
        format!("{start}{}{end}", unit.repeat(count))
    };
    for source in [
        repeated("{{ title", "~title", " }}"),
        repeated("{{ 1", "+1", " }}"),
        repeated("{{ 1", " and 1", " }}"),
        repeated("{{ 1", "==1", " }}"),
        repeated("{{ 1", " if 1 else 1", " }}"),
        repeated("{{ 1", "**1", " }}"),
        repeated("{{ title", "|upper", " }}"),
        repeated("{{ title", ".a", " }}"),
        repeated("{{ title", "[0]", " }}"),
        repeated("{{ title", "()", " }}"),
        repeated("{{ title", " is not none", " }}"),
        repeated("{{ ", "[", " }}"),
        repeated("{{ ", "{1:", " }}"),
        repeated("{{ ", "not ", " 1 }}"),
        repeated("{{ ", "-", " 1 }}"),
        repeated("{{ ", "title(", " }}"),
        repeated("", "{% if 1 %}", ""),
        repeated("", "{% for a in [] %}", ""),
        repeated("{% if 0 %}", "{% elif 0 %}", "{% endif %}"),
        repeated("", "{% set a %}", ""),
        repeated("", "{% macro a() %}", ""),
        repeated("", "{% filter upper %}", ""),
        repeated("", "{% with a=1 %}", ""),
        repeated("", "{#", ""),
        repeated("", "{{ 1 }}", ""),
        repeated("{% set a = [] %}", "{% set a = [a] %}", "{{ a }}"),
        repeated("{% set a = [] %}", "{% set a = [a] %}", "{{ a | tojson }}"),
        repeated(
            "{% set a = [] %}",
            "{% set a = [a] %}",
            "{{ a == a }}{{ [a, a] | sort }}{{ {a: 1} }}",
        ),
    ] {
        let told = check(&text(&source));
        assert!(
            told.is_ok() || !told.unwrap_err().to_string().is_empty(),
            "{}",
            &source[..40]
        );
    }
}

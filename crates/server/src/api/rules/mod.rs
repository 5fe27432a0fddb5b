//! Rules, which tools bring with their findings.

use gatehook_domain::rule::Rule;
use serde::Serialize;

pub(crate) mod search;
pub(crate) mod show;

/// A rule as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleShape {
    key: String,
    repo: String,
    name: String,
    html_desc: String,
    md_desc: String,
    description_sections: Vec<Section>,
    severity: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'static str,
    scope: &'static str,
    is_external: bool,
    is_template: bool,
    tags: [&'static str; 0],
    sys_tags: [&'static str; 0],
    params: [&'static str; 0],
    clean_code_attribute: &'static str,
    clean_code_attribute_category: &'static str,
    impacts: Vec<ImpactShape>,
}

#[derive(Debug, Serialize)]
struct Section {
    key: &'static str,
    content: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImpactShape {
    software_quality: &'static str,
    severity: &'static str,
}

impl RuleShape {
    fn of(rule: &Rule) -> Self {
        let html = html(&rule.description);
        Self {
            key: rule.key.as_str().to_owned(),
            repo: rule.key.repository().to_owned(),
            name: rule.name.clone(),
            description_sections: if html.is_empty() {
                Vec::new()
            } else {
                vec![Section {
                    key: "default",
                    content: html.clone(),
                }]
            },
            html_desc: html,
            md_desc: rule.description.clone(),
            severity: rule.severity.as_str(),
            kind: rule.kind.as_str(),
            status: "READY",
            scope: "ALL",
            is_external: rule.key.engine().is_some(),
            is_template: false,
            tags: [],
            sys_tags: [],
            params: [],
            clean_code_attribute: rule.attribute.as_str(),
            clean_code_attribute_category: rule.attribute.category(),
            impacts: rule
                .impacts
                .iter()
                .map(|(quality, severity)| ImpactShape {
                    software_quality: quality.as_str(),
                    severity: severity.as_str(),
                })
                .collect(),
        }
    }
}

/// The text as HTML that shows it as it is: descriptions come with reports, and clients put this into pages.
fn html(text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let mut shown = String::with_capacity(text.len() + 7);
    shown.push_str("<p>");
    for letter in text.trim().chars() {
        match letter {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            '\n' => shown.push_str("<br/>"),
            _ => shown.push(letter),
        }
    }
    shown.push_str("</p>");
    shown
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_description_cannot_bring_html_into_a_page() {
        let shown = super::html(" a < b\n<script src='x'>&\"</script>");
        assert_eq!(
            shown,
            "<p>a &lt; b<br/>&lt;script src=&#39;x&#39;&gt;&amp;&quot;&lt;/script&gt;</p>"
        );
        assert_eq!(super::html(" \n"), "");
    }
}

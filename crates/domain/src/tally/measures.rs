//! From counters to measures.

use super::{DebtContext, Tally};
use crate::issue::{ImpactSeverity, IssueType, Severity, SoftwareQuality};
use crate::measure::Measures;

/// Overall, or on new code: which counters are read, and what the metrics are called.
struct Side<'a> {
    tally: &'a Tally,
    is_new: bool,
    development_cost: f64,
    ctx: &'a DebtContext,
}

/// All measures that follow from the counters of a branch or file; those on new code only when there is new code.
pub fn issue_measures(tally: &Tally, ctx: &DebtContext) -> Measures {
    let mut measures = Measures::new();
    Side {
        tally,
        is_new: false,
        development_cost: ctx.development_cost,
        ctx,
    }
    .write(&mut measures);
    if ctx.has_new_code {
        let development_cost = ctx.new_development_cost.unwrap_or(0.0);
        Side {
            tally,
            is_new: true,
            development_cost,
            ctx,
        }
        .write(&mut measures);
    }
    measures
}

impl Side<'_> {
    fn count(&self, counter: &str) -> i64 {
        self.tally.count(self.is_new, counter)
    }

    /// The key of a metric on this side.
    fn key(&self, key: &str) -> String {
        if self.is_new {
            format!("new_{key}")
        } else {
            key.to_owned()
        }
    }

    /// The worst of some severities that is counted at all.
    fn worst<T: Copy>(&self, from_least: &[T], counter: impl Fn(T) -> String) -> Option<T> {
        from_least
            .iter()
            .rev()
            .copied()
            .find(|severity| self.count(&counter(*severity)) > 0)
    }

    fn write(&self, measures: &mut Measures) {
        self.write_counts(measures);
        self.write_types(measures);
        self.write_qualities(measures);
        self.write_hotspots(measures);
    }

    fn write_counts(&self, measures: &mut Measures) {
        measures.set_int(&self.key("violations"), self.count("v"));
        for severity in Severity::ALL {
            let key = format!("{}_violations", severity.as_str().to_lowercase());
            measures.set_int(&self.key(&key), self.count(&format!("v.{severity}")));
        }
        for severity in ImpactSeverity::ALL {
            let key = format!("software_quality_{}_issues", severity.as_str().to_lowercase());
            measures.set_int(&self.key(&key), self.count(&format!("i.{severity}")));
        }
        measures.set_int(&self.key("accepted_issues"), self.count("accepted"));
        if !self.is_new {
            measures.set_int("high_impact_accepted_issues", self.count("accepted.high"));
            measures.set_int("false_positive_issues", self.count("false_positive"));
            measures.set_int("open_issues", self.count("s.OPEN"));
            measures.set_int("reopened_issues", self.count("s.REOPENED"));
            measures.set_int("confirmed_issues", self.count("s.CONFIRMED"));
            // Rules have no priority here, so that no issue is of such a rule.
            measures.set_int("prioritized_rule_issues", 0);
        }
    }

    /// Counts, efforts and ratings by type.
    fn write_types(&self, measures: &mut Measures) {
        for (kind, count, effort) in [
            (IssueType::Bug, "bugs", "reliability_remediation_effort"),
            (
                IssueType::Vulnerability,
                "vulnerabilities",
                "security_remediation_effort",
            ),
            (
                IssueType::CodeSmell,
                "code_smells",
                if self.is_new { "technical_debt" } else { "sqale_index" },
            ),
        ] {
            measures.set_int(&self.key(count), self.count(&format!("t.{kind}")));
            measures.set_int(&self.key(effort), self.count(&format!("e.{kind}")));
            let worst = self.worst(Severity::ALL, |severity| format!("t.{kind}.{severity}"));
            if self.is_new {
                measures.set_int(&format!("new_{count}_severity"), level(worst.map(Into::into)));
            }
            match kind {
                IssueType::Bug => measures.set_int(&self.key("reliability_rating"), rating(worst.map(Into::into))),
                IssueType::Vulnerability => {
                    measures.set_int(&self.key("security_rating"), rating(worst.map(Into::into)));
                }
                IssueType::CodeSmell | IssueType::SecurityHotspot => {}
            }
        }
        let rating = if self.is_new {
            "new_maintainability_rating"
        } else {
            "sqale_rating"
        };
        let effort = self.count(&format!("e.{}", IssueType::CodeSmell));
        self.write_debt(
            measures,
            effort,
            rating,
            "sqale_debt_ratio",
            "effort_to_reach_maintainability_rating_a",
        );
    }

    /// Counts, efforts and ratings by software quality.
    fn write_qualities(&self, measures: &mut Measures) {
        for quality in SoftwareQuality::ALL {
            let name = quality.as_str().to_lowercase();
            let key = |what: &str| self.key(&format!("software_quality_{name}_{what}"));
            measures.set_int(&key("issues"), self.count(&format!("q.{quality}")));
            measures.set_int(&key("remediation_effort"), self.count(&format!("qe.{quality}")));
            let worst = self.worst(ImpactSeverity::ALL, |severity| format!("q.{quality}.{severity}"));
            measures.set_int(&self.key(&format!("{name}_issue_severity")), level(worst));
            if *quality != SoftwareQuality::Maintainability {
                measures.set_int(&key("rating"), rating(worst));
            }
            measures.set_text(&self.key(&format!("{name}_issues")), self.by_severity(*quality));
        }
        self.write_debt(
            measures,
            self.count(&format!("qe.{}", SoftwareQuality::Maintainability)),
            &self.key("software_quality_maintainability_rating"),
            "software_quality_maintainability_debt_ratio",
            "effort_to_reach_software_quality_maintainability_rating_a",
        );
    }

    /// The issues that hurt a quality, by severity, as the JSON that clients of the Web API read.
    fn by_severity(&self, quality: SoftwareQuality) -> String {
        use ImpactSeverity::{Blocker, High, Info, Low, Medium};
        let counts = [Low, Medium, High, Info, Blocker].map(|severity| {
            let count = self.count(&format!("q.{quality}.{severity}"));
            format!("\"{severity}\":{count},")
        });
        format!(
            "{{{}\"total\":{}}}",
            counts.concat(),
            self.count(&format!("q.{quality}"))
        )
    }

    fn write_debt(&self, measures: &mut Measures, effort: i64, rating_key: &str, ratio_key: &str, to_a_key: &str) {
        let effort = effort as f64;
        let density = if self.development_cost > 0.0 {
            effort / self.development_cost
        } else {
            0.0
        };
        measures.set_int(rating_key, self.ctx.grid.rating(density));
        measures.set_number(&self.key(ratio_key), 100.0 * density);
        if !self.is_new {
            let allowed = (self.ctx.grid.0[0] * self.development_cost).trunc();
            measures.set_number(to_a_key, (effort - allowed).max(0.0));
        }
    }

    fn write_hotspots(&self, measures: &mut Measures) {
        let (to_review, reviewed) = (self.count("h.to_review"), self.count("h.reviewed"));
        measures.set_int(&self.key("security_hotspots"), to_review);
        measures.set_int(&self.key("security_hotspots_to_review_status"), to_review);
        measures.set_int(&self.key("security_hotspots_reviewed_status"), reviewed);
        let percent = (to_review + reviewed > 0).then(|| 100.0 * reviewed as f64 / (to_review + reviewed) as f64);
        if let Some(percent) = percent {
            measures.set_number(&self.key("security_hotspots_reviewed"), percent);
        }
        measures.set_int(&self.key("security_review_rating"), review_rating(percent));
    }
}

/// A to E by the worst severity; nothing, and what is only good to know, is an A.
const fn rating(worst: Option<ImpactSeverity>) -> i64 {
    match worst {
        None | Some(ImpactSeverity::Info) => 1,
        Some(ImpactSeverity::Low) => 2,
        Some(ImpactSeverity::Medium) => 3,
        Some(ImpactSeverity::High) => 4,
        Some(ImpactSeverity::Blocker) => 5,
    }
}

/// The worst severity as a number that conditions can be put on.
const fn level(worst: Option<ImpactSeverity>) -> i64 {
    match worst {
        None => 0,
        Some(ImpactSeverity::Info) => 5,
        Some(ImpactSeverity::Low) => 10,
        Some(ImpactSeverity::Medium) => 15,
        Some(ImpactSeverity::High) => 20,
        Some(ImpactSeverity::Blocker) => 25,
    }
}

/// A to E by how many of the hotspots were looked at; without hotspots an A.
fn review_rating(percent: Option<f64>) -> i64 {
    match percent {
        None => 1,
        Some(percent) if percent >= 80.0 => 1,
        Some(percent) if percent >= 70.0 => 2,
        Some(percent) if percent >= 50.0 => 3,
        Some(percent) if percent >= 30.0 => 4,
        Some(_) => 5,
    }
}

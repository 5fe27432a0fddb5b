//! Metrics of types and severities, and the metrics of software qualities that say the same.

use super::Metric;

/// Standard metric, metric of the software qualities.
const PAIRS: &[(&str, &str)] = &[
    ("blocker_violations", "software_quality_blocker_issues"),
    ("critical_violations", "software_quality_high_issues"),
    ("major_violations", "software_quality_medium_issues"),
    ("minor_violations", "software_quality_low_issues"),
    ("info_violations", "software_quality_info_issues"),
    ("bugs", "software_quality_reliability_issues"),
    ("reliability_rating", "software_quality_reliability_rating"),
    (
        "reliability_remediation_effort",
        "software_quality_reliability_remediation_effort",
    ),
    ("vulnerabilities", "software_quality_security_issues"),
    ("security_rating", "software_quality_security_rating"),
    (
        "security_remediation_effort",
        "software_quality_security_remediation_effort",
    ),
    ("code_smells", "software_quality_maintainability_issues"),
    ("sqale_rating", "software_quality_maintainability_rating"),
    ("sqale_index", "software_quality_maintainability_remediation_effort"),
    ("sqale_debt_ratio", "software_quality_maintainability_debt_ratio"),
    (
        "effort_to_reach_maintainability_rating_a",
        "effort_to_reach_software_quality_maintainability_rating_a",
    ),
    ("new_blocker_violations", "new_software_quality_blocker_issues"),
    ("new_critical_violations", "new_software_quality_high_issues"),
    ("new_major_violations", "new_software_quality_medium_issues"),
    ("new_minor_violations", "new_software_quality_low_issues"),
    ("new_info_violations", "new_software_quality_info_issues"),
    ("new_bugs", "new_software_quality_reliability_issues"),
    ("new_reliability_rating", "new_software_quality_reliability_rating"),
    (
        "new_reliability_remediation_effort",
        "new_software_quality_reliability_remediation_effort",
    ),
    ("new_vulnerabilities", "new_software_quality_security_issues"),
    ("new_security_rating", "new_software_quality_security_rating"),
    (
        "new_security_remediation_effort",
        "new_software_quality_security_remediation_effort",
    ),
    ("new_code_smells", "new_software_quality_maintainability_issues"),
    (
        "new_maintainability_rating",
        "new_software_quality_maintainability_rating",
    ),
    (
        "new_technical_debt",
        "new_software_quality_maintainability_remediation_effort",
    ),
    (
        "new_sqale_debt_ratio",
        "new_software_quality_maintainability_debt_ratio",
    ),
];

impl Metric {
    /// The metric of the software qualities that says the same as this standard one.
    pub fn quality_equivalent(&self) -> Option<&'static Metric> {
        let (_, quality) = PAIRS.iter().find(|(standard, _)| *standard == self.key)?;
        Self::find(quality)
    }

    /// The standard metric that says the same as this one of the software qualities.
    pub fn standard_equivalent(&self) -> Option<&'static Metric> {
        let (standard, _) = PAIRS.iter().find(|(_, quality)| *quality == self.key)?;
        Self::find(standard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_that_say_the_same_are_read_the_same_way() {
        for (standard, quality) in PAIRS {
            let standard = Metric::find(standard).unwrap();
            let quality = Metric::find(quality).unwrap();
            assert_eq!(standard.quality_equivalent(), Some(quality));
            assert_eq!(quality.standard_equivalent(), Some(standard));
            assert_eq!(
                (standard.kind, standard.direction),
                (quality.kind, quality.direction),
                "{}",
                standard.key
            );
            assert_eq!(standard.is_on_new_code(), quality.is_on_new_code());
        }
    }
}

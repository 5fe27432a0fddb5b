//! The metrics there are. Keys, names, types, domains and directions are those that clients of the Web API know.

use super::{Metric, ValueType};

/// Writes metrics down by groups that share everything but key, name and description.
macro_rules! catalogue {
    ($($kind:ident $domain:literal $direction:literal $best:expr, $worst:expr, $flags:expr => {
        $($key:literal $name:literal $description:literal;)+
    })+) => {
        /// Every metric.
        pub(super) static ALL: &[Metric] = &[$($(Metric {
            key: $key,
            name: $name,
            description: $description,
            kind: ValueType::$kind,
            domain: $domain,
            direction: $direction,
            best: $best,
            worst: $worst,
            hidden: matches!($flags, Flags::Hidden),
            qualitative: matches!($flags, Flags::Qualitative),
            decimal_scale: if matches!(ValueType::$kind, ValueType::Float | ValueType::Percent) { Some(1) } else { None },
        }),+),+];
    };
}

/// What sets a group apart beyond its type and direction.
#[derive(Clone, Copy)]
enum Flags {
    /// Says how much there is.
    Plain,
    /// Says how good it is.
    Qualitative,
    /// Not shown, and not for gates.
    Hidden,
}

const ZERO: Option<f64> = Some(0.0);
const HUNDRED: Option<f64> = Some(100.0);

catalogue! {
    Level "Releasability" 1 None, None, Flags::Qualitative => {
        "alert_status" "Quality Gate Status" "Whether the code may pass its quality gate";
    }
    Data "General" 0 None, None, Flags::Plain => {
        "quality_gate_details" "Quality Gate Details" "What came of each condition of the quality gate";
    }
    Int "Issues" -1 ZERO, None, Flags::Qualitative => {
        "violations" "Issues" "Issues nobody resolved";
        "blocker_violations" "Blocker Issues" "Blocker issues nobody resolved";
        "critical_violations" "Critical Issues" "Critical issues nobody resolved";
        "major_violations" "Major Issues" "Major issues nobody resolved";
        "minor_violations" "Minor Issues" "Minor issues nobody resolved";
        "info_violations" "Info Issues" "Info issues nobody resolved";
        "new_violations" "New Issues" "Issues on new code nobody resolved";
        "new_blocker_violations" "New Blocker Issues" "Blocker issues on new code";
        "new_critical_violations" "New Critical Issues" "Critical issues on new code";
        "new_major_violations" "New Major Issues" "Major issues on new code";
        "new_minor_violations" "New Minor Issues" "Minor issues on new code";
        "new_info_violations" "New Info Issues" "Info issues on new code";
        "software_quality_blocker_issues" "Software Quality Blocker Issues" "Open issues with a blocker impact";
        "software_quality_high_issues" "Software Quality High Issues" "Open issues with a high impact";
        "software_quality_medium_issues" "Software Quality Medium Issues" "Open issues with a medium impact";
        "software_quality_low_issues" "Software Quality Low Issues" "Open issues with a low impact";
        "software_quality_info_issues" "Software Quality Info Issues" "Open issues with an info impact";
        "new_software_quality_blocker_issues" "New Software Quality Blocker Issues" "Open issues on new code with a blocker impact";
        "new_software_quality_high_issues" "New Software Quality High Issues" "Open issues on new code with a high impact";
        "new_software_quality_medium_issues" "New Software Quality Medium Issues" "Open issues on new code with a medium impact";
        "new_software_quality_low_issues" "New Software Quality Low Issues" "Open issues on new code with a low impact";
        "new_software_quality_info_issues" "New Software Quality Info Issues" "Open issues on new code with an info impact";
        "prioritized_rule_issues" "Issues from Prioritized Rules" "Issues of rules that were given priority";
    }
    Int "Issues" -1 ZERO, None, Flags::Plain => {
        "false_positive_issues" "False Positive Issues" "Issues a person said are none";
        "accepted_issues" "Accepted Issues" "Issues a person accepted";
        "new_accepted_issues" "New Accepted Issues" "Issues on new code a person accepted";
        "high_impact_accepted_issues" "High Impact Accepted Issues" "Accepted issues with a high or blocker impact";
        "open_issues" "Open Issues" "Issues with the status open";
        "reopened_issues" "Reopened Issues" "Issues with the status reopened";
        "confirmed_issues" "Confirmed Issues" "Issues with the status confirmed";
        "issues_in_sandbox" "Issues in Sandbox" "Issues that wait in the sandbox";
        "new_issues_in_sandbox" "New Issues in Sandbox" "Issues on new code that wait in the sandbox";
        "from_sonarqube_update_issues" "Issues from an Update" "Issues that an update of the rules brought";
    }
    Int "Issues" 1 None, None, Flags::Hidden => {
        "pull_request_fixed_issues" "Pull Request Fixed Issues" "Issues of the target branch that a pull request mends";
    }
    Data "Reliability" 0 None, None, Flags::Plain => {
        "reliability_issues" "Reliability Issues" "Open issues that hurt reliability, by severity";
        "new_reliability_issues" "New Reliability Issues" "Open issues on new code that hurt reliability, by severity";
    }
    Int "Reliability" -1 ZERO, Some(25.0), Flags::Qualitative => {
        "reliability_issue_severity" "Reliability Issue Severity" "The worst severity of an open issue that hurts reliability";
        "new_reliability_issue_severity" "Reliability Issue Severity on New Code" "The worst severity of an open issue on new code that hurts reliability";
        "new_bugs_severity" "Bugs Severity on New Code" "The worst severity of a bug on new code";
    }
    Int "Reliability" -1 ZERO, None, Flags::Qualitative => {
        "bugs" "Bugs" "Bugs nobody resolved";
        "new_bugs" "New Bugs" "Bugs on new code nobody resolved";
        "software_quality_reliability_issues" "Software Quality Reliability Issues" "Open issues that hurt reliability";
        "new_software_quality_reliability_issues" "New Software Quality Reliability Issues" "Open issues on new code that hurt reliability";
    }
    WorkDur "Reliability" -1 ZERO, None, Flags::Qualitative => {
        "reliability_remediation_effort" "Reliability Remediation Effort" "Minutes that mending the bugs takes";
        "new_reliability_remediation_effort" "Reliability Remediation Effort on New Code" "Minutes that mending the bugs on new code takes";
        "software_quality_reliability_remediation_effort" "Software Quality Reliability Remediation Effort" "Minutes that mending what hurts reliability takes";
        "new_software_quality_reliability_remediation_effort" "Software Quality Reliability Remediation Effort on New Code" "Minutes that mending what hurts reliability on new code takes";
    }
    Rating "Reliability" -1 Some(1.0), Some(5.0), Flags::Qualitative => {
        "reliability_rating" "Reliability Rating" "A to E by the worst bug";
        "new_reliability_rating" "Reliability Rating on New Code" "A to E by the worst bug on new code";
        "software_quality_reliability_rating" "Software Quality Reliability Rating" "A to E by the worst impact on reliability";
        "new_software_quality_reliability_rating" "Software Quality Reliability Rating on New Code" "A to E by the worst impact on reliability on new code";
    }
    Data "Security" 0 None, None, Flags::Plain => {
        "security_issues" "Security Issues" "Open issues that hurt security, by severity";
        "new_security_issues" "New Security Issues" "Open issues on new code that hurt security, by severity";
    }
    Int "Security" -1 ZERO, Some(25.0), Flags::Qualitative => {
        "security_issue_severity" "Security Issue Severity" "The worst severity of an open issue that hurts security";
        "new_security_issue_severity" "Security Issue Severity on New Code" "The worst severity of an open issue on new code that hurts security";
        "new_vulnerabilities_severity" "Vulnerabilities Severity on New Code" "The worst severity of a vulnerability on new code";
    }
    Int "Security" -1 ZERO, None, Flags::Qualitative => {
        "vulnerabilities" "Vulnerabilities" "Vulnerabilities nobody resolved";
        "new_vulnerabilities" "New Vulnerabilities" "Vulnerabilities on new code nobody resolved";
        "software_quality_security_issues" "Software Quality Security Issues" "Open issues that hurt security";
        "new_software_quality_security_issues" "New Software Quality Security Issues" "Open issues on new code that hurt security";
    }
    WorkDur "Security" -1 ZERO, None, Flags::Qualitative => {
        "security_remediation_effort" "Security Remediation Effort" "Minutes that mending the vulnerabilities takes";
        "new_security_remediation_effort" "Security Remediation Effort on New Code" "Minutes that mending the vulnerabilities on new code takes";
        "software_quality_security_remediation_effort" "Software Quality Security Remediation Effort" "Minutes that mending what hurts security takes";
        "new_software_quality_security_remediation_effort" "Software Quality Security Remediation Effort on New Code" "Minutes that mending what hurts security on new code takes";
    }
    Rating "Security" -1 Some(1.0), Some(5.0), Flags::Qualitative => {
        "security_rating" "Security Rating" "A to E by the worst vulnerability";
        "new_security_rating" "Security Rating on New Code" "A to E by the worst vulnerability on new code";
        "software_quality_security_rating" "Software Quality Security Rating" "A to E by the worst impact on security";
        "new_software_quality_security_rating" "Software Quality Security Rating on New Code" "A to E by the worst impact on security on new code";
    }
    Int "SecurityReview" -1 ZERO, None, Flags::Plain => {
        "security_hotspots" "Security Hotspots" "Hotspots nobody has looked at";
        "new_security_hotspots" "New Security Hotspots" "Hotspots on new code nobody has looked at";
    }
    Rating "SecurityReview" -1 Some(1.0), Some(5.0), Flags::Qualitative => {
        "security_review_rating" "Security Review Rating" "A to E by the part of the hotspots that was looked at";
        "new_security_review_rating" "Security Review Rating on New Code" "A to E by the part of the hotspots on new code that was looked at";
    }
    Percent "SecurityReview" 1 HUNDRED, ZERO, Flags::Qualitative => {
        "security_hotspots_reviewed" "Security Hotspots Reviewed" "The part of the hotspots that was looked at";
        "new_security_hotspots_reviewed" "Security Hotspots Reviewed on New Code" "The part of the hotspots on new code that was looked at";
    }
    Int "SecurityReview" -1 ZERO, None, Flags::Hidden => {
        "security_hotspots_reviewed_status" "Security Review Reviewed Status" "Hotspots somebody has looked at";
        "security_hotspots_to_review_status" "Security Review To Review Status" "Hotspots still to be looked at";
        "new_security_hotspots_reviewed_status" "Security Review Reviewed Status on New Code" "Hotspots on new code somebody has looked at";
        "new_security_hotspots_to_review_status" "Security Review To Review Status on New Code" "Hotspots on new code still to be looked at";
    }
    Data "Maintainability" 0 None, None, Flags::Plain => {
        "maintainability_issues" "Maintainability Issues" "Open issues that hurt maintainability, by severity";
        "new_maintainability_issues" "New Maintainability Issues" "Open issues on new code that hurt maintainability, by severity";
    }
    Int "Maintainability" -1 ZERO, Some(25.0), Flags::Qualitative => {
        "maintainability_issue_severity" "Maintainability Issue Severity" "The worst severity of an open issue that hurts maintainability";
        "new_maintainability_issue_severity" "Maintainability Issue Severity on New Code" "The worst severity of an open issue on new code that hurts maintainability";
        "new_code_smells_severity" "Code Smells Severity on New Code" "The worst severity of a code smell on new code";
    }
    Int "Maintainability" -1 ZERO, None, Flags::Qualitative => {
        "code_smells" "Code Smells" "Code smells nobody resolved";
        "new_code_smells" "New Code Smells" "Code smells on new code nobody resolved";
        "software_quality_maintainability_issues" "Software Quality Maintainability Issues" "Open issues that hurt maintainability";
        "new_software_quality_maintainability_issues" "New Software Quality Maintainability Issues" "Open issues on new code that hurt maintainability";
    }
    WorkDur "Maintainability" -1 ZERO, None, Flags::Qualitative => {
        "sqale_index" "Technical Debt" "Minutes that mending the code smells takes";
        "new_technical_debt" "Added Technical Debt" "Minutes that mending the code smells on new code takes";
        "effort_to_reach_maintainability_rating_a" "Effort to Reach Maintainability Rating A" "Minutes of mending until the rating is A";
        "software_quality_maintainability_remediation_effort" "Software Quality Maintainability Remediation Effort" "Minutes that mending what hurts maintainability takes";
        "new_software_quality_maintainability_remediation_effort" "Software Quality Maintainability Remediation Effort on New Code" "Minutes that mending what hurts maintainability on new code takes";
        "effort_to_reach_software_quality_maintainability_rating_a" "Effort to Reach Software Quality Maintainability Rating A" "Minutes of mending what hurts maintainability until the rating is A";
    }
    Rating "Maintainability" -1 Some(1.0), Some(5.0), Flags::Qualitative => {
        "sqale_rating" "Maintainability Rating" "A to E by the ratio of technical debt";
        "new_maintainability_rating" "Maintainability Rating on New Code" "A to E by the ratio of technical debt on new code";
        "software_quality_maintainability_rating" "Software Quality Maintainability Rating" "A to E by the ratio of debt of maintainability";
        "new_software_quality_maintainability_rating" "Software Quality Maintainability Rating on New Code" "A to E by the ratio of debt of maintainability on new code";
    }
    Text "Maintainability" -1 ZERO, None, Flags::Hidden => {
        "development_cost" "Development Cost" "Minutes that writing the code costs";
    }
    Float "Maintainability" -1 ZERO, None, Flags::Hidden => {
        "new_development_cost" "Development Cost on New Code" "Minutes that writing the new code costs";
    }
    Percent "Maintainability" -1 ZERO, None, Flags::Qualitative => {
        "sqale_debt_ratio" "Technical Debt Ratio" "Technical debt as a part of the cost of the code";
        "new_sqale_debt_ratio" "Technical Debt Ratio on New Code" "Technical debt on new code as a part of its cost";
        "software_quality_maintainability_debt_ratio" "Software Quality Maintainability Debt Ratio" "Debt of maintainability as a part of the cost of the code";
        "new_software_quality_maintainability_debt_ratio" "Software Quality Maintainability Debt Ratio on New Code" "Debt of maintainability on new code as a part of its cost";
    }
    Int "Coverage" 1 None, None, Flags::Plain => {
        "tests" "Unit Tests" "How many tests there are";
    }
    Millisec "Coverage" -1 None, None, Flags::Plain => {
        "test_execution_time" "Unit Test Duration" "How long the tests took";
    }
    Int "Coverage" -1 ZERO, None, Flags::Qualitative => {
        "test_errors" "Unit Test Errors" "Tests that broke down";
        "test_failures" "Unit Test Failures" "Tests that failed";
        "skipped_tests" "Skipped Unit Tests" "Tests that did not run";
        "uncovered_lines" "Uncovered Lines" "Lines that no test ran";
        "new_uncovered_lines" "Uncovered Lines on New Code" "New lines that no test ran";
        "uncovered_conditions" "Uncovered Conditions" "Branches that no test took";
        "new_uncovered_conditions" "Uncovered Conditions on New Code" "Branches on new lines that no test took";
    }
    Percent "Coverage" 1 HUNDRED, ZERO, Flags::Qualitative => {
        "test_success_density" "Unit Test Success (%)" "The part of the tests that passed";
        "coverage" "Coverage" "The part of lines and branches that tests ran";
        "new_coverage" "Coverage on New Code" "The part of new lines and branches that tests ran";
        "line_coverage" "Line Coverage" "The part of the lines that tests ran";
        "new_line_coverage" "Line Coverage on New Code" "The part of the new lines that tests ran";
        "branch_coverage" "Condition Coverage" "The part of the branches that tests took";
        "new_branch_coverage" "Condition Coverage on New Code" "The part of the branches on new lines that tests took";
    }
    Int "Coverage" -1 None, None, Flags::Plain => {
        "lines_to_cover" "Lines to Cover" "Lines that tests can run";
        "new_lines_to_cover" "Lines to Cover on New Code" "New lines that tests can run";
        "conditions_to_cover" "Conditions to Cover" "Branches that tests can take";
        "new_conditions_to_cover" "Conditions to Cover on New Code" "Branches on new lines that tests can take";
    }
    Int "Duplications" -1 ZERO, None, Flags::Qualitative => {
        "duplicated_lines" "Duplicated Lines" "Lines that stand elsewhere too";
        "new_duplicated_lines" "Duplicated Lines on New Code" "New lines that stand elsewhere too";
        "duplicated_blocks" "Duplicated Blocks" "Blocks of lines that stand elsewhere too";
        "new_duplicated_blocks" "Duplicated Blocks on New Code" "Blocks with new lines that stand elsewhere too";
        "duplicated_files" "Duplicated Files" "Files with lines that stand elsewhere too";
    }
    Percent "Duplications" -1 ZERO, Some(50.0), Flags::Qualitative => {
        "duplicated_lines_density" "Duplicated Lines (%)" "The part of the lines that stands elsewhere too";
    }
    Percent "Duplications" -1 ZERO, None, Flags::Qualitative => {
        "new_duplicated_lines_density" "Duplicated Lines (%) on New Code" "The part of the new lines that stands elsewhere too";
    }
    Int "Size" -1 None, None, Flags::Plain => {
        "ncloc" "Lines of Code" "Lines that hold code";
        "new_ncloc" "New Lines of Code" "New lines that hold code";
        "lines" "Lines" "Lines of all kinds";
        "new_lines" "New Lines" "New lines of all kinds";
        "files" "Files" "How many files there are";
        "comment_lines" "Comment Lines" "Lines that hold comments";
        "statements" "Statements" "How many statements there are";
        "functions" "Functions" "How many functions there are";
        "classes" "Classes" "How many classes there are";
    }
    Percent "Size" 1 None, None, Flags::Plain => {
        "comment_lines_density" "Comments (%)" "Comments as a part of code and comments";
    }
    Int "Complexity" -1 None, None, Flags::Plain => {
        "complexity" "Cyclomatic Complexity" "How many ways through the code there are";
    }
    Int "Complexity" -1 ZERO, None, Flags::Plain => {
        "cognitive_complexity" "Cognitive Complexity" "How hard the code is to follow";
    }
}

//! From counters to measures.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::{DebtContext, ON_NEW_CODE, RatingGrid, Tally};
use crate::issue::{ImpactSeverity, IssueType, Severity, SoftwareQuality};
use crate::measure::{MeasureValue, Measures, number, whole};
use crate::metric::Metric;

/// What follows from the counters, in the order of the metrics' keys. The names of counters and metrics are put together
/// once: this is gone through twice with every change of an issue. What is kept is read by it too: see
/// [`Measures::to_json`] before anything is added or taken away.
static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let mut table = Vec::new();
    for is_new in [false, true] {
        Side {
            is_new,
            table: &mut table,
        }
        .write();
    }
    table.sort_unstable_by_key(|entry| entry.place);
    table
});

/// Of what measures follow from counters: overall, on new code, both or nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) overall: bool,
    pub(crate) on_new_code: bool,
}

/// What measures are without any issue, by the number of the sides.
static WITHOUT_ISSUES: LazyLock<[Vec<(u16, MeasureValue)>; 4]> = LazyLock::new(|| {
    let nothing = Tally::default();
    let costs = DebtContext::of(&Measures::new(), true, RatingGrid::default());
    [0, 1, 2, 3].map(|number| {
        let sides = Sides::of(number).unwrap_or_default();
        let wanted = TABLE.iter().filter(|entry| entry.is_of(sides));
        let mut measures = Measures::new();
        measures.replace(wanted.map(|entry| (entry.place, entry.value(&nothing, &costs))));
        measures.into_places()
    })
});

/// What follows from counters that are all zero, of code that costs nothing, by the places of the metrics.
pub(crate) fn without_issues(sides: Sides) -> &'static [(u16, MeasureValue)] {
    &WITHOUT_ISSUES[usize::from(sides.number())]
}

impl Sides {
    pub(crate) const OVERALL: Self = Self {
        overall: true,
        on_new_code: false,
    };
    pub(crate) const ON_NEW_CODE: Self = Self {
        overall: false,
        on_new_code: true,
    };

    /// 1 for overall and 2 for on new code, added.
    pub(crate) const fn number(self) -> u8 {
        self.overall as u8 + 2 * self.on_new_code as u8
    }

    /// None for a number that no sides have.
    pub(crate) fn of(number: u8) -> Option<Self> {
        (number <= 3).then_some(Self {
            overall: number & 1 != 0,
            on_new_code: number & 2 != 0,
        })
    }
}

/// A metric, and what its value follows from.
struct Entry {
    place: u16,
    metric: &'static Metric,
    is_new: bool,
    source: Source,
}

/// What a value follows from. The texts are names of counters.
enum Source {
    /// Always 0.
    Zero,
    /// A counter.
    Count(String),
    /// The worst severity that is counted at all, as a rating.
    WorstRating(Ladder),
    /// The same as a number that conditions can be put on.
    WorstLevel(Ladder),
    /// The issues that hurt a quality, by severity, as the JSON that clients of the Web API read.
    BySeverity {
        counters: Vec<(ImpactSeverity, String)>,
        total: String,
        /// The text when there is none.
        none: String,
    },
    /// The rating of a debt.
    DebtRating(String),
    /// A debt in hundredths of what the code costs.
    DebtRatio(String),
    /// What must be mended of a debt until it is rated A.
    DebtToA(String),
    /// The hundredths of hotspots that were looked at; absent without hotspots.
    Reviewed(Hotspots),
    /// The same as a rating.
    ReviewRating(Hotspots),
}

/// Counters of severities, the worst first.
type Ladder = Vec<(ImpactSeverity, String)>;

/// The counters of hotspots.
struct Hotspots {
    to_review: String,
    reviewed: String,
}

/// All measures that follow from the counters of a branch or file; those on new code only when there is new code.
pub fn issue_measures(tally: &Tally, ctx: &DebtContext) -> Measures {
    let mut measures = Measures::new();
    renew(&mut measures, tally, ctx);
    measures
}

/// Puts the measures that follow from counters in place of those that followed from what the counters were before.
pub fn renew(measures: &mut Measures, tally: &Tally, ctx: &DebtContext) {
    let wanted = TABLE.iter().filter(|entry| ctx.has_new_code || !entry.is_new);
    // Some have no value in some states: a percentage of nothing.
    measures.replace(wanted.map(|entry| (entry.place, entry.value(tally, ctx))));
}

impl Entry {
    const fn is_of(&self, sides: Sides) -> bool {
        if self.is_new { sides.on_new_code } else { sides.overall }
    }

    fn value(&self, tally: &Tally, ctx: &DebtContext) -> Option<MeasureValue> {
        let cost = if self.is_new {
            ctx.new_development_cost.unwrap_or(0.0)
        } else {
            ctx.development_cost
        };
        let density = |effort: &str| {
            if cost > 0.0 {
                tally.count(effort) as f64 / cost
            } else {
                0.0
            }
        };
        let count = match &self.source {
            Source::Zero => 0,
            Source::Count(counter) => tally.count(counter),
            Source::WorstRating(ladder) => rating(worst(tally, ladder)),
            Source::WorstLevel(ladder) => level(worst(tally, ladder)),
            Source::DebtRating(effort) => ctx.grid.rating(density(effort)),
            Source::ReviewRating(hotspots) => review_rating(hotspots.reviewed(tally)),
            Source::DebtRatio(effort) => return number(self.metric, 100.0 * density(effort)),
            Source::DebtToA(effort) => {
                let allowed = (ctx.grid.0[0] * cost).trunc();
                return number(self.metric, (tally.count(effort) as f64 - allowed).max(0.0));
            }
            Source::Reviewed(hotspots) => return number(self.metric, hotspots.reviewed(tally)?),
            Source::BySeverity { total, none, .. } if tally.count(total) == 0 => {
                return Some(MeasureValue::Text(none.clone()));
            }
            Source::BySeverity { counters, total, .. } => {
                return Some(MeasureValue::Text(by_severity(tally, counters, total)));
            }
        };
        Some(whole(self.metric, count))
    }
}

impl Hotspots {
    /// The hundredths that were looked at.
    fn reviewed(&self, tally: &Tally) -> Option<f64> {
        let (to_review, reviewed) = (tally.count(&self.to_review), tally.count(&self.reviewed));
        (to_review + reviewed > 0).then(|| 100.0 * reviewed as f64 / (to_review + reviewed) as f64)
    }
}

fn worst(tally: &Tally, ladder: &Ladder) -> Option<ImpactSeverity> {
    let counted = ladder.iter().find(|(_, counter)| tally.count(counter) > 0);
    counted.map(|(severity, _)| *severity)
}

fn by_severity(tally: &Tally, counters: &[(ImpactSeverity, String)], total: &str) -> String {
    let mut text = String::with_capacity(80);
    text.push('{');
    // Writing into a String cannot fail.
    for (severity, counter) in counters {
        let _ = write!(text, "\"{severity}\":{},", tally.count(counter));
    }
    let _ = write!(text, "\"total\":{}}}", tally.count(total));
    text
}

/// Overall, or on new code: which counters are read, and what the metrics are called.
struct Side<'a> {
    is_new: bool,
    table: &'a mut Vec<Entry>,
}

impl Side<'_> {
    /// The name of a counter on this side.
    fn counter(&self, name: &str) -> String {
        if self.is_new {
            format!("{ON_NEW_CODE}{name}")
        } else {
            name.to_owned()
        }
    }

    /// The key of a metric on this side.
    fn key(&self, key: &str) -> String {
        if self.is_new {
            format!("new_{key}")
        } else {
            key.to_owned()
        }
    }

    /// Says what a metric follows from; nothing happens for a key that is not in the catalogue.
    fn put(&mut self, key: &str, source: Source) {
        if let Some(place) = Metric::place(key) {
            self.table.push(Entry {
                place,
                metric: Metric::at(place),
                is_new: self.is_new,
                source,
            });
        }
    }

    /// Says that a metric of both sides is a counter.
    fn put_count(&mut self, key: &str, name: &str) {
        let source = Source::Count(self.counter(name));
        self.put(&self.key(key), source);
    }

    fn write(&mut self) {
        self.write_counts();
        self.write_types();
        self.write_qualities();
        self.write_hotspots();
    }

    fn write_counts(&mut self) {
        self.put_count("violations", "v");
        for severity in Severity::ALL {
            let key = format!("{}_violations", severity.as_str().to_lowercase());
            self.put_count(&key, &format!("v.{severity}"));
        }
        for severity in ImpactSeverity::ALL {
            let key = format!("software_quality_{}_issues", severity.as_str().to_lowercase());
            self.put_count(&key, &format!("i.{severity}"));
        }
        self.put_count("accepted_issues", "accepted");
        if !self.is_new {
            self.put_count("high_impact_accepted_issues", "accepted.high");
            self.put_count("false_positive_issues", "false_positive");
            self.put_count("open_issues", "s.OPEN");
            self.put_count("reopened_issues", "s.REOPENED");
            self.put_count("confirmed_issues", "s.CONFIRMED");
            // Rules have no priority here, so that no issue is of such a rule.
            self.put("prioritized_rule_issues", Source::Zero);
        }
    }

    /// Counts, efforts and ratings by type.
    fn write_types(&mut self) {
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
            self.put_count(count, &format!("t.{kind}"));
            self.put_count(effort, &format!("e.{kind}"));
            let ladder = |side: &Self| -> Ladder {
                let from_worst = Severity::ALL.iter().rev();
                from_worst
                    .map(|severity| ((*severity).into(), side.counter(&format!("t.{kind}.{severity}"))))
                    .collect()
            };
            if self.is_new {
                self.put(&format!("new_{count}_severity"), Source::WorstLevel(ladder(self)));
            }
            let key = match kind {
                IssueType::Bug => "reliability_rating",
                IssueType::Vulnerability => "security_rating",
                IssueType::CodeSmell | IssueType::SecurityHotspot => continue,
            };
            self.put(&self.key(key), Source::WorstRating(ladder(self)));
        }
        let rating = if self.is_new {
            "new_maintainability_rating"
        } else {
            "sqale_rating"
        };
        let effort = format!("e.{}", IssueType::CodeSmell);
        self.write_debt(
            &effort,
            rating,
            "sqale_debt_ratio",
            "effort_to_reach_maintainability_rating_a",
        );
    }

    /// Counts, efforts and ratings by software quality.
    fn write_qualities(&mut self) {
        use ImpactSeverity::{Blocker, High, Info, Low, Medium};
        for quality in SoftwareQuality::ALL {
            let name = quality.as_str().to_lowercase();
            self.put_count(&format!("software_quality_{name}_issues"), &format!("q.{quality}"));
            self.put_count(
                &format!("software_quality_{name}_remediation_effort"),
                &format!("qe.{quality}"),
            );
            let counter = |side: &Self, severity: ImpactSeverity| side.counter(&format!("q.{quality}.{severity}"));
            let ladder = |side: &Self| -> Ladder {
                let from_worst = ImpactSeverity::ALL.iter().rev();
                from_worst
                    .map(|severity| (*severity, counter(side, *severity)))
                    .collect()
            };
            let key = self.key(&format!("{name}_issue_severity"));
            self.put(&key, Source::WorstLevel(ladder(self)));
            if *quality != SoftwareQuality::Maintainability {
                let key = self.key(&format!("software_quality_{name}_rating"));
                self.put(&key, Source::WorstRating(ladder(self)));
            }
            let counters: Vec<_> = [Low, Medium, High, Info, Blocker]
                .map(|severity| (severity, counter(self, severity)))
                .into();
            let total = self.counter(&format!("q.{quality}"));
            let by_severity = Source::BySeverity {
                none: by_severity(&Tally::default(), &counters, &total),
                counters,
                total,
            };
            self.put(&self.key(&format!("{name}_issues")), by_severity);
        }
        let effort = format!("qe.{}", SoftwareQuality::Maintainability);
        let rating = self.key("software_quality_maintainability_rating");
        self.write_debt(
            &effort,
            &rating,
            "software_quality_maintainability_debt_ratio",
            "effort_to_reach_software_quality_maintainability_rating_a",
        );
    }

    fn write_debt(&mut self, effort: &str, rating_key: &str, ratio_key: &str, to_a_key: &str) {
        let effort = self.counter(effort);
        self.put(rating_key, Source::DebtRating(effort.clone()));
        self.put(&self.key(ratio_key), Source::DebtRatio(effort.clone()));
        if !self.is_new {
            self.put(to_a_key, Source::DebtToA(effort));
        }
    }

    fn write_hotspots(&mut self) {
        let hotspots = |side: &Self| Hotspots {
            to_review: side.counter("h.to_review"),
            reviewed: side.counter("h.reviewed"),
        };
        self.put_count("security_hotspots", "h.to_review");
        self.put_count("security_hotspots_to_review_status", "h.to_review");
        self.put_count("security_hotspots_reviewed_status", "h.reviewed");
        self.put(
            &self.key("security_hotspots_reviewed"),
            Source::Reviewed(hotspots(self)),
        );
        self.put(
            &self.key("security_review_rating"),
            Source::ReviewRating(hotspots(self)),
        );
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

//! `api/metrics/search`: all metrics.

use gatehook_domain::metric::Metric;
use serde::Serialize;

use crate::action::{Action, Answer, Call, Run};
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::get("api/metrics/search", "5.2", "All metrics.", Run::Plain(run))
    .params(&[Param::page(), Param::page_size("100", 500)]);

#[derive(Serialize)]
struct Found {
    metrics: Vec<Row>,
    total: usize,
    p: u32,
    ps: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    key: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    description: &'static str,
    domain: &'static str,
    direction: i8,
    qualitative: bool,
    hidden: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    decimal_scale: Option<u8>,
}

fn run(call: &Call) -> Result<Answer, ApiError> {
    let (page, size) = call.params.paging()?;
    let all = Metric::all();
    let skipped = (page as usize - 1).saturating_mul(size as usize);
    let metrics = all
        .iter()
        .enumerate()
        .skip(skipped)
        .take(size as usize)
        .map(|(index, metric)| Row {
            id: (index + 1).to_string(),
            key: metric.key,
            kind: metric.kind.as_str(),
            name: metric.name,
            description: metric.description,
            domain: metric.domain,
            direction: metric.direction,
            qualitative: metric.qualitative,
            hidden: metric.hidden,
            decimal_scale: metric.decimal_scale,
        })
        .collect();
    Answer::json(&Found {
        metrics,
        total: all.len(),
        p: page,
        ps: size,
    })
}

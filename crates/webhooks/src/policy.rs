//! What happens to a delivery after an attempt. Pure, and the only place that decides it.

use gatehook_domain::Timestamp;
use gatehook_domain::webhook::Attempt;
use gatehook_store::delivery::Outcome;

/// What comes after `attempt`, which ended at `_now`: a 2xx answer is the end, and so, for the time being, is
/// everything else. Further attempts are decided here, from the attempt's number and what came of it.
pub fn after(attempt: &Attempt, _now: Timestamp) -> Outcome {
    if attempt.succeeded() {
        Outcome::Delivered
    } else {
        Outcome::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Some(200), Outcome::Delivered)]
    #[case(Some(299), Outcome::Delivered)]
    #[case(Some(303), Outcome::Failed)]
    #[case(Some(500), Outcome::Failed)]
    #[case(None, Outcome::Failed)]
    fn only_a_2xx_answer_is_a_delivery(#[case] http_status: Option<u16>, #[case] expected: Outcome) {
        let at = Timestamp::from_millis(0);
        let attempt = Attempt {
            number: 1,
            at,
            duration_ms: 1,
            http_status,
            error: None,
        };
        assert_eq!(after(&attempt, at), expected);
    }
}

//! What happens to a delivery after an attempt. Pure, and the only place that decides it.

use std::time::Duration;

use gatehook_domain::Timestamp;
use gatehook_domain::webhook::RetrySchedule;
use gatehook_store::delivery::Outcome;

use crate::cause::Cause;
use crate::guard::GuardError;

/// The longest pause that a receiver can ask for with `Retry-After`, unless the planned one is longer. A receiver must
/// not be able to put its calls off for ever.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The receiver has it: it answered with a 2xx status.
    Arrived,
    /// It may well arrive later: no answer, or one that says so.
    Transient,
    /// The receiver does not want it, and would not want it later.
    Refused,
}

impl Ending {
    /// What an answer's status, or the cause of there being none, comes to.
    ///
    /// Tried again are failures of the network, time-outs, and the answers 408 (request time-out), 425 (too early),
    /// 429 (too many requests) and 5xx. Every other answer is final; so is an address that must not be called, and a
    /// redirect that leads nowhere.
    pub fn of(http_status: Option<u16>, cause: Option<&Cause>) -> Self {
        match (http_status, cause) {
            (Some(200..=299), _) => Self::Arrived,
            (Some(408 | 425 | 429 | 500..=599), _) => Self::Transient,
            (Some(_), _)
            | (
                None,
                Some(
                    Cause::Guarded(GuardError::Forbidden(_))
                    | Cause::RedirectWithoutLocation(_)
                    | Cause::RedirectElsewhere(_)
                    | Cause::NothingToSend
                    | Cause::Unspeakable,
                ),
            ) => Self::Refused,
            (None, _) => Self::Transient,
        }
    }
}

/// What comes after an attempt that ended at `now`. `attempt` is counted from 1 since the event, or since the delivery was
/// last sent again by hand. `asked` is what the receiver said in `Retry-After`, and `random` any number.
pub fn after(
    ending: Ending,
    attempt: i64,
    schedule: &RetrySchedule,
    asked: Option<Duration>,
    now: Timestamp,
    random: u64,
) -> Outcome {
    match ending {
        Ending::Arrived => Outcome::Delivered,
        Ending::Refused => Outcome::Failed,
        Ending::Transient => match schedule.after(attempt) {
            None => Outcome::Failed,
            Some(planned) => {
                let planned = jittered(planned, random);
                let asked = asked
                    .unwrap_or(planned)
                    .clamp(planned, planned.max(LONGEST_RETRY_AFTER));
                Outcome::RetryAt(now.plus(asked))
            }
        },
    }
}

/// A pause made up to a fifth shorter or longer, so that what failed together is not tried again together.
pub(crate) fn jittered(pause: Duration, random: u64) -> Duration {
    let thousandths = 800 + u32::try_from(random % 401).unwrap_or(0);
    pause * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::ranges::Kind;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(Some(200), None, Ending::Arrived)]
    #[case(Some(299), None, Ending::Arrived)]
    #[case(Some(199), None, Ending::Refused)]
    #[case(Some(300), None, Ending::Refused)]
    #[case(Some(303), None, Ending::Refused)]
    #[case(Some(304), None, Ending::Refused)]
    #[case(Some(404), None, Ending::Refused)]
    #[case(Some(410), None, Ending::Refused)]
    #[case(Some(408), None, Ending::Transient)]
    #[case(Some(425), None, Ending::Transient)]
    #[case(Some(429), None, Ending::Transient)]
    #[case(Some(500), None, Ending::Transient)]
    #[case(Some(599), None, Ending::Transient)]
    #[case(None, Some(Cause::Refused), Ending::Transient)]
    #[case(None, Some(Cause::Unresolved), Ending::Transient)]
    #[case(None, Some(Cause::NoAnswer(Duration::from_secs(10))), Ending::Transient)]
    #[case(None, Some(Cause::Certificate("expired")), Ending::Transient)]
    #[case(None, Some(Cause::Guarded(GuardError::Forbidden(Kind::Private))), Ending::Refused)]
    #[case(None, Some(Cause::Guarded(GuardError::OwnAddressesUnknown)), Ending::Transient)]
    #[case(None, Some(Cause::RedirectWithoutLocation(String::new())), Ending::Refused)]
    #[case(None, Some(Cause::Unspeakable), Ending::Refused)]
    #[case(None, Some(Cause::NothingToSend), Ending::Refused)]
    fn what_may_arrive_later_is_tried_again(
        #[case] status: Option<u16>,
        #[case] cause: Option<Cause>,
        #[case] expected: Ending,
    ) {
        assert_eq!(Ending::of(status, cause.as_ref()), expected);
    }

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn pause(outcome: Outcome) -> Option<Duration> {
        match outcome {
            Outcome::RetryAt(due) => Some(due.since(NOW)),
            Outcome::Delivered | Outcome::Failed => None,
        }
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it_within_an_hour() {
        let schedule = RetrySchedule::default();
        let asked = |attempt, asked: u64| {
            let asked = Some(Duration::from_secs(asked));
            pause(after(Ending::Transient, attempt, &schedule, asked, NOW, 200))
                .unwrap()
                .as_secs()
        };
        assert_eq!(
            [asked(1, 0), asked(1, 4), asked(1, 90), asked(1, 86_400)],
            [5, 5, 90, 3_600]
        );
        assert_eq!(asked(9, 60), 43_200, "the planned pause is longer already");
    }

    proptest! {
        #[test]
        fn a_pause_is_the_planned_one_give_or_take_a_fifth(attempt in 1_i64..40, random: u64) {
            let schedule = RetrySchedule::default();
            let next = after(Ending::Transient, attempt, &schedule, None, NOW, random);
            match schedule.after(attempt) {
                None => prop_assert_eq!(next, Outcome::Failed),
                Some(planned) => {
                    let pause = pause(next).unwrap();
                    prop_assert!(pause >= planned * 8 / 10 && pause <= planned * 12 / 10, "{:?} {:?}", planned, pause);
                }
            }
        }

        #[test]
        fn whatever_is_asked_for_a_failed_call_ends_or_is_due_later(
            attempt: i64, asked: Option<u64>, random: u64, pauses in proptest::collection::vec(1_u64..600_000, 0..9),
        ) {
            let text = pauses.iter().map(|pause| format!("{pause}s")).collect::<Vec<_>>().join(",");
            let schedule = RetrySchedule::parse(&text).unwrap_or_else(|_| RetrySchedule::never());
            let next = after(Ending::Transient, attempt, &schedule, asked.map(Duration::from_secs), NOW, random);
            match pause(next) {
                None => prop_assert!(next == Outcome::Failed && schedule.after(attempt).is_none()),
                Some(pause) => {
                    let planned = schedule.after(attempt).unwrap();
                    prop_assert!(pause >= planned * 8 / 10);
                    prop_assert!(pause <= (planned * 12 / 10).max(LONGEST_RETRY_AFTER));
                }
            }
        }

        #[test]
        fn what_has_ended_is_never_tried_again(attempt: i64, asked: Option<u64>, random: u64) {
            let asked = asked.map(Duration::from_secs);
            let schedule = RetrySchedule::default();
            prop_assert_eq!(after(Ending::Arrived, attempt, &schedule, asked, NOW, random), Outcome::Delivered);
            prop_assert_eq!(after(Ending::Refused, attempt, &schedule, asked, NOW, random), Outcome::Failed);
        }
    }
}

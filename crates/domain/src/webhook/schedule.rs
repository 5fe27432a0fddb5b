//! How long to wait between the attempts of a call.

use std::fmt;
use std::time::Duration;

/// The most pauses of a schedule.
pub const MAX_PAUSES: usize = 30;
/// The shortest pause: less would only be a busy loop against a receiver in trouble.
pub const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause. Records are kept for thirty days, so what waits longer would outlive its neighbours.
pub const LONGEST_PAUSE: Duration = Duration::from_hours(7 * 24);

/// The pauses after the first attempt, the second, and so on; after the attempt behind the last pause no further one
/// is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

/// A text that is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write 1 to 30 pauses between 1s and 7d, separated by commas, in seconds (s), minutes (m), hours (h) or days (d), \
     for example {default}",
    default = RetrySchedule::DEFAULT
)]
pub struct NotASchedule;

impl RetrySchedule {
    /// What holds unless somebody sets another one: ten attempts within about a day.
    pub const DEFAULT: &str = "5s,30s,2m,10m,30m,1h,3h,6h,12h";

    /// Reads pauses such as `5s,30s,2m,1h`.
    pub fn parse(text: &str) -> Result<Self, NotASchedule> {
        let pauses: Vec<Duration> = text
            .split(',')
            .map(parse_pause)
            .collect::<Option<_>>()
            .ok_or(NotASchedule)?;
        if pauses.len() > MAX_PAUSES {
            return Err(NotASchedule);
        }
        Ok(Self(pauses))
    }

    /// A schedule without pauses: one attempt only.
    pub fn never() -> Self {
        Self(Vec::new())
    }

    /// The pause after an attempt counted from 1; none when that was the last one.
    pub fn after(&self, attempt: i64) -> Option<Duration> {
        let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
        self.0.get(index).copied()
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        const SECONDS: [u64; 9] = [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200];
        Self(SECONDS.map(Duration::from_secs).to_vec())
    }
}

/// As [`RetrySchedule::parse`] reads it.
impl fmt::Display for RetrySchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pause) in self.0.iter().enumerate() {
            let seconds = pause.as_secs();
            let (count, unit) = [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
                .into_iter()
                .find(|(size, _)| seconds.is_multiple_of(*size))
                .map_or((seconds, 's'), |(size, unit)| (seconds / size, unit));
            write!(f, "{}{count}{unit}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Reads a time between [`SHORTEST_PAUSE`] and [`LONGEST_PAUSE`], such as `90s`, `15m`, `12h` or `7d`.
pub fn parse_pause(text: &str) -> Option<Duration> {
    let text = text.trim();
    let size = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let pause = Duration::from_secs(digits.parse::<u64>().ok()?.checked_mul(size)?);
    (SHORTEST_PAUSE..=LONGEST_PAUSE).contains(&pause).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_its_text_says() {
        assert_eq!(
            RetrySchedule::parse(RetrySchedule::DEFAULT),
            Ok(RetrySchedule::default())
        );
        assert_eq!(RetrySchedule::default().to_string(), RetrySchedule::DEFAULT);
    }

    #[test]
    fn without_a_setting_there_are_ten_attempts_within_about_a_day() {
        let pauses: Vec<u64> = (1..=10)
            .map_while(|attempt| RetrySchedule::default().after(attempt))
            .map(|pause| pause.as_secs())
            .collect();
        assert_eq!(pauses, [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200]);
    }

    #[test]
    fn an_attempt_is_followed_by_its_pause_and_the_last_one_by_none() {
        let schedule = RetrySchedule::parse(" 1s , 2m,1d").unwrap();
        let seconds = |attempt| schedule.after(attempt).map(|pause| pause.as_secs());
        assert_eq!([1, 2, 3, 4].map(seconds), [Some(1), Some(120), Some(86_400), None]);
        assert_eq!([i64::MIN, -1, 0].map(seconds), [None; 3]);
        assert_eq!(RetrySchedule::never().after(1), None);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let many = vec!["1s"; MAX_PAUSES + 1].join(",");
        for text in [
            "",
            ",",
            "5",
            "s",
            "5 s",
            "-5s",
            "+5s",
            "0s",
            "8d",
            "5s,",
            "5x",
            "5ä",
            "99999999999999999999d",
            &many,
        ] {
            assert_eq!(RetrySchedule::parse(text), Err(NotASchedule), "{text}");
        }
    }
}

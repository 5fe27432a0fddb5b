//! What is known about names and for how long. Pure but for the channels of those who wait.

use std::collections::HashMap;
use std::time::Duration;

use gatehook_domain::Timestamp;
use tokio::sync::watch;

use super::Told;

/// The most names that are known at once. A name is at most 253 characters and has at most 32 addresses, so all together
/// are a few megabytes at worst.
const MAX_NAMES: usize = 4096;
/// Bounds of what DNS says. Less than a second would be a question for each call; more than five minutes would leave a
/// receiver that has moved without its calls for too long.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);
/// How long a failure is kept: shorter than the first pause between attempts, five seconds less a fifth, so that each
/// attempt asks anew.
const OF_FAILURE: Duration = Duration::from_secs(3);

/// Who waits for an answer holds this; it has a value once there is one.
type Waiting = watch::Receiver<Option<Told>>;

/// What to do about a name.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing: it is known.
    Known(Told),
    /// Wait: it is being asked for.
    Wait(Waiting),
    /// Ask for it, tell the cache, and wait for oneself.
    Ask(Waiting),
    /// Give up: too many are asked for.
    Full,
}

/// Names and what is known about them.
#[derive(Debug, Default)]
pub(super) struct Cache(HashMap<String, Entry>);

#[derive(Debug, Default)]
struct Entry {
    last: Option<Knowledge>,
    asking: Option<watch::Sender<Option<Told>>>,
}

#[derive(Debug)]
struct Knowledge {
    told: Told,
    /// After a failure, what was told before it.
    before: Told,
    learnt: Timestamp,
    until: Timestamp,
}

impl Entry {
    fn fresh(&self, now: Timestamp) -> Option<&Told> {
        let last = self.last.as_ref()?;
        // A clock that was put back makes nothing last longer.
        (last.learnt..last.until).contains(&now).then_some(&last.told)
    }
}

impl Cache {
    /// What to do about a name at `now`.
    pub(super) fn look(&mut self, name: &str, now: Timestamp) -> Step {
        if !self.0.contains_key(name) && !self.make_room(now) {
            return Step::Full;
        }
        let entry = self.0.entry(name.to_owned()).or_default();
        if let Some(told) = entry.fresh(now) {
            return Step::Known(told.clone());
        }
        if let Some(asking) = &entry.asking {
            return Step::Wait(asking.subscribe());
        }
        let (asking, waiting) = watch::channel(None);
        entry.asking = Some(asking);
        Step::Ask(waiting)
    }

    /// Keeps what was told about a name, for `lifetime` within bounds, and tells all who wait.
    pub(super) fn learn(&mut self, name: &str, told: Told, lifetime: Duration, now: Timestamp) {
        let lifetime = match told {
            Some(_) => lifetime.clamp(SHORTEST, LONGEST),
            None => OF_FAILURE,
        };
        let entry = self.0.entry(name.to_owned()).or_default();
        let before = entry.last.replace(Knowledge {
            told: told.clone(),
            before: None,
            learnt: now,
            until: now.plus(lifetime),
        });
        // A failure says nothing about where the name led before.
        if told.is_none()
            && let (Some(last), Some(before)) = (&mut entry.last, before)
        {
            last.before = before.told.or(before.before);
        }
        if let Some(asking) = entry.asking.take() {
            asking.send_replace(Some(told));
        }
    }

    /// The addresses that were told last, however long ago.
    pub(super) fn last(&self, name: &str) -> Told {
        let last = self.0.get(name)?.last.as_ref()?;
        last.told.clone().or_else(|| last.before.clone())
    }

    /// Makes room for one more name: what is no longer true goes first, then what ends soonest. What is being asked for
    /// stays.
    fn make_room(&mut self, now: Timestamp) -> bool {
        if self.0.len() < MAX_NAMES {
            return true;
        }
        self.0
            .retain(|_, entry| entry.asking.is_some() || entry.fresh(now).is_some());
        if self.0.len() < MAX_NAMES {
            return true;
        }
        let ending = self.0.iter().filter(|(_, entry)| entry.asking.is_none());
        let soonest = ending
            .min_by_key(|(_, entry)| entry.last.as_ref().map(|last| last.until))
            .map(|(name, _)| name.clone());
        soonest.is_some_and(|name| self.0.remove(&name).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use std::sync::Arc;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn found(last: u8) -> Arc<[IpAddr]> {
        Arc::from([IpAddr::from([93, 184, 216, last])])
    }

    /// What a look finds: the last part of the address, `-` for a failure, `?` when it has to be asked for.
    fn look(cache: &mut Cache, name: &str, now: i64) -> String {
        match cache.look(name, at(now)) {
            Step::Known(Some(found)) => found[0].to_string().rsplit('.').next().unwrap().to_owned(),
            Step::Known(None) => "-".into(),
            Step::Ask(_) => "?".into(),
            Step::Wait(_) => "…".into(),
            Step::Full => "full".into(),
        }
    }

    /// Until when a lifetime holds, in milliseconds.
    fn holds(told: Told, lifetime: Duration) -> i64 {
        let mut cache = Cache::default();
        cache.learn("a", told, lifetime, at(0));
        (0..400_000)
            .step_by(500)
            .find(|now| look(&mut cache, "a", *now) == "?")
            .unwrap()
    }

    #[test]
    fn a_name_is_known_as_long_as_dns_says_within_bounds() {
        assert_eq!(holds(Some(found(1)), Duration::from_mins(1)), 60_000);
        assert_eq!(holds(Some(found(1)), Duration::ZERO), 1_000);
        assert_eq!(holds(Some(found(1)), Duration::from_hours(24)), 300_000);
        assert_eq!(
            holds(None, Duration::from_hours(24)),
            3_000,
            "a failure ends before the first retry"
        );
    }

    #[test]
    fn a_clock_that_is_put_back_makes_no_name_last_longer() {
        let mut cache = Cache::default();
        cache.learn("a", Some(found(1)), Duration::from_mins(1), at(1_000_000));
        assert_eq!(look(&mut cache, "a", 999_999), "?");
    }

    #[tokio::test]
    async fn a_name_is_asked_for_once_and_all_who_wait_are_told() {
        let mut cache = Cache::default();
        let Step::Ask(mut first) = cache.look("a", at(0)) else {
            panic!("the first asks");
        };
        let Step::Wait(mut second) = cache.look("a", at(0)) else {
            panic!("the second waits");
        };
        assert_eq!(look(&mut cache, "b", 0), "?", "another name waits for nobody");
        cache.learn("a", Some(found(7)), Duration::from_secs(5), at(0));
        for waiting in [&mut first, &mut second] {
            assert_eq!(*waiting.wait_for(Option::is_some).await.unwrap(), Some(Some(found(7))));
        }
        assert_eq!(look(&mut cache, "a", 4_999), "7");
    }

    #[test]
    fn where_a_name_led_is_remembered_through_failures() {
        let mut cache = Cache::default();
        assert_eq!(cache.last("a"), None);
        cache.learn("a", Some(found(7)), Duration::ZERO, at(0));
        cache.learn("a", None, Duration::ZERO, at(10_000));
        cache.learn("a", None, Duration::ZERO, at(20_000));
        assert_eq!(cache.last("a"), Some(found(7)));
    }

    #[test]
    fn the_names_that_are_known_have_an_end() {
        let mut cache = Cache::default();
        for number in 0..MAX_NAMES {
            let lifetime = if number == 17 { 10 } else { 60 };
            cache.learn(
                &number.to_string(),
                Some(found(1)),
                Duration::from_secs(lifetime),
                at(0),
            );
        }
        assert_eq!(look(&mut cache, "one more", 0), "?");
        assert_eq!(look(&mut cache, "16", 0), "1");
        assert_eq!(cache.0.len(), MAX_NAMES);
        assert!(!cache.0.contains_key("17"), "that would have ended first");
        assert_eq!(look(&mut cache, "again", 61_000), "?");
        assert_eq!(cache.0.len(), 2, "what is over goes, what is asked for stays");

        let mut busy = Cache::default();
        for number in 0..MAX_NAMES {
            look(&mut busy, &number.to_string(), 0);
        }
        assert_eq!(look(&mut busy, "one more", 0), "full");
        assert_eq!(look(&mut busy, "5", 0), "…");
    }
}

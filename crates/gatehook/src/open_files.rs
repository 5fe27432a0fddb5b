//! How many files and connections this process may have open.

/// What a busy server needs: connections of clients, calls and those that are kept open for the next, files of the
/// database and of reports.
#[cfg(unix)]
const WANTED: u64 = 16_384;

/// Raises the limit as far as the system lets an ordinary process: many systems give 1,024 to those that do not ask, and a
/// call that gets no connection would look like a receiver that cannot be reached.
#[cfg(unix)]
pub(crate) fn allow_many() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No value is no limit.
    let (Some(now), most) = (current, maximum.unwrap_or(WANTED).min(WANTED)) else {
        return;
    };
    if now < most {
        let raised = Rlimit {
            current: Some(most),
            maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the limit of open files could not be raised"
            );
        }
    }
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if allowed < WANTED {
        tracing::warn!(
            allowed,
            wanted = WANTED,
            "few files may be open: with many receivers or clients at once, calls may fail for want of connections; raise the \
             hard limit of open files (LimitNOFILE= of systemd, --ulimit nofile= of containers)"
        );
    }
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub(crate) fn allow_many() {}

#[cfg(all(test, unix))]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    #[test]
    fn a_low_limit_of_open_files_is_raised_as_far_as_it_may_be() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let low = Rlimit {
            current: Some(512),
            maximum,
        };
        setrlimit(Resource::Nofile, low).unwrap();
        allow_many();
        let raised = getrlimit(Resource::Nofile).current;
        assert_eq!(raised, Some(maximum.unwrap_or(WANTED).min(WANTED)));
    }
}

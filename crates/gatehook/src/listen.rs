//! `gatehook listen`: a receiver for developers and tests. It prints each call, checks its signature, and can answer
//! slowly or badly.

mod receiver;
mod show;
mod wire;

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use axum::http::{HeaderValue, StatusCode};
use secrecy::SecretString;
use url::Url;

pub(crate) use receiver::{Behaviour, Call, Manner, Receiver, Reset, Signature};
pub(crate) use show::indented;

/// How the receiver behaves.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Where to listen; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:9100", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The secret of the webhook, to check signatures with; better given as GATEHOOK_LISTEN_SECRET, which others on the
    /// machine cannot read.
    #[arg(long, env = "GATEHOOK_LISTEN_SECRET", hide_env_values = true, value_name = "SECRET")]
    secret: Option<String>,
    /// The status to answer with, 200 unless said; several are given in turn, the first again after the last.
    #[arg(long, value_name = "CODE[,CODE…]", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(200..=599))]
    status: Vec<u16>,
    /// Wait so many milliseconds before answering.
    #[arg(long, default_value_t = 0, value_name = "MILLISECONDS")]
    delay: u64,
    /// Take each call and never answer.
    #[arg(long, group = "manner")]
    hang: bool,
    /// Break the connection off: as soon as it stands, after the call was read, or in the middle of the answer.
    #[arg(long, group = "manner", value_name = "WHEN", value_enum, num_args = 0..=1, default_missing_value = "call")]
    reset: Option<Reset>,
    /// Answer with a body that never ends.
    #[arg(long, group = "manner")]
    endless: bool,
    /// Answer with one byte a second.
    #[arg(long, group = "manner")]
    slow: bool,
    /// Redirect to this URL, with 307 unless --status says otherwise; to itself it makes a circle.
    #[arg(long, group = "manner", value_name = "URL")]
    redirect: Option<Url>,
    /// Print one JSON object a call instead of text; where it listens is said on standard error.
    #[arg(long)]
    json: bool,
    /// End after so many calls.
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
}

impl Options {
    fn behaviour(&self) -> Result<Behaviour> {
        let manner = if self.hang {
            Manner::Hang
        } else if let Some(reset) = self.reset {
            Manner::Reset(reset)
        } else if self.endless {
            Manner::Endless
        } else if self.slow {
            Manner::Slow
        } else if let Some(target) = &self.redirect {
            ensure!(
                matches!(target.scheme(), "http" | "https"),
                "--redirect takes an http or https URL"
            );
            Manner::Redirect(HeaderValue::from_str(target.as_str())?)
        } else {
            Manner::Answer
        };
        let usual = match manner {
            Manner::Redirect(_) => StatusCode::TEMPORARY_REDIRECT,
            _ => StatusCode::OK,
        };
        let mut statuses = Vec::with_capacity(self.status.len());
        for status in &self.status {
            statuses.push(StatusCode::from_u16(*status)?);
        }
        if statuses.is_empty() {
            statuses.push(usual);
        }
        Ok(Behaviour {
            statuses,
            delay: Duration::from_millis(self.delay),
            manner,
        })
    }
}

/// Receives and prints until Ctrl-C, or until `--count` calls came and were answered.
pub(crate) async fn listen(options: Options) -> Result<()> {
    let behaviour = options.behaviour()?;
    let secret = options.secret.map(SecretString::from);
    let mut receiver = Receiver::start(options.listen, behaviour).await?;
    let greeting = format!("Listening at http://{}/ (Ctrl-C ends)", receiver.address);
    if options.json {
        writeln!(anstream::stderr(), "{greeting}")?;
    } else {
        writeln!(anstream::stdout(), "{greeting}")?;
    }
    let mut left = options.count;
    while left != Some(0) {
        let arrival = tokio::select! {
            arrival = receiver.next() => arrival,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        let Some(arrival) = arrival else { return Ok(()) };
        let mut out = anstream::stdout();
        if options.json {
            writeln!(out, "{}", show::as_json(&arrival, secret.as_ref()))?;
        } else {
            show::print(&mut out, &arrival, secret.as_ref())?;
        }
        out.flush()?;
        left = left.map(|left| left - 1);
    }
    receiver.finish().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn behaviour(flags: &[&str]) -> Result<Behaviour> {
        Line::try_parse_from([&["listen"], flags].concat())?.options.behaviour()
    }

    #[test]
    fn the_flags_say_how_it_behaves() {
        let statuses = |flags: &[&str]| -> Vec<u16> {
            let statuses = behaviour(flags).unwrap().statuses;
            statuses.into_iter().map(|status| status.as_u16()).collect()
        };
        assert_eq!(statuses(&[]), [200]);
        assert_eq!(statuses(&["--status", "503,200"]), [503, 200]);
        assert_eq!(statuses(&["--redirect", "http://x.example/"]), [307]);
        assert_eq!(statuses(&["--redirect", "http://x.example/", "--status", "301"]), [301]);
        assert!(matches!(
            behaviour(&["--reset"]).unwrap().manner,
            Manner::Reset(Reset::Call)
        ));
        for wrong in [
            &["--status", "100"][..],
            &["--status", "200,abc"],
            &["--hang", "--slow"],
            &["--reset", "never"],
            &["--redirect", "file:///etc/passwd"],
        ] {
            assert!(behaviour(wrong).is_err(), "{wrong:?}");
        }
    }
}

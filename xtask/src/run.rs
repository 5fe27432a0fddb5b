//! Running other programs, and saying which one failed.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A program to run.
pub(crate) struct Cmd {
    command: Command,
    shown: String,
    quiet: bool,
}

impl Cmd {
    /// A program without arguments yet.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let shown = program.as_ref().to_string_lossy().into_owned();
        Self {
            command: Command::new(program),
            shown,
            quiet: false,
        }
    }

    /// The cargo that runs this program.
    pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(arguments)
    }

    /// Adds arguments.
    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, arguments: I) -> Self {
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Drops what it prints.
    pub(crate) fn quiet(mut self) -> Self {
        self.quiet = true;
        self.command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null());
        self
    }

    /// Runs it; an error unless it ends well.
    #[expect(clippy::print_stderr, reason = "a program for people at a terminal")]
    pub(crate) fn run(mut self) -> Result<()> {
        if !self.quiet {
            eprintln!("xtask: {}", self.shown);
        }
        let status = self
            .command
            .status()
            .with_context(|| format!("cannot start `{}`", self.shown))?;
        if !status.success() {
            bail!("`{}` ended with {status}", self.shown);
        }
        Ok(())
    }

    /// Runs it and tells whether it ended well.
    pub(crate) fn succeeds(mut self) -> bool {
        self.command.status().is_ok_and(|status| status.success())
    }

    /// Runs it and gives what it printed.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = self
            .command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start `{}`", self.shown))?;
        if !output.status.success() {
            bail!("`{}` ended with {}", self.shown, output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{}` printed bytes that are no UTF-8", self.shown))
    }
}

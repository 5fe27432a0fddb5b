//! The parts of the documentation that come out of the program itself, so that they cannot be wrong.

use std::fmt::Write as _;

use clap::CommandFactory;

use crate::Cli;
use crate::config::OPTIONS;

/// A part of the documentation.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Part {
    /// The commands and their flags, as Markdown.
    Cli,
    /// The options of the server, as Markdown.
    Configuration,
    /// The web services, as Markdown.
    WebApi,
    /// The web services, as an OpenAPI document.
    Openapi,
}

/// How wide help texts are in the documentation.
const WIDTH: usize = 100;
/// What stands at the top of generated pages.
const NOTE: &str = "<!-- Written by `cargo xtask generate`; change the program, not this file. -->\n";

/// The text of a part.
pub(crate) fn text(part: Part) -> String {
    match part {
        Part::Cli => cli(),
        Part::Configuration => configuration(),
        Part::WebApi => format!("{NOTE}\n{}", gatehook_server::reference::markdown()),
        Part::Openapi => gatehook_server::reference::openapi(),
    }
}

fn cli() -> String {
    let mut command = Cli::command().term_width(WIDTH);
    command.build();
    let mut text = format!("{NOTE}\n# Commands\n\n```text\n{}```\n", command.render_help());
    let names: Vec<String> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for name in names {
        if let Some(sub) = command.find_subcommand_mut(&name) {
            let help = sub.clone().term_width(WIDTH).render_help().to_string();
            // Writing to a text cannot fail.
            let _ = write!(text, "\n## gatehook {name}\n\n```text\n{help}```\n");
        }
    }
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.push("");
    lines.join("\n")
}

fn configuration() -> String {
    let mut text = format!(
        "{NOTE}\n# Configuration of the server\n\nEach option is taken from its flag, else from its environment variable, else \
         from `gatehook.toml` (in the current folder, or named by `--config` or `GATEHOOK_CONFIG`), else its default holds. \
         Secrets have no flag, because everybody on a machine can read the flags of its processes. `gatehook config` shows the \
         effective values and where each came from.\n\n| flag | variable | key in the file | default | what for |\n\
         |---|---|---|---|---|\n"
    );
    for option in OPTIONS {
        let flag = if option.secret {
            "(none)".to_owned()
        } else {
            format!("`--{} {}`", option.name, option.value)
        };
        let default = option
            .default
            .map_or_else(String::new, |default| format!("`{default}`"));
        let _ = writeln!(
            text,
            "| {} | `{}` | `{}` | {default} | {} |",
            flag.replace('|', "\\|"),
            option.variable(),
            option.name,
            option.help.replace('|', "\\|"),
        );
    }
    text
}

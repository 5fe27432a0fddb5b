//! What comments and strings look like in each language, as far as counting lines needs it.

/// A kind of string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quote {
    pub(crate) open: &'static str,
    pub(crate) close: &'static str,
    /// Whether a backslash takes the meaning of the next character.
    pub(crate) escapes: bool,
    /// Whether the string goes on in the next line; if not, it ends with the line, so that a stray quote costs one line at most.
    pub(crate) multiline: bool,
}

/// Where `#` (or whatever starts a comment up to the line's end) counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Anywhere,
    /// After a blank or at the start of a line.
    WordStart,
    /// As the first thing of a line.
    LineStart,
}

/// How a language is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    pub(crate) line_comments: &'static [&'static str],
    pub(crate) place: Place,
    pub(crate) blocks: &'static [(&'static str, &'static str)],
    /// Whether a block comment may hold another one.
    pub(crate) nested: bool,
    /// Longer ones first.
    pub(crate) quotes: &'static [Quote],
    /// A string that is a statement of its own is a comment.
    pub(crate) docstrings: bool,
    /// `'a` may be a lifetime, `r#"…"#` is a raw string.
    pub(crate) rust: bool,
    /// `/…/` may be a regular expression.
    pub(crate) regex: bool,
}

const fn quote(mark: &'static str, escapes: bool, multiline: bool) -> Quote {
    Quote {
        open: mark,
        close: mark,
        escapes,
        multiline,
    }
}

const DOUBLE: Quote = quote("\"", true, false);
const SINGLE: Quote = quote("'", true, false);
const TRIPLE: Quote = quote("\"\"\"", true, true);

const NONE: Syntax = Syntax {
    line_comments: &[],
    place: Place::Anywhere,
    blocks: &[],
    nested: false,
    quotes: &[],
    docstrings: false,
    rust: false,
    regex: false,
};
const C: Syntax = Syntax {
    line_comments: &["//"],
    blocks: &[("/*", "*/")],
    quotes: &[DOUBLE, SINGLE],
    ..NONE
};
const JAVA: Syntax = Syntax {
    quotes: &[TRIPLE, DOUBLE, SINGLE],
    ..C
};
const KOTLIN: Syntax = Syntax { nested: true, ..JAVA };
const JS: Syntax = Syntax {
    quotes: &[DOUBLE, SINGLE, quote("`", true, true)],
    regex: true,
    ..C
};
const GO: Syntax = Syntax {
    quotes: &[DOUBLE, SINGLE, quote("`", false, true)],
    ..C
};
const CSHARP: Syntax = Syntax {
    quotes: &[
        TRIPLE,
        Quote {
            open: "@\"",
            close: "\"",
            escapes: false,
            multiline: true,
        },
        DOUBLE,
        SINGLE,
    ],
    ..C
};
const RUST: Syntax = Syntax {
    nested: true,
    quotes: &[quote("\"", true, true)],
    rust: true,
    ..C
};
const PHP: Syntax = Syntax {
    line_comments: &["//", "#"],
    quotes: &[quote("\"", true, true), quote("'", true, true)],
    ..C
};
const PYTHON: Syntax = Syntax {
    line_comments: &["#"],
    quotes: &[TRIPLE, quote("'''", true, true), DOUBLE, SINGLE],
    docstrings: true,
    ..NONE
};
const HASH: Syntax = Syntax {
    line_comments: &["#"],
    quotes: &[DOUBLE, SINGLE],
    ..NONE
};
const RUBY: Syntax = Syntax {
    blocks: &[("\n=begin", "\n=end")],
    ..HASH
};
const PERL: Syntax = Syntax {
    place: Place::WordStart,
    blocks: &[("\n=pod", "\n=cut"), ("\n=head1", "\n=cut")],
    ..HASH
};
const SHELL: Syntax = Syntax {
    place: Place::WordStart,
    quotes: &[quote("\"", true, true), quote("'", false, true)],
    ..HASH
};
const YAML: Syntax = Syntax {
    place: Place::WordStart,
    quotes: &[],
    ..HASH
};
const TOML: Syntax = Syntax {
    quotes: &[TRIPLE, quote("'''", false, true), DOUBLE, quote("'", false, false)],
    ..HASH
};
const DOCKER: Syntax = Syntax {
    place: Place::LineStart,
    quotes: &[],
    ..HASH
};
const TERRAFORM: Syntax = Syntax {
    line_comments: &["#", "//"],
    quotes: &[DOUBLE],
    ..C
};
const SQL: Syntax = Syntax {
    line_comments: &["--"],
    quotes: &[quote("'", false, true), quote("\"", false, true)],
    ..C
};
const LUA: Syntax = Syntax {
    line_comments: &["--"],
    blocks: &[("--[[", "]]")],
    quotes: &[DOUBLE, SINGLE],
    ..NONE
};
const HASKELL: Syntax = Syntax {
    line_comments: &["--"],
    blocks: &[("{-", "-}")],
    nested: true,
    quotes: &[DOUBLE],
    ..NONE
};
const OCAML: Syntax = Syntax {
    blocks: &[("(*", "*)")],
    nested: true,
    quotes: &[quote("\"", true, true)],
    ..NONE
};
const MARKUP: Syntax = Syntax {
    blocks: &[("<!--", "-->")],
    ..NONE
};
const TEMPLATES: Syntax = Syntax {
    blocks: &[("<%--", "--%>"), ("<!--", "-->")],
    ..NONE
};
const CSS: Syntax = Syntax {
    blocks: &[("/*", "*/")],
    quotes: &[DOUBLE, SINGLE],
    ..NONE
};
const LISP: Syntax = Syntax {
    line_comments: &[";"],
    quotes: &[quote("\"", true, true)],
    ..NONE
};
const ERLANG: Syntax = Syntax {
    line_comments: &["%"],
    quotes: &[DOUBLE],
    ..NONE
};
const BASIC: Syntax = Syntax {
    line_comments: &["'"],
    quotes: &[quote("\"", false, false)],
    ..NONE
};
const ADA: Syntax = Syntax {
    line_comments: &["--"],
    quotes: &[quote("\"", false, false)],
    ..NONE
};
const ABAP: Syntax = Syntax {
    line_comments: &["*", "\""],
    place: Place::LineStart,
    ..NONE
};
const POWERSHELL: Syntax = Syntax {
    blocks: &[("<#", "#>")],
    place: Place::WordStart,
    ..HASH
};
const FSHARP: Syntax = Syntax {
    blocks: &[("(*", "*)")],
    quotes: &[TRIPLE, DOUBLE],
    ..C
};

/// How a language is read; for one without comments everything is code.
pub(crate) fn of_language(language: &str) -> &'static Syntax {
    match language {
        "java" | "groovy" | "dart" => &JAVA,
        "kotlin" | "scala" | "swift" => &KOTLIN,
        "js" | "ts" => &JS,
        "go" => &GO,
        "c" | "cpp" | "objc" | "apex" | "protobuf" | "zig" | "d" | "cue" | "azureresourcemanager" => &C,
        "cs" => &CSHARP,
        "rust" => &RUST,
        "php" => &PHP,
        "py" => &PYTHON,
        "ruby" => &RUBY,
        "perl" => &PERL,
        "shell" => &SHELL,
        "yaml" => &YAML,
        "toml" => &TOML,
        "docker" => &DOCKER,
        "terraform" => &TERRAFORM,
        "sql" | "tsql" | "plsql" => &SQL,
        "lua" => &LUA,
        "haskell" => &HASKELL,
        "ocaml" => &OCAML,
        "web" | "xml" => &MARKUP,
        "jsp" => &TEMPLATES,
        "css" => &CSS,
        "clojure" => &LISP,
        "erlang" => &ERLANG,
        "vbnet" => &BASIC,
        "ada" => &ADA,
        "abap" => &ABAP,
        "powershell" => &POWERSHELL,
        "fs" => &FSHARP,
        "r" | "julia" | "elixir" | "nix" => &HASH,
        _ => &NONE,
    }
}

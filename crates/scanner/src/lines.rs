//! Which lines of a file are code, which are comment, which are neither.
//!
//! This is a lexer for comments and strings only. It is right on ordinary code and never far off on strange code: a string that does
//! not span lines ends with its line, so that one misread quote does not swallow a file.

use std::fmt::Write as _;

use crate::syntax::{self, Place, Syntax};

/// What one line holds. A line may hold both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Something that is no comment and no blank.
    pub code: bool,
    /// A comment with at least one letter or digit; frames of stars and dashes do not count.
    pub comment: bool,
}

/// The lines of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(Vec<Line>);

impl Lines {
    /// Reads a text in a language. The lines are those of [`gatehook_report::zip_reader::split_lines`], never none.
    pub fn classify(text: &str, language: &str) -> Self {
        Lexer::new(text, syntax::of_language(language)).run()
    }

    /// All lines, from the first.
    pub fn all(&self) -> &[Line] {
        &self.0
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Lines with code: the metric `ncloc`.
    pub fn ncloc(&self) -> usize {
        self.0.iter().filter(|line| line.code).count()
    }

    /// Lines with a comment that says something, also beside code: the metric `comment_lines`.
    pub fn comment_lines(&self) -> usize {
        self.0.iter().filter(|line| line.comment).count()
    }

    /// The lines with code, as the metric `ncloc_data` writes them: `1=1;4=1`.
    pub fn ncloc_data(&self) -> String {
        let mut data = String::new();
        for (index, _) in self.0.iter().enumerate().filter(|(_, line)| line.code) {
            let separator = if data.is_empty() { "" } else { ";" };
            let _ = write!(data, "{separator}{}=1", index + 1);
        }
        data
    }
}

#[derive(Clone, Copy)]
enum State {
    Code,
    LineComment,
    Block {
        index: usize,
        depth: u32,
    },
    Text {
        close: &'static str,
        escapes: bool,
        multiline: bool,
    },
    RawText {
        hashes: usize,
    },
}

/// A string that began where a statement begins; it is a comment as long as nothing follows it.
#[derive(Clone, Copy)]
struct Docstring {
    from: usize,
}

struct Lexer<'a> {
    bytes: &'a [u8],
    syntax: &'static Syntax,
    at: usize,
    state: State,
    lines: Vec<Line>,
    /// Nothing but blanks so far on this line.
    line_start: bool,
    /// The last byte of code that is no blank.
    last_code: u8,
    depth: u32,
    /// The line before ends with a backslash.
    continued: bool,
    doc: Option<Docstring>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str, syntax: &'static Syntax) -> Self {
        Self {
            bytes: text.as_bytes(),
            syntax,
            at: 0,
            state: State::Code,
            lines: vec![Line::default()],
            line_start: true,
            last_code: b'\n',
            depth: 0,
            continued: false,
            doc: None,
        }
    }

    fn run(mut self) -> Lines {
        if self.bytes.starts_with(b"#!") && self.syntax.place != Place::LineStart {
            // The line that names the interpreter is a comment in every language that has one.
            self.state = State::LineComment;
        } else {
            self.begin_line_block();
        }
        while let Some(&byte) = self.bytes.get(self.at) {
            if byte == b'\n' || byte == b'\r' {
                self.end_line(byte);
                continue;
            }
            let step = match self.state {
                State::Code => self.in_code(byte),
                State::LineComment => self.in_comment(byte),
                State::Block { index, depth } => self.in_block(byte, index, depth),
                State::Text { close, escapes, .. } => self.in_text(byte, close, escapes),
                State::RawText { hashes } => self.in_raw_text(byte, hashes),
            };
            self.at += step;
        }
        Lines(self.lines)
    }

    fn end_line(&mut self, byte: u8) {
        self.at += if byte == b'\r' && self.bytes.get(self.at + 1) == Some(&b'\n') {
            2
        } else {
            1
        };
        match self.state {
            State::LineComment => self.state = State::Code,
            State::Text { multiline: false, .. } => {
                self.state = State::Code;
                self.doc = None;
            }
            State::Code => self.doc = None,
            _ => {}
        }
        self.continued = matches!(self.state, State::Code) && self.last_code == b'\\' && !self.line_start;
        self.line_start = true;
        self.lines.push(Line::default());
        // Block comments that only begin or end at the start of a line are written with a line end in front.
        match self.state {
            State::Code => self.begin_line_block(),
            State::Block { index, .. } => {
                if let Some(close) = self
                    .syntax
                    .blocks
                    .get(index)
                    .and_then(|(_, close)| close.strip_prefix('\n'))
                    && self.bytes[self.at..].starts_with(close.as_bytes())
                {
                    self.state = State::LineComment;
                }
            }
            _ => {}
        }
    }

    fn begin_line_block(&mut self) {
        let rest = &self.bytes[self.at..];
        let found = self.syntax.blocks.iter().position(|(open, _)| {
            open.strip_prefix('\n')
                .is_some_and(|open| rest.starts_with(open.as_bytes()))
        });
        if let Some(index) = found {
            self.state = State::Block { index, depth: 1 };
        }
    }

    fn in_code(&mut self, byte: u8) -> usize {
        if byte.is_ascii_whitespace() {
            return 1;
        }
        let rest = &self.bytes[self.at..];
        let syntax = self.syntax;
        if let Some(index) = syntax
            .blocks
            .iter()
            .position(|(open, _)| rest.starts_with(open.as_bytes()))
        {
            self.state = State::Block { index, depth: 1 };
            return syntax.blocks[index].0.len();
        }
        if let Some(mark) = syntax
            .line_comments
            .iter()
            .find(|mark| rest.starts_with(mark.as_bytes()))
            && self.comment_may_start()
        {
            self.state = State::LineComment;
            return mark.len();
        }
        if let Some(step) = self.open_text(rest) {
            return step;
        }
        if syntax.regex && byte == b'/' && self.regex_may_start() {
            let length = regex_length(rest);
            self.code(b'/');
            return length;
        }
        match byte {
            b'(' | b'[' | b'{' => self.depth += 1,
            b')' | b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.code(byte);
        1
    }

    fn comment_may_start(&self) -> bool {
        match self.syntax.place {
            Place::Anywhere => true,
            Place::LineStart => self.line_start,
            Place::WordStart => {
                self.at == 0 || self.bytes[self.at - 1].is_ascii_whitespace() || self.bytes[self.at - 1] == b';'
            }
        }
    }

    /// Opens a string if one begins here, and says how long its opening is.
    fn open_text(&mut self, rest: &[u8]) -> Option<usize> {
        if self.syntax.rust
            && let Some((step, state)) = rust_text(rest, self.last_is_word())
        {
            self.code(b'"');
            self.state = state;
            return Some(step);
        }
        // Python's strings may have a letter in front, as in r"…".
        let prefix = usize::from(
            self.syntax.docstrings
                && self.starts_statement()
                && matches!(rest.first(), Some(b'r' | b'R' | b'u' | b'U')),
        );
        let quote = self
            .syntax
            .quotes
            .iter()
            .find(|quote| rest[prefix..].starts_with(quote.open.as_bytes()))?;
        if self.syntax.docstrings && self.starts_statement() {
            self.doc = Some(Docstring {
                from: self.lines.len() - 1,
            });
            self.line_start = false;
        } else {
            self.code(b'"');
        }
        self.state = State::Text {
            close: quote.close,
            escapes: quote.escapes,
            multiline: quote.multiline,
        };
        Some(prefix + quote.open.len())
    }

    fn starts_statement(&self) -> bool {
        self.line_start && self.depth == 0 && !self.continued
    }

    fn last_is_word(&self) -> bool {
        self.at > 0 && (self.bytes[self.at - 1].is_ascii_alphanumeric() || self.bytes[self.at - 1] == b'_')
    }

    /// A slash begins a regular expression where an operand may stand.
    fn regex_may_start(&self) -> bool {
        matches!(
            self.last_code,
            b'\n'
                | b'('
                | b','
                | b'='
                | b':'
                | b'['
                | b'!'
                | b'&'
                | b'|'
                | b'?'
                | b'{'
                | b'}'
                | b';'
                | b'+'
                | b'~'
                | b'^'
                | b'<'
                | b'>'
        )
    }

    fn in_comment(&mut self, byte: u8) -> usize {
        self.comment(byte);
        1
    }

    fn in_block(&mut self, byte: u8, index: usize, depth: u32) -> usize {
        let (open, close) = self.syntax.blocks[index];
        let rest = &self.bytes[self.at..];
        if rest.starts_with(close.as_bytes()) {
            self.state = if depth > 1 {
                State::Block {
                    index,
                    depth: depth - 1,
                }
            } else {
                State::Code
            };
            return close.len();
        }
        if self.syntax.nested && rest.starts_with(open.as_bytes()) {
            self.state = State::Block {
                index,
                depth: depth + 1,
            };
            return open.len();
        }
        self.comment(byte);
        1
    }

    fn in_text(&mut self, byte: u8, close: &str, escapes: bool) -> usize {
        if escapes && byte == b'\\' {
            // The escaped character may be a line end, which is counted by itself.
            let next = self
                .bytes
                .get(self.at + 1)
                .is_some_and(|&next| next != b'\n' && next != b'\r');
            self.text(b'\\');
            return 1 + usize::from(next);
        }
        if self.bytes[self.at..].starts_with(close.as_bytes()) {
            self.text(b'"');
            self.state = State::Code;
            return close.len();
        }
        self.text(byte);
        1
    }

    fn in_raw_text(&mut self, byte: u8, hashes: usize) -> usize {
        let rest = &self.bytes[self.at + 1..];
        self.text(byte);
        if byte == b'"' && rest.len() >= hashes && rest[..hashes].iter().all(|&byte| byte == b'#') {
            self.state = State::Code;
            return 1 + hashes;
        }
        1
    }

    fn text(&mut self, byte: u8) {
        if self.doc.is_some() {
            self.comment(byte);
            self.line_start = false;
        } else if !byte.is_ascii_whitespace() {
            self.code(byte);
        }
    }

    fn code(&mut self, byte: u8) {
        if let Some(doc) = self.doc.take() {
            // Something follows the string, so it was an operand and its lines are code.
            for line in &mut self.lines[doc.from..] {
                *line = Line {
                    code: true,
                    comment: false,
                };
            }
        }
        self.current().code = true;
        self.line_start = false;
        self.last_code = byte;
    }

    fn comment(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() || !byte.is_ascii() {
            self.current().comment = true;
        }
    }

    fn current(&mut self) -> &mut Line {
        let last = self.lines.len() - 1;
        &mut self.lines[last]
    }
}

/// Strings and characters of Rust: how long the opening is, and what follows. A lifetime is none.
fn rust_text(rest: &[u8], after_word: bool) -> Option<(usize, State)> {
    match rest.first()? {
        b'r' if !after_word => {
            let hashes = rest[1..].iter().take_while(|&&byte| byte == b'#').count();
            (rest.get(1 + hashes) == Some(&b'"')).then_some((2 + hashes, State::RawText { hashes }))
        }
        b'\'' => {
            let character = State::Text {
                close: "'",
                escapes: true,
                multiline: false,
            };
            let escaped = rest.get(1) == Some(&b'\\');
            // A character is at most four bytes long; a lifetime has no second quote.
            let closed = rest
                .iter()
                .skip(2)
                .take(4)
                .position(|&byte| byte == b'\'')
                .is_some_and(|at| str::from_utf8(&rest[1..2 + at]).is_ok_and(|inner| inner.chars().count() == 1));
            (escaped || closed).then_some((1, character))
        }
        _ => None,
    }
}

/// How many bytes a regular expression has that begins here; one if it has no end on this line.
fn regex_length(rest: &[u8]) -> usize {
    let mut in_class = false;
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\n' | b'\r' => return 1,
            b'\\' if rest.get(at + 1).is_some_and(|next| !matches!(next, b'\n' | b'\r')) => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'/' if !in_class => return at + 1,
            _ => {}
        }
        at += 1;
    }
    1
}

#[cfg(test)]
mod tests {
    use gatehook_report::zip_reader::split_lines;
    use rstest::rstest;

    use super::*;

    /// `c` code, `#` comment, `m` both, `-` neither; one sign per line.
    fn kinds(language: &str, text: &str) -> String {
        Lines::classify(text, language)
            .all()
            .iter()
            .map(|line| match (line.code, line.comment) {
                (true, false) => 'c',
                (false, true) => '#',
                (true, true) => 'm',
                (false, false) => '-',
            })
            .collect()
    }

    #[rstest]
    #[case(
        "java",
        "/**\n * Says hello.\n */\nclass A { // x\n\n String s = \"/* no */ // no\";\n}\n",
        "-#-m-cc-"
    )]
    #[case("java", "String s = \"\"\"\n  // text\n  \"\"\"; // c\n", "ccm-")]
    #[case("c", "int a; /* one\ntwo */ int b;\n//////\n", "mm--")]
    #[case(
        "rust",
        "/* a /* b */ c */ fn f<'a>(x: &'a str) {} // z\nlet q = '\"'; // y\nlet r = r#\"// \" no\"#;",
        "mmc"
    )]
    #[case(
        "js",
        "const r = /[\"'/*]/;\nconst t = `\n// text\n`; // yes\na = b / c; // d / e",
        "cccmm"
    )]
    #[case(
        "py",
        "#!/usr/bin/env python\n\"\"\"Module.\n\nMore.\n\"\"\"\nx = \"\"\"\n# text\n\"\"\"\ndef f():\n    'doc'\n    return 1  # one\n",
        "##-#-cccc#m-"
    )]
    #[case(
        "py",
        "f(\n  \"\"\"not doc\"\"\",\n)\n\"\"\"x {}\n\"\"\".format(1)\na = \\\n  'b'\n",
        "ccccccc-"
    )]
    #[case("py", "r\"\"\"raw\"\"\"\nreturn_value = 1", "#c")]
    #[case("shell", "echo ${#a} # yes\necho 'a\n# no\n'\n", "mccc-")]
    #[case("yaml", "# c\na: b#c # d\nit: don't # x\n\n", "#mm--")]
    #[case("xml", "<a>\n<!-- one\n\ntwo -->\n</a>", "c#-#c")]
    #[case("sql", "select 'a--b' -- c\n/* d */\n", "m#-")]
    #[case("ruby", "x = 1 # y\n=begin\ndoc\n=end\n", "m###-")]
    #[case("docker", "# syntax=1\nRUN echo # no\n", "#c-")]
    #[case("lua", "--[[ a\nb ]] x = 1\n-- c", "#m#")]
    #[case("json", "{\n\"a\": \"// b\"\n}", "ccc")]
    #[case("c", "a\r\n// b\r\rc", "c#-c")]
    fn lines_are_told_apart(#[case] language: &str, #[case] text: &str, #[case] expected: &str) {
        assert_eq!(kinds(language, text), expected, "{text}");
    }

    #[test]
    fn the_data_names_each_line_of_code() {
        let lines = Lines::classify("a\n\n// b\nc\n", "java");
        assert_eq!((lines.count(), lines.ncloc(), lines.comment_lines()), (5, 2, 1));
        assert_eq!(lines.ncloc_data(), "1=1;4=1");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_and_every_line_is_counted_once(
            text in "([a-z#/*'\"`\\\\ \n\r(){}<>!=-]|é){0,200}",
            language in proptest::sample::select(vec!["java", "rust", "js", "py", "ruby", "shell", "xml", "lua", "cs", "php", "sql", "haskell", "txt"]),
        ) {
            let lines = Lines::classify(&text, language);
            let expected = split_lines(&text).count();
            proptest::prop_assert_eq!(lines.count(), expected);
            for (line, content) in lines.all().iter().zip(split_lines(&text)) {
                proptest::prop_assert!(!content.trim().is_empty() || !(line.code || line.comment));
            }
        }
    }
}

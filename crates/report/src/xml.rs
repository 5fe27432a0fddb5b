//! Reading XML that other tools wrote: elements and text, with their place, and without the parts of XML that are dangerous.
//!
//! Entities are never expanded beyond the five every document has, a document type may be named but not bring declarations, and the
//! depth of elements has an end.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::str::FromStr;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Error as XmlError, XmlVersion};

use crate::import_error::ImportError;
use crate::input::{self, Capped};

/// Most elements inside each other. Cobertura, the deepest format, has eight.
const MAX_DEPTH: usize = 64;

/// A document that is being read.
pub(crate) struct Document<R: Read> {
    reader: Reader<LineCounter<R>>,
    buffer: Vec<u8>,
    depth: usize,
    had_root: bool,
}

/// What comes next in a document.
pub(crate) enum Node {
    /// An element opens. One without content opens and closes, too.
    Open(Element),
    /// The element opened last closes.
    Close,
    /// Text, maybe only a part of it.
    Text(String),
}

/// An element with its attributes.
pub(crate) struct Element {
    tag: BytesStart<'static>,
    place: Place,
}

/// Where in the document something starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    line: u64,
    column: u64,
}

impl Place {
    pub(crate) fn error(self, reason: impl Into<String>) -> ImportError {
        ImportError::Xml {
            line: self.line,
            column: self.column,
            reason: reason.into(),
        }
    }
}

impl<R: Read> Document<R> {
    pub(crate) fn open(source: R) -> Result<Self, ImportError> {
        let source = LineCounter {
            inner: input::open(source)?,
            line: 1,
            column: 1,
        };
        let mut reader = Reader::from_reader(source);
        reader.config_mut().expand_empty_elements = true;
        Ok(Self {
            reader,
            buffer: Vec::new(),
            depth: 0,
            had_root: false,
        })
    }

    /// How many elements are open.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    pub(crate) fn next(&mut self) -> Result<Option<Node>, ImportError> {
        let place = loop {
            let place = self.reader.get_ref().place();
            self.buffer.clear();
            let event = self
                .reader
                .read_event_into(&mut self.buffer)
                .map_err(|error| syntax_error(place, error))?;
            match event {
                Event::Start(tag) => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(place.error(format!(
                            "more than {MAX_DEPTH} elements are inside each other, the limit"
                        )));
                    }
                    if self.depth == 1 && std::mem::replace(&mut self.had_root, true) {
                        return Err(place.error("there is a second root element"));
                    }
                    return Ok(Some(Node::Open(Element {
                        tag: tag.into_owned(),
                        place,
                    })));
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Some(Node::Close));
                }
                Event::Text(text) => return Ok(Some(Node::Text(text.into_inner().into_owned()))),
                Event::CData(text) => return Ok(Some(Node::Text(text.into_inner().into_owned()))),
                Event::GeneralRef(reference) => {
                    let character = reference
                        .resolve_char_ref()
                        .map_err(|error| syntax_error(place, error))?;
                    let name = reference.into_inner();
                    let text = match character {
                        Some(character) => character.to_string(),
                        None => resolve_predefined_entity(&name)
                            .ok_or_else(|| place.error(format!("the entity &{name}; is not known")))?
                            .to_owned(),
                    };
                    return Ok(Some(Node::Text(text)));
                }
                Event::DocType(text) => {
                    if text.into_inner().contains('[') {
                        return Err(place.error("the document type brings its own declarations, which are refused"));
                    }
                }
                // Empty elements are reported as opened and closed, see `open`.
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Empty(_) => {}
                Event::Eof => break place,
            }
        };
        if self.depth > 0 {
            return Err(place.error("the document ends inside an element"));
        }
        if !self.had_root {
            return Err(place.error("the document has no elements"));
        }
        Ok(None)
    }
}

impl Element {
    /// The name without its namespace.
    pub(crate) fn name(&self) -> &str {
        let name = self.tag.name().into_inner();
        name.rsplit_once(':').map_or(name, |(_, local)| local)
    }

    pub(crate) fn error(&self, reason: impl Into<String>) -> ImportError {
        self.place.error(reason)
    }

    pub(crate) fn attribute(&self, name: &str) -> Result<Option<Cow<'_, str>>, ImportError> {
        // The check for equal names costs the square of the number of attributes; the first of equal ones is taken instead.
        for attribute in self.tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.error(error.to_string()))?;
            if attribute.key.into_inner() == name {
                let value = attribute.normalized_value(XmlVersion::default());
                return value.map(Some).map_err(|error| self.error(error.to_string()));
            }
        }
        Ok(None)
    }

    pub(crate) fn required(&self, name: &str) -> Result<Cow<'_, str>, ImportError> {
        self.attribute(name)?
            .ok_or_else(|| self.error(format!("<{}> has no attribute {name}", self.name())))
    }

    /// A number in an attribute; none if there is no such attribute.
    pub(crate) fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, ImportError> {
        let Some(text) = self.attribute(name)? else {
            return Ok(None);
        };
        let number = text
            .trim()
            .parse()
            .map_err(|_| self.error(format!("{name}=\"{text}\" is not a number in range")))?;
        Ok(Some(number))
    }

    pub(crate) fn required_number<N: FromStr>(&self, name: &str) -> Result<N, ImportError> {
        self.number(name)?
            .ok_or_else(|| self.error(format!("<{}> has no attribute {name}", self.name())))
    }

    /// The number of a line: at least 1.
    pub(crate) fn line_number(&self, name: &str) -> Result<u32, ImportError> {
        match self.required_number(name)? {
            0 => Err(self.error(format!("{name} is 0, but lines count from 1"))),
            line => Ok(line),
        }
    }
}

fn syntax_error(place: Place, error: XmlError) -> ImportError {
    match error {
        // The parser shares its read errors; ours cannot be shared, so it is made again.
        XmlError::Io(shared) => match input::read_error_ref(&shared) {
            Some(known) => known,
            None => ImportError::Read(io::Error::new(shared.kind(), shared.to_string())),
        },
        other => place.error(other.to_string()),
    }
}

/// Counts lines as the parser takes them from the buffer.
struct LineCounter<R: Read> {
    inner: BufReader<Capped<R>>,
    line: u64,
    column: u64,
}

impl<R: Read> LineCounter<R> {
    fn place(&self) -> Place {
        Place {
            line: self.line,
            column: self.column,
        }
    }
}

impl<R: Read> Read for LineCounter<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let read = available.read(buf)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for LineCounter<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        for byte in self.inner.buffer().iter().take(amount) {
            if *byte == b'\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<Vec<String>, ImportError> {
        let mut document = Document::open(text.as_bytes())?;
        let mut nodes = Vec::new();
        while let Some(node) = document.next()? {
            nodes.push(match node {
                Node::Open(element) => format!("<{} {:?}", element.name(), element.attribute("a")?),
                Node::Close => ">".to_owned(),
                Node::Text(text) => text,
            });
        }
        Ok(nodes)
    }

    #[test]
    fn elements_text_and_character_references_are_read() {
        let nodes = read_all("\u{feff}<?xml version='1.0'?>\n<x a='1 &amp; 2'>A&amp;&#66;<n:y/></x>").unwrap();
        assert_eq!(nodes, ["\n", "<x Some(\"1 & 2\")", "A", "&", "B", "<y None", ">", ">"]);
    }

    #[test]
    fn entity_bombs_are_refused_at_the_declaration() {
        let error = read_all("<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>\n<x>&b;</x>").unwrap_err();
        assert!(error.to_string().contains("brings its own declarations"), "{error}");
        let error = read_all("<x>&b;</x>").unwrap_err();
        assert_eq!(error.to_string(), "line 1, column 4: the entity &b; is not known");
        assert!(read_all("<x a='&b;'></x>").is_err());
    }

    #[test]
    fn a_document_type_that_only_names_a_file_is_passed_over() {
        let nodes = read_all("<!DOCTYPE report PUBLIC \"-//X//DTD\" \"report.dtd\"><x/>").unwrap();
        assert_eq!(nodes, ["<x None", ">"]);
    }

    #[test]
    fn errors_name_the_place() {
        let error = read_all("<x>\n  <y>\n  </z>\n</x>").unwrap_err();
        assert!(error.to_string().starts_with("line 3, column 3: "), "{error}");
        let error = read_all("<x>\n<y>").unwrap_err();
        assert!(error.to_string().contains("ends inside an element"), "{error}");
        assert!(read_all("").unwrap_err().to_string().contains("no elements"));
        assert!(read_all("not xml").unwrap_err().to_string().contains("no elements"));
    }

    #[test]
    fn depth_has_an_end() {
        let error = read_all(&"<x>".repeat(1000)).unwrap_err();
        assert!(error.to_string().contains("inside each other"), "{error}");
    }
}

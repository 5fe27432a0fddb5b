//! The text of a file: its encoding and its lines.

use encoding_rs::Encoding;
use gatehook_report::zip_reader::split_lines;

/// How many bytes are looked at to tell text from binary; the same number git uses.
const SNIFFED_BYTES: usize = 8000;

/// Text of one file, decoded, without a byte order mark, line ends as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub content: String,
    /// Whether some bytes made no sense in the encoding and were replaced.
    pub lossy: bool,
}

/// An encoding nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("sonar.sourceEncoding: '{0}' is not a known encoding; write for example UTF-8, ISO-8859-1 or windows-1252")]
pub struct UnknownEncoding(pub String);

/// The encoding of a name as in `sonar.sourceEncoding`.
pub fn encoding(name: &str) -> Result<&'static Encoding, UnknownEncoding> {
    let label = name.trim();
    // Java's names for what the web's registry calls differently.
    let label = match label.to_ascii_uppercase().as_str() {
        "CP1252" => "windows-1252",
        "CP1251" => "windows-1251",
        "UTF_8" | "UTF8" => "utf-8",
        _ => label,
    };
    Encoding::for_label(label.as_bytes()).ok_or_else(|| UnknownEncoding(name.to_owned()))
}

/// Whether the start of a file is that of a binary: a zero byte, and no mark that says UTF-16.
pub fn is_binary(start: &[u8], encoding: &'static Encoding) -> bool {
    let wide = encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE;
    !wide && Encoding::for_bom(start).is_none() && start[..start.len().min(SNIFFED_BYTES)].contains(&0)
}

/// Decodes a file; a byte order mark counts before `encoding`.
pub fn decode(bytes: Vec<u8>, encoding: &'static Encoding) -> Text {
    if encoding == encoding_rs::UTF_8 && Encoding::for_bom(&bytes).is_none() {
        // The common case takes no copy.
        return match String::from_utf8(bytes) {
            Ok(content) => Text { content, lossy: false },
            Err(error) => Text {
                content: String::from_utf8_lossy(error.as_bytes()).into_owned(),
                lossy: true,
            },
        };
    }
    let (content, _, lossy) = encoding.decode(&bytes);
    Text {
        content: content.into_owned(),
        lossy,
    }
}

/// The length of every line in UTF-16 units, which is how offsets are counted; lines as scanners count them, so never none.
pub fn line_lengths(text: &str) -> Vec<u32> {
    split_lines(text).map(utf16_length).collect()
}

fn utf16_length(line: &str) -> u32 {
    let length = if line.is_ascii() {
        line.len()
    } else {
        line.chars().map(char::len_utf16).sum()
    };
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_at_the_end_starts_one_more_line() {
        assert_eq!(line_lengths(""), [0]);
        assert_eq!(line_lengths("ab"), [2]);
        assert_eq!(line_lengths("ab\n"), [2, 0]);
        assert_eq!(line_lengths("ab\r\n\r\nc\rd"), [2, 0, 1, 1]);
        assert_eq!(line_lengths("é😀x"), [4]);
    }

    #[test]
    fn text_is_decoded_as_the_mark_or_the_property_says() {
        let latin = encoding("ISO-8859-1").unwrap();
        assert_eq!(decode(b"gr\xfcn".to_vec(), latin).content, "grün");
        assert_eq!(decode(b"\xEF\xBB\xBFgr\xC3\xBCn".to_vec(), latin).content, "grün");
        assert_eq!(decode(b"\xFF\xFEa\0".to_vec(), encoding_rs::UTF_8).content, "a");
        let broken = decode(b"a\xFFb".to_vec(), encoding_rs::UTF_8);
        assert!(broken.lossy);
        assert_eq!(broken.content, "a\u{fffd}b");
        assert!(encoding("klingon").unwrap_err().to_string().contains("'klingon'"));
    }

    #[test]
    fn a_zero_byte_means_binary_unless_the_text_is_wide() {
        assert!(is_binary(b"PK\0\x01", encoding_rs::UTF_8));
        assert!(!is_binary(b"\xFF\xFEa\0", encoding_rs::UTF_8));
        assert!(!is_binary(b"plain", encoding_rs::UTF_8));
    }
}

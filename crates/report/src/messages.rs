//! Streams of messages: each behind its length.

use std::io::{self, BufReader, Read, Seek};
use std::marker::PhantomData;
use std::sync::Arc;

use prost::Message;

use crate::report_error::{ReportError, entry_error};
use crate::zip_entry::{EntryReader, GateState};

/// The messages of one entry, each decoded when it is asked for. After an error there is nothing more.
pub struct Messages<'a, R: Read + Seek, M> {
    entry: Option<BufReader<EntryReader<'a, R>>>,
    name: String,
    message: &'static str,
    gate: Arc<GateState>,
    max_bytes: usize,
    left: usize,
    limit: usize,
    buffer: Vec<u8>,
    kind: PhantomData<fn() -> M>,
}

impl<'a, R: Read + Seek, M> Messages<'a, R, M> {
    pub(crate) fn new(
        entry: Option<BufReader<EntryReader<'a, R>>>,
        name: String,
        message: &'static str,
        gate: Arc<GateState>,
        max_bytes: usize,
        limit: usize,
    ) -> Self {
        Self {
            entry,
            name,
            message,
            gate,
            max_bytes,
            left: limit,
            limit,
            buffer: Vec::new(),
            kind: PhantomData,
        }
    }
}

impl<R: Read + Seek, M: Message + Default> Iterator for Messages<'_, R, M> {
    type Item = Result<M, ReportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut entry = self.entry.take()?;
        match self.read_one(&mut entry) {
            Ok(None) => None,
            Ok(Some(message)) => {
                self.entry = Some(entry);
                Some(Ok(message))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

impl<R: Read + Seek, M: Message + Default> Messages<'_, R, M> {
    fn read_one(&mut self, entry: &mut impl Read) -> Result<Option<M>, ReportError> {
        let Some(length) = self.read_length(entry)? else {
            return Ok(None);
        };
        if self.left == 0 {
            return Err(ReportError::TooManyMessages {
                entry: self.name.clone(),
                limit: self.limit,
            });
        }
        self.left -= 1;
        if length > self.max_bytes as u64 {
            return Err(ReportError::MessageTooLarge {
                entry: self.name.clone(),
                limit: self.max_bytes,
            });
        }
        self.buffer.clear();
        let read = entry
            .take(length)
            .read_to_end(&mut self.buffer)
            .map_err(|e| entry_error(&self.name, e, &self.gate))?;
        if (read as u64) < length {
            return Err(self.not_a_message("it ends in the middle of a message".to_owned()));
        }
        M::decode(&*self.buffer)
            .map(Some)
            .map_err(|error| self.not_a_message(error.to_string()))
    }

    /// Reads the length before a message; none at the end of the entry.
    fn read_length(&self, entry: &mut impl Read) -> Result<Option<u64>, ReportError> {
        let mut length = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            let read = read_some(entry, &mut byte).map_err(|e| entry_error(&self.name, e, &self.gate))?;
            if read == 0 {
                return if shift == 0 {
                    Ok(None)
                } else {
                    Err(self.not_a_message("it ends in the middle of a length".to_owned()))
                };
            }
            length |= u64::from(byte[0] & 0x7F) << shift;
            if byte[0] < 0x80 {
                return Ok(Some(length));
            }
        }
        Err(self.not_a_message("the length of a message is not a number".to_owned()))
    }

    fn not_a_message(&self, reason: String) -> ReportError {
        ReportError::NotAMessage {
            entry: self.name.clone(),
            message: self.message,
            reason,
        }
    }
}

fn read_some(reader: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

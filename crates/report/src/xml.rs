//! Reading XML.

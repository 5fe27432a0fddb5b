//! The client side: reads properties, walks files, imports tool output, builds and submits the report, waits for the gate.
pub mod files;
pub mod java_properties;
pub mod languages;
pub mod lines;
pub mod patterns;
pub mod progress;
pub mod properties;
mod syntax;
pub mod text;

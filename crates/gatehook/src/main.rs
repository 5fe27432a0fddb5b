//! The `gatehook` command.
fn main() {}

//! Black-box tests: the program as a process, real sockets, real files.

mod broken_input;
mod commands;
mod harness;
mod receivers;
mod scanning;
mod several_nodes;
mod start_and_stop;
mod story;
mod survival;

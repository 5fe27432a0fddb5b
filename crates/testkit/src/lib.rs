//! The harness tests use: a server in process, callers by role, a receiver that misbehaves on order, a clock to move.

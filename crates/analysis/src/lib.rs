//! Background tasks: report to tracked issues to measures to gate to analysis; and the live re-judging after an issue change.

//! What every repository function does, on both engines. PostgreSQL is not optional: without a server these tests fail.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cloned_ref_to_slice_refs,
    reason = "a test that cannot go on has failed, and lists of one read best as lists"
)]

mod analyses;
mod bench;
mod branches;
mod concurrency;
mod coverage;
mod deliveries;
mod gates;
mod issues;
mod projects;
mod remembered;
mod search;
mod tasks;
mod users;
mod webhooks;

/// Makes of each function two tests: one on SQLite, one on PostgreSQL. The functions run in one transaction that writes.
macro_rules! on_both {
    ($($name:ident)+) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                crate::bench::Bench::open(gatehook_store::Engine::Sqlite).write(super::$name);
            })+
        }
        mod postgres {
            $(#[test]
            fn $name() {
                crate::bench::Bench::open(gatehook_store::Engine::Postgres).write(super::$name);
            })+
        }
    };
}
pub(crate) use on_both;

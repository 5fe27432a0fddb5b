//! Kill -9 at random moments under load, then a restart; again and again on the same data.
//!
//! After each kill the database is read as the dead process left it, and must hold every event with its deliveries,
//! each of them delivered, failed for a reason, or due. In the end everything that was answered for is there, and was
//! called with one id for each event and webhook.

use std::time::Duration;

use crate::durability::books::Books;
use crate::durability::home::Home;
use crate::durability::load::{self, Ledger, Load};
use crate::durability::witness::Witness;
use crate::durability::{game, kill};
use crate::harness::{SECRET, Server};

/// Rounds unless said otherwise; a soak plays 200.
const ROUNDS: u64 = 5;
/// Everything that is owed is let go out after so many rounds, so that a long run does not only pile up work.
const SETTLE_EVERY: u64 = 10;
/// How many things a round sees happen before it is killed, at most. One change of an issue makes about eight.
const LONGEST_ROUND: u64 = 250;

#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_server_is_killed_every_event_is_delivered_to_every_webhook() {
    let (rounds, mut dice) = game("crash test", ROUNDS);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let home = Home::on_sqlite(&data);
    for _ in 0..2 {
        home.kill_while_it_starts(&mut dice).await;
    }
    let witness = Witness::start(SECRET, dice.next()).await;
    let books = Books::on_sqlite(&data);
    let mut ledger = Ledger::default();
    load::prepare(&Server::start(&data).await, &witness).await;

    for round in 1..=rounds {
        if dice.below(5) == 0 {
            home.kill_while_it_starts(&mut dice).await;
            books.check(&witness, round);
        }
        let server = home.start().await;
        if round % SETTLE_EVERY == 0 {
            books.settled(&witness).await;
        }
        let moment = 1 + dice.below(LONGEST_ROUND);
        let instant = Duration::from_micros(dice.below(3_000));
        let killing = async {
            witness.things_happen(moment).await;
            // The kill must not always fall right behind what was seen.
            tokio::time::sleep(instant).await;
            kill(server.id());
        };
        let (seen, ()) = tokio::join!(Load::on(&server, &witness).work(), killing);
        ledger.add(seen);
        drop(server);
        books.check(&witness, round);
    }

    let server = home.start().await;
    books.settled(&witness).await;
    assert_eq!(server.stop().await.code(), Some(0));
    books.check(&witness, rounds + 1);
    ledger.check(&books);
    assert!(!ledger.is_blank(), "nothing was done at all");
    println!("crash test: {} events, {} calls", books.events(), witness.count());
}

//! The calls of one event go out side by side.

use crate::engine::House;
use crate::receiver::{Answer, Receiver};

#[tokio::test]
async fn no_webhook_of_an_event_waits_for_another_one() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Hang]).await;
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    for name in names {
        for global in [false, true] {
            let level = if global { "global" } else { "project" };
            house
                .add_webhook(name, receiver.url(&format!("/{level}/{name}")), global)
                .await;
        }
    }
    let engine = house.engine();
    house.happen("one").await;
    engine.wake();
    // None of them is ever answered.
    let mut called: Vec<_> = receiver
        .wait_for(2 * names.len())
        .await
        .into_iter()
        .map(|call| call.request)
        .collect();
    called.sort();
    let expected = ["global", "project"].map(|level| names.map(|name| format!("POST /{level}/{name}")));
    assert_eq!(called, expected.concat());
}

//! Receivers that fail in every way there is and come back: what is kept says why, nobody else waits, and nothing is lost.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatehook_domain::id::WebhookId;
use gatehook_domain::setting::{VALIDATE_WEBHOOKS, WEBHOOK_ALLOWED_TARGETS};
use gatehook_domain::webhook::{Delivery, DeliveryStatus, WebhookUrl};
use gatehook_store::webhook;
use gatehook_webhooks::guard::Guard;
use gatehook_webhooks::names::{Answer as Told, Lookup, Network};
use gatehook_webhooks::{Engine, EngineConfig, EngineHandle, Sender, SenderConfig, ServerUrl};
use rstest::rstest;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};

use crate::engine::{House, mark};
use crate::receiver::{Answer, Receiver};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// What happens in each test.
const MARKS: [&str; 3] = ["one", "two", "three"];

impl House {
    /// An engine whose calls have half a second.
    fn hasty_engine(&self, guard: Guard) -> EngineHandle {
        let config = SenderConfig {
            version: "0".to_owned(),
            time_limit: Duration::from_millis(500),
            ..SenderConfig::new("", guard)
        };
        let ambient = self.store().ambient().clone();
        let node = ambient.new_id();
        let sender = Sender::new(config, ambient).unwrap();
        Engine::start(
            self.store().clone(),
            sender,
            EngineConfig {
                node,
                urls: ServerUrl::new("http://localhost:9000"),
            },
        )
    }

    /// The webhook has another URL from now on.
    async fn move_webhook(&self, id: &WebhookId, url: String) {
        let mut moved = self.webhook(id).await;
        moved.url = WebhookUrl::parse(&url).unwrap();
        let updated = self.store().write(move |tx| webhook::update(tx, &moved)).await;
        assert!(updated.unwrap());
    }

    /// Three things happen, and a receiver that is well hears of each of them in their order while the other fails. Gives
    /// the first delivery to the other one, once a call of it has failed.
    async fn trouble(&self, engine: &EngineHandle, well: &Receiver) -> Delivery {
        for mark in MARKS {
            self.opened.clock.advance(Duration::from_millis(1));
            self.happen(mark).await;
            engine.wake();
        }
        let heard = well.wait_for(MARKS.len()).await;
        assert_eq!(heard.iter().map(mark).collect::<Vec<_>>(), MARKS);
        let failed = async {
            loop {
                let all = self.deliveries().await;
                if let Some(failed) = all.into_iter().find(|one| one.name == "bad" && one.last.is_some()) {
                    return failed;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, failed).await.expect("a call fails")
    }

    /// Waits until each call to a receiver has failed once.
    async fn all_have_failed(&self, name: &str) {
        let failed = async {
            let owed = |one: &Delivery| one.name == name && one.last.is_none();
            while self.deliveries().await.iter().any(owed) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, failed).await.expect("all calls fail");
    }

    /// Lets time pass from one due time to the next until nothing is owed any more.
    async fn time_passes(&self, engine: &EngineHandle) -> Vec<Delivery> {
        let settled = async {
            loop {
                let all = self.deliveries().await;
                let now = self.store().ambient().now();
                let due = all.iter().filter_map(|delivery| delivery.due_at).min();
                match due {
                    None => return all,
                    Some(due) if due > now => self.opened.clock.advance(due.since(now)),
                    Some(_) => {}
                }
                engine.wake();
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("deliveries end")
    }

    /// The receiver is back: everything arrives, each under the id it had, and after at most one failure each.
    async fn all_arrives(&self, engine: EngineHandle, back: &Receiver, failures: usize) {
        let settled = self.time_passes(&engine).await;
        engine.stop().await;
        for delivery in &settled {
            assert_eq!(delivery.status, DeliveryStatus::Delivered, "{delivery:?}");
            assert!(delivery.attempts <= 2, "{delivery:?}");
        }
        let heard = back.received().split_off(failures);
        let mut marks: Vec<_> = heard.iter().map(mark).collect();
        marks.sort_unstable();
        let mut expected = MARKS.map(str::to_owned);
        expected.sort_unstable();
        assert_eq!(marks, expected, "each once");
        for call in &heard {
            let id = &call.headers["x-gatehook-delivery"];
            let owed = settled.iter().any(|one| one.id.as_str() == id && one.name == "bad");
            assert!(owed, "{id} is another id");
        }
    }
}

/// Why a call failed, as it is kept of a delivery that will be tried again.
fn reason(house: &House, failed: &Delivery) -> String {
    assert_eq!(failed.status, DeliveryStatus::Pending, "{failed:?}");
    assert!(failed.due_at.unwrap() > house.store().ambient().now(), "{failed:?}");
    let last = failed.last.clone().unwrap();
    last.error.unwrap_or_else(|| last.http_status.unwrap().to_string())
}

#[rstest]
#[case::answers_503(Answer::Status(503), "503")]
#[case::answers_429(Answer::Status(429), "429")]
#[case::hangs(Answer::Hang, "no answer within 500 ms")]
#[case::a_byte_at_a_time(Answer::Drip, "no answer within 500 ms")]
#[case::closes(Answer::Close, "connection closed before an answer")]
#[case::resets(Answer::Reset, "connection reset before an answer")]
#[case::closes_mid_answer(Answer::Raw(b"HTTP/1.1 200 O".to_vec()), "connection closed before an answer")]
#[case::resets_mid_answer(Answer::Break(b"HTTP/1.1 200 O".to_vec()), "connection reset before an answer")]
#[case::not_http(Answer::Raw(b"220 mail ready\r\n".to_vec()), "the answer was not HTTP")]
#[case::endless_head(Answer::Raw([&b"HTTP/1.1 200 OK\r\nx: "[..], &vec![b'x'; 4 << 20]].concat()), "the head of the answer was too large")]
#[tokio::test]
async fn a_receiver_that_is_well_again_gets_all_it_missed(#[case] answer: Answer, #[case] expected: &str) {
    let house = House::new().await;
    let (bad, well) = (
        Receiver::start(vec![answer]).await,
        Receiver::start(vec![Answer::Status(200)]).await,
    );
    house.add_webhook("bad", bad.url("/"), false).await;
    house.add_webhook("well", well.url("/"), false).await;
    let engine = house.hasty_engine(Guard::system(house.store().ambient()));
    let failed = house.trouble(&engine, &well).await;
    assert_eq!(reason(&house, &failed), expected);
    house.all_have_failed("bad").await;
    let failures = bad.received().len();
    bad.answers_from_now_on(Answer::Status(200));
    house.all_arrives(engine, &bad, failures).await;
}

#[tokio::test]
async fn a_receiver_that_was_not_there_gets_all_it_missed() {
    let house = House::new().await;
    let well = Receiver::start(vec![Answer::Status(200)]).await;
    // A port that is taken and not listened on refuses connections.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    house.add_webhook("bad", url, false).await;
    house.add_webhook("well", well.url("/"), false).await;
    let engine = house.hasty_engine(Guard::system(house.store().ambient()));
    let failed = house.trouble(&engine, &well).await;
    assert_eq!(reason(&house, &failed), "connection refused");
    house.all_have_failed("bad").await;
    let back = Receiver::start_on(socket.listen(16).unwrap(), vec![Answer::Status(200)]);
    house.all_arrives(engine, &back, 0).await;
}

/// A network whose names are not known for a while.
struct Names {
    known: AtomicBool,
    address: IpAddr,
}

impl Network for Names {
    fn lookup(&self, _: &str) -> Lookup {
        let found = self.known.load(Ordering::SeqCst).then(|| Told {
            addresses: vec![self.address],
            lifetime: Duration::from_secs(30),
        });
        Box::pin(async move { found.ok_or_else(|| io::Error::other("SERVFAIL")) })
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_name_that_nobody_could_resolve_for_a_while_costs_nothing() {
    let house = House::new().await;
    let (back, well) = (
        Receiver::start(vec![Answer::Status(200)]).await,
        Receiver::start(vec![Answer::Status(200)]).await,
    );
    let url = format!("http://hooks.example:{}/", back.address.port());
    house.add_webhook("bad", url, false).await;
    house.add_webhook("well", well.url("/"), false).await;
    let names = Arc::new(Names {
        known: AtomicBool::new(false),
        address: back.address.ip(),
    });
    let engine = house.hasty_engine(Guard::over(names.clone(), house.store().ambient()));
    let failed = house.trouble(&engine, &well).await;
    assert_eq!(reason(&house, &failed), "the host name could not be resolved");
    house.all_have_failed("bad").await;
    names.known.store(true, Ordering::SeqCst);
    house.all_arrives(engine, &back, 0).await;
}

/// A machine at whose interfaces this program fails once.
struct Broken(AtomicBool);

impl Network for Broken {
    fn lookup(&self, _: &str) -> Lookup {
        Box::pin(async { Err(io::Error::other("SERVFAIL")) })
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        assert!(self.0.swap(true, Ordering::SeqCst), "a fault of the program");
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_call_that_the_program_fails_at_is_made_again() {
    let house = House::new().await;
    let receiver = Receiver::start(vec![Answer::Status(200)]).await;
    house.add_webhook("bad", receiver.url("/"), false).await;
    house.set(VALIDATE_WEBHOOKS, "true").await;
    house.set(WEBHOOK_ALLOWED_TARGETS, "127.0.0.0/8").await;
    let broken = Arc::new(Broken(AtomicBool::new(false)));
    let engine = house.hasty_engine(Guard::over(broken, house.store().ambient()));
    house.happen("one").await;
    engine.wake();
    house.all_have_failed("bad").await;
    let failed = house.deliveries().await.remove(0);
    assert_eq!(reason(&house, &failed), "the call failed");
    let settled = house.time_passes(&engine).await;
    assert_eq!(settled[0].status, DeliveryStatus::Delivered);
    assert_eq!(receiver.received().len(), 1);
    engine.stop().await;
}

/// Takes connections and drops them in the middle of the TLS handshake.
async fn drops_tls() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 5]).await;
            stream.set_zero_linger().unwrap();
        }
    });
    address
}

#[tokio::test]
async fn what_is_owed_over_broken_tls_goes_to_the_new_url_of_the_webhook() {
    let house = House::new().await;
    let (back, well) = (
        Receiver::start(vec![Answer::Status(200)]).await,
        Receiver::start(vec![Answer::Status(200)]).await,
    );
    let url = format!("https://{}/", drops_tls().await);
    let id = house.add_webhook("bad", url, false).await;
    house.add_webhook("well", well.url("/"), false).await;
    let engine = house.hasty_engine(Guard::system(house.store().ambient()));
    let failed = house.trouble(&engine, &well).await;
    assert_eq!(reason(&house, &failed), "connection reset before an answer");
    house.all_have_failed("bad").await;
    house.move_webhook(&id, back.url("/")).await;
    house.all_arrives(engine, &back, 0).await;
}

#[tokio::test]
async fn a_body_without_end_counts_by_its_status_and_holds_nobody_up() {
    let house = House::new().await;
    let (bad, well) = (
        Receiver::start(vec![Answer::Endless]).await,
        Receiver::start(vec![Answer::Status(200)]).await,
    );
    house.add_webhook("bad", bad.url("/"), false).await;
    house.add_webhook("well", well.url("/"), false).await;
    let engine = house.hasty_engine(Guard::system(house.store().ambient()));
    let arrived = house.trouble(&engine, &well).await;
    assert_eq!(arrived.status, DeliveryStatus::Delivered);
    house.all_arrives(engine, &bad, 0).await;
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends_after_one_turn() {
    let house = House::new().await;
    let (bad, well) = (
        Receiver::start(vec![Answer::Head(307, "location: /round".into())]).await,
        Receiver::start(vec![Answer::Status(200)]).await,
    );
    house.add_webhook("bad", bad.url("/round"), false).await;
    house.add_webhook("well", well.url("/"), false).await;
    let engine = house.hasty_engine(Guard::system(house.store().ambient()));
    house.trouble(&engine, &well).await;
    let settled = house.time_passes(&engine).await;
    engine.stop().await;
    for ended in settled.iter().filter(|one| one.name == "bad") {
        let status = ended.last.as_ref().unwrap().http_status;
        assert_eq!((ended.status, status), (DeliveryStatus::Failed, Some(307)));
    }
    assert_eq!(bad.received().len(), 2 * MARKS.len());
}

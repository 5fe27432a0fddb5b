//! Kill -9 of nodes on one PostgreSQL at random moments under load, and connections that break; again and again on the same
//! data.
//!
//! What one node was at when it died the others take over when its leases run out, or it itself when it is started again.
//! After each round the database must hold every event with its deliveries, each of them delivered, failed for a reason, or
//! due; and in the end everything that was answered for is there, and was called with one id for each event and webhook.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use gatehook_store::testing;
use gatehook_testkit::secrets;

use crate::durability::books::Books;
use crate::durability::dice::Dice;
use crate::durability::home::Home;
use crate::durability::load::{self, Ledger, Load};
use crate::durability::witness::Witness;
use crate::durability::{PROJECTS, game, kill};
use crate::harness::{SECRET, Server};
use crate::receivers::Silent;

/// Rounds unless said otherwise; a soak plays 200. Each fault comes at least once.
const ROUNDS: u64 = 3;
/// Everything that is owed is let go out after so many rounds, so that a long run does not only pile up work.
const SETTLE_EVERY: u64 = 10;
/// How many things happen before a fault, at most. One change of an issue makes about eight.
const LONGEST_WAIT: u64 = 100;
/// How many times connections are broken in a round.
const CUTS: u64 = 3;
/// How many things those that are left do after the last fault of a round, at least.
const GOING_ON: u64 = 40;

/// What happens in a round.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// One node dies, and the others go on.
    OneDies,
    /// The connections of a node break again and again, and then one node dies.
    CutOff,
    /// All nodes die at once.
    AllDie,
}

const FAULTS: [Fault; 3] = [Fault::OneDies, Fault::CutOff, Fault::AllDie];

/// A node, dead or alive.
struct Node {
    name: String,
    home: Home,
    server: Option<Server>,
}

/// The nodes and all that is known of them.
struct Scene {
    nodes: Vec<Node>,
    witness: Witness,
    books: Books,
    dice: Dice,
    ledger: Ledger,
    /// How many times a node was killed, cut off or lost its leases.
    faults: u64,
    cut: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_node_is_killed_or_cut_off_every_event_is_delivered_to_every_webhook() {
    let (rounds, mut dice) = game("crash test of nodes", ROUNDS);
    let folder = tempfile::tempdir().unwrap();
    let (_, database) = testing::postgres_database().await;
    let key = secrets::sealing_key();
    let nodes = (0..2 + dice.below(2)).map(|index| {
        let name = format!("node-{index}");
        let url = format!("{}?application_name={name}", database.url());
        let home = Home::on_postgres(&folder.path().join(&name), &url, &key);
        Node {
            name,
            home,
            server: None,
        }
    });
    let nodes: Vec<Node> = nodes.collect();
    for _ in 0..2 {
        join_all(nodes.iter().map(|node| node.home.kill_while_it_starts(&mut dice))).await;
    }
    let mut scene = Scene {
        nodes,
        witness: Witness::start(SECRET, dice.next()).await,
        books: Books::on_postgres(&database.url()),
        dice,
        ledger: Ledger::default(),
        faults: 0,
        cut: 0,
    };
    scene.start_the_dead().await;
    let server = scene.nodes[0].server.as_ref().unwrap();
    server
        .post("settings/set", &[("key", "sonar.validateWebhooks"), ("value", "false")])
        .await;
    load::prepare(server, &scene.witness).await;

    for round in 0..rounds {
        if round % SETTLE_EVERY == SETTLE_EVERY - 1 {
            scene.settle().await;
        }
        scene.start_the_dead().await;
        scene.play(round, FAULTS[round as usize % FAULTS.len()]).await;
        scene.books.check(&scene.witness, scene.faults);
    }

    scene.settle().await;
    scene.start_the_dead().await;
    for node in &mut scene.nodes {
        assert_eq!(
            node.server.take().unwrap().stop().await.code(),
            Some(0),
            "{}",
            node.name
        );
    }
    scene.books.settled(&scene.witness).await;
    scene.books.check(&scene.witness, scene.faults);
    scene.ledger.check(&scene.books);
    assert!(!scene.ledger.is_blank(), "nothing was done at all");
    assert!(scene.cut > 0, "no connection was broken");
    println!(
        "crash test of nodes: {} nodes, {} events, {} calls, {} broken connections",
        scene.nodes.len(),
        scene.books.events(),
        scene.witness.count(),
        scene.cut
    );
}

impl Scene {
    async fn start_the_dead(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| node.server.is_none()) {
            if self.dice.below(5) == 0 {
                node.home.kill_while_it_starts(&mut self.dice).await;
                self.faults += 1;
            }
        }
        join_all(
            self.nodes
                .iter_mut()
                .filter(|node| node.server.is_none())
                .map(|node| async {
                    node.server = Some(node.home.start().await);
                }),
        )
        .await;
    }

    /// One round. Each node has projects of its own to work on, others in each round; its tasks and calls are anybody's.
    async fn play(&mut self, round: u64, fault: Fault) {
        let count = self.nodes.len();
        let stops: Vec<AtomicBool> = self.nodes.iter().map(|_| AtomicBool::new(false)).collect();
        let of_node = |index: usize| -> Vec<&'static str> {
            let all = PROJECTS.iter().enumerate();
            let own = all.filter(|(place, _)| (place + round as usize) % count == index);
            own.map(|(_, project)| *project).collect()
        };
        let projects: Vec<Vec<&'static str>> = (0..count).map(of_node).collect();
        let cut_off = self.dice.below(count as u64) as usize;
        let victims: Vec<usize> = match fault {
            Fault::OneDies | Fault::CutOff => vec![self.dice.below(count as u64) as usize],
            Fault::AllDie => (0..count).collect(),
        };
        let loads = self.nodes.iter().enumerate().map(|(index, node)| {
            let in_trouble = matches!(fault, Fault::CutOff) && index == cut_off;
            Load::on(node.server.as_ref().unwrap(), &self.witness)
                .in_trouble(in_trouble)
                .until(&stops[index], &projects[index])
                .work()
        });
        let loads = join_all(loads);
        let (witness, books, dice, nodes) = (&self.witness, &self.books, &mut self.dice, &self.nodes);
        let happening = async {
            let mut cut = 0;
            if matches!(fault, Fault::CutOff) {
                for _ in 0..CUTS {
                    some_moment(witness, dice, LONGEST_WAIT / CUTS).await;
                    cut += books.cut_off(&nodes[cut_off].name);
                }
            }
            some_moment(witness, dice, LONGEST_WAIT).await;
            for victim in &victims {
                kill(nodes[*victim].server.as_ref().unwrap().id());
                stops[*victim].store(true, Ordering::Relaxed);
            }
            if victims.len() < count {
                witness.things_happen(GOING_ON).await;
            }
            for stop in &stops {
                stop.store(true, Ordering::Relaxed);
            }
            cut
        };
        let (ledgers, cut) = tokio::join!(loads, happening);
        for ledger in ledgers {
            self.ledger.add(ledger);
        }
        self.cut += cut;
        self.faults += CUTS + 1;
        for victim in victims {
            self.nodes[victim].server = None;
        }
    }

    /// Lets everything that is owed go out: those that live take over when the leases of all have run out; or all die, and
    /// take up what was theirs when they are started again.
    async fn settle(&mut self) {
        let living = self.nodes.iter().filter(|node| node.server.is_some()).count();
        if living > 0 && self.dice.below(2) == 0 {
            self.books.leases_run_out();
        } else {
            for node in &mut self.nodes {
                if let Some(server) = node.server.take() {
                    server.kill();
                }
            }
            self.start_the_dead().await;
        }
        self.faults += 1;
        self.books.settled(&self.witness).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_and_is_started_again_takes_up_at_once_what_it_was_at() {
    let folder = tempfile::tempdir().unwrap();
    let (_, database) = testing::postgres_database().await;
    let key = secrets::sealing_key();
    let home = Home::on_postgres(&folder.path().join("node"), &database.url(), &key);
    let other = Home::on_postgres(&folder.path().join("other"), &database.url(), &key);
    let server = home.start().await;
    server
        .post("settings/set", &[("key", "sonar.validateWebhooks"), ("value", "false")])
        .await;
    let silent = Silent::start().await;
    server
        .post("webhooks/create", &[("name", "ci"), ("url", &silent.url())])
        .await;
    load::analyse(&server, "shop").await;
    let first = silent.call().await;
    server.kill();
    let books = Books::on_postgres(&database.url());
    let owners = books.owners();
    assert_eq!(owners.len(), 1, "{owners:?}");

    let _other = other.start().await;
    assert_eq!(books.owners(), owners, "nobody else knows that it is dead");
    let _again = home.start().await;
    assert_ne!(books.owners(), owners);
    let again = silent.call().await;
    assert_eq!(again.delivery, first.delivery);
}

/// Waits for some things to happen, and a little longer: a fault must not always fall right behind what was seen.
async fn some_moment(witness: &Witness, dice: &mut Dice, longest: u64) {
    let instant = Duration::from_micros(dice.below(3_000));
    witness.things_happen(1 + dice.below(longest)).await;
    tokio::time::sleep(instant).await;
}

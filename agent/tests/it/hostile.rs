//! Answers that are none: whatever comes back in place of the service's, the node neither falls over nor stops for
//! good nor loses anything, and goes on as before once the answers are right again.
//!
//! Each way to spoil an answer is tried on the answers to everything the node asks; `VAULTMESH_HOSTILE_SEEDS` says
//! with how many seeds.

use crate::commands::{counting, looks, obeying};
use crate::ledger::{Ledger, answer};
use crate::node::{MINUTE, Node};
use crate::world::{Chance, Fault, SimDisk, World, start};
use proofs::SigningKey;
use serde_json::{Value, json};
use spec::{Hash, Kind, Uuid};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use vaultmesh_agent::entropy::Entropy as _;
use vaultmesh_agent::identity::enrol;
use vaultmesh_agent::identity::key::Identity;
use vaultmesh_agent::identity::token::EnrolmentToken;
use vaultmesh_agent::network::{MAX_ANSWER_BYTES, Network, NetworkError, Request, Response};
use vaultmesh_agent::trust::authority::Authority;
use vaultmesh_agent::trust::memory::EQUIVOCATION_FILE;
use vaultmesh_agent::trust::witness::{Round, Witness, WitnessIdentity};

/// When the answers are spoilt.
const BAD: Range<Duration> = Duration::from_mins(4)..Duration::from_mins(16);

/// Longer than the longest that an answer can make a node wait: an hour and its own pause.
const RECOVERY: Duration = Duration::from_mins(65);

/// One way to spoil an answer.
type Spoil = fn(&mut Response, &mut Spoiler);

/// What a way to spoil an answer may use.
struct Spoiler {
    chance: Chance,
    /// The first right answer to each route.
    first: BTreeMap<String, Vec<u8>>,
    /// Answers to another node.
    other: BTreeMap<String, Vec<u8>>,
    route: String,
}

const WAYS: [(&str, Spoil); 18] = [
    ("nothing", |response, _| response.body.clear()),
    ("random bytes", |response, with| {
        let mut bytes = vec![0; usize::try_from(with.chance.below(4096)).unwrap()];
        with.chance.fill(&mut bytes).unwrap();
        response.body = bytes;
    }),
    ("cut off", |response, with| {
        let at = with.chance.below(response.body.len() as u64);
        response.body.truncate(usize::try_from(at).unwrap());
    }),
    ("one bit", |response, with| {
        let at = usize::try_from(with.chance.below(response.body.len() as u64)).unwrap();
        if let Some(byte) = response.body.get_mut(at) {
            *byte ^= 1 << with.chance.below(8);
        }
    }),
    ("nested arrays", |response, _| response.body = b"[".repeat(200_000)),
    ("nested members", |response, with| {
        let member = ["receipts", "results", "commands", "authority", "checkpoint", "proof", "document"];
        let member = member[usize::try_from(with.chance.below(7)).unwrap()];
        let (open, close) = ("{\"a\":[".repeat(50_000), "]}".repeat(50_000));
        response.body = format!("{{\"{member}\":{open}{close}}}").into_bytes();
    }),
    ("numbers", |response, with| {
        change(response, with, |value, with| {
            if value.is_number() {
                let all =
                    ["1e999", "-1", "18446744073709551615", "99999999999999999999999", "0.5", "-0", "1"];
                *value = json!(format!("@{}@", all[usize::try_from(with.chance.below(7)).unwrap()]));
            }
        });
        let text = String::from_utf8_lossy(&response.body).replace("\"@", "").replace("@\"", "");
        response.body = text.into_bytes();
    }),
    ("other types", |response, with| {
        change(response, with, |value, with| {
            if with.chance.below(4) == 0 {
                let all = [json!(null), json!(true), json!(7), json!("text"), json!([]), json!({})];
                *value = all[usize::try_from(with.chance.below(6)).unwrap()].clone();
            }
        });
    }),
    ("other hashes", |response, with| {
        change(response, with, |value, with| {
            let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
            if value.as_str().is_some_and(is_hash) && with.chance.below(2) == 0 {
                *value = json!("ab".repeat(32));
            }
        });
    }),
    ("missing members", |response, with| {
        change(response, with, |value, with| {
            if let Some(members) = value.as_object_mut() {
                members.retain(|_, _| with.chance.below(4) > 0);
            }
            if let Some(items) = value.as_array_mut() {
                items.retain(|_| with.chance.below(4) > 0);
            }
        });
    }),
    ("as long as it may be", |response, with| {
        if with.chance.below(8) > 0 {
            return response.body.clear();
        }
        response.body = [b"{\"receipts\":[".to_vec(), b"{},".repeat(MAX_ANSWER_BYTES / 3 - 8)].concat();
    }),
    ("ten thousand commands", |response, with| {
        let Ok(mut value) = serde_json::from_slice::<Value>(&response.body) else { return };
        let Some(commands) = value.get_mut("commands").and_then(Value::as_array_mut) else { return };
        let one = commands.first().cloned().unwrap_or(Value::Null);
        let others = [json!({}), one.clone(), json!({"command": one, "since": u64::MAX})];
        let count = if with.chance.below(8) > 0 { 200 } else { 10_000 };
        *commands = others.into_iter().cycle().take(count).collect();
        response.body = value.to_string().into_bytes();
    }),
    ("a page", |response, _| *response = html(200)),
    ("a redirect", |response, with| {
        let all = [301, 302, 303, 307, 308];
        *response = html(all[usize::try_from(with.chance.below(5)).unwrap()]);
    }),
    ("an error, for years", |response, with| {
        *response = html(if with.chance.below(2) == 0 { 500 } else { 503 });
        response.retry_after = Some(Duration::from_secs(u64::MAX));
    }),
    ("the answer of before", |response, with| {
        response.body.clone_from(&with.first[&with.route]);
    }),
    ("the answer to another node", |response, with| {
        if let Some(other) = with.other.get(&with.route) {
            response.body.clone_from(other);
        }
    }),
    ("the answer to something else", |response, with| {
        let all: Vec<&Vec<u8>> = with.first.values().collect();
        response.body.clone_from(all[usize::try_from(with.chance.below(all.len() as u64)).unwrap()]);
    }),
];

fn html(status: u16) -> Response {
    Response { status, retry_after: None, body: b"<!doctype html><title>Sign in</title>".to_vec() }
}

/// Changes an answer's JSON, each value after those within it.
fn change(response: &mut Response, with: &mut Spoiler, change: fn(&mut Value, &mut Spoiler)) {
    fn walk(value: &mut Value, with: &mut Spoiler, change: fn(&mut Value, &mut Spoiler)) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, with, change)),
            Value::Object(members) => members.values_mut().for_each(|member| walk(member, with, change)),
            _ => {}
        }
        change(value, with);
    }
    if let Ok(mut value) = serde_json::from_slice::<Value>(&response.body) {
        walk(&mut value, with, change);
        response.body = value.to_string().into_bytes();
    }
}

/// The path without what differs from question to question.
fn route(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    if path.starts_with("/api/policies/") { "/api/policies".to_owned() } else { path.to_owned() }
}

/// The service's answer, also to the question for commands.
fn right(ledger: &mut Ledger, request: &Request) -> Response {
    if request.path.starts_with("/api/agent/commands") {
        let (commands, checkpoint) = (ledger.delivered(), ledger.note());
        // Nothing is held here; a node that is told so asks less often.
        let status = if commands.is_empty() { 503 } else { 200 };
        return answer(status, &json!({"commands": commands, "checkpoint": checkpoint}));
    }
    ledger.handle(request)
}

/// A life with answers spoilt in one way, of those routes only that `spoils` names.
fn live(name: &str, spoil: Spoil, seed: u64, spoils: fn(&str) -> bool) {
    let context = format!("{name}, seed {seed}");
    let world = World::new();
    let heard = Rc::new(RefCell::new(Spoiler {
        chance: Chance::new(seed),
        first: BTreeMap::new(),
        other: BTreeMap::new(),
        route: String::new(),
    }));
    let (service, notes) = (Rc::clone(&world), Rc::clone(&heard));
    world.script(move |request, _| {
        let right = right(&mut service.ledger.borrow_mut(), request);
        notes.borrow_mut().other.insert(route(&request.path), right.body.clone());
        Fault::Instead(right)
    });
    assert_eq!(Node::enrolled(&world, 2).live(MINUTE), None);

    let mut node = Node::enrolled(&world, 1);
    let count = Arc::default();
    let mut agent = obeying(&mut node, counting(&count));
    let id = Uuid::v4([1; 16]);
    let (service, with) = (Rc::clone(&world), Rc::clone(&heard));
    world.script(move |request, at| {
        let mut response = right(&mut service.ledger.borrow_mut(), request);
        let mut with = with.borrow_mut();
        with.route = route(&request.path);
        let route = with.route.clone();
        with.first.entry(route).or_insert_with(|| response.body.clone());
        if BAD.contains(&at) && spoils(&request.path) && with.chance.below(8) > 0 {
            spoil(&mut response, &mut with);
        }
        Fault::Instead(response)
    });
    // The other node's life came first.
    let begin = BAD.start.saturating_sub(world.steady());
    let wait = || std::thread::sleep(Duration::from_millis(2));
    let mut told = vec![world.ledger.borrow_mut().order(id, |_| {}, |_| {})];
    assert_eq!(node.run(&mut agent, begin), None);
    wait();
    let apply = |order: &mut spec::payload::CommandOrder| {
        order.command = "apply-policy".parse().unwrap();
        order.parameters.insert("policy".parse().unwrap(), "ab".repeat(32));
    };
    world.ledger.borrow_mut().order(id, apply, |_| {});
    for _ in 0..4 {
        told.push(world.ledger.borrow_mut().order(id, |_| {}, |_| {}));
        let stop = node.run(&mut agent, BAD.end.saturating_sub(BAD.start) / 4);
        assert_eq!(stop, None, "{context}");
        wait();
    }
    assert_eq!(node.run(&mut agent, RECOVERY), None, "{context}");

    // What has begun is over, so that no thread is counted later.
    let runs =
        |command: &Hash| world.ledger.borrow().receipts(command).last().is_some_and(|last| last == "running");
    for () in looks() {
        if !told.iter().any(runs) {
            break;
        }
        assert_eq!(node.run(&mut agent, MINUTE), None, "{context}");
    }
    let before = count.load(Ordering::SeqCst);
    let command = world.ledger.borrow_mut().order(id, |_| {}, |_| {});
    for () in looks() {
        assert_eq!(node.run(&mut agent, MINUTE), None, "{context}");
        if world.ledger.borrow().receipts(&command).len() == 2 && agent.pending() == 0 {
            break;
        }
    }
    let beats =
        || world.ledger.borrow().log.iter().filter(|event| event.header.kind == Kind::Heartbeat).count();
    let heard = beats();
    assert_eq!(node.run(&mut agent, 10 * MINUTE), None, "{context}");
    assert!(beats() >= heard + 17, "{context}: {} in ten minutes", beats() - heard);
    let ledger = world.ledger.borrow();
    assert_eq!(ledger.receipts(&command), ["running", "succeeded"], "{context}");
    assert_eq!(count.load(Ordering::SeqCst), before + 1, "{context}");
    assert_eq!((agent.pending(), agent.dropped()), (0, 0), "{context}");
    assert_eq!(ledger.problems, [""; 0], "{context}");
    assert_eq!(agent.memory().checkpoint.root, ledger.checkpoint().root, "{context}");
    assert_eq!(node.disk.contents(EQUIVOCATION_FILE), None, "{context}");
    let own: Vec<_> = ledger.log.iter().filter(|event| event.header.key == key(&node)).collect();
    let seqs: Vec<u64> = own.iter().map(|event| event.header.chain.unwrap().seq).collect();
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>(), "{context}");
    assert!(
        own.iter().all(|event| matches!(event.header.kind, Kind::Heartbeat | Kind::Receipt)),
        "{context}"
    );
}

fn key(node: &Node) -> spec::PublicKey {
    Identity::load(&node.disk).unwrap().unwrap().public()
}

fn seeds() -> Range<u64> {
    let asked = std::env::var("VAULTMESH_HOSTILE_SEEDS").ok().and_then(|text| text.parse().ok());
    0..asked.unwrap_or(1)
}

#[test]
fn no_answer_stops_a_node_or_costs_it_an_event() {
    for (name, spoil) in WAYS {
        for seed in seeds() {
            live(name, spoil, seed, |_| true);
            // With its events taken, it goes on to ask everything else.
            let elsewhere = |path: &str| !path.starts_with("/api/agent/heartbeat") && path != "/api/events";
            live(name, spoil, seed, elsewhere);
        }
    }
}

#[test]
fn a_service_that_repeats_itself_is_asked_rarely() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let service = Rc::clone(&world);
    world.script(move |request, _| {
        if route(&request.path) != "/api/agent/commands" {
            return Fault::None;
        }
        let checkpoint = service.ledger.borrow().note();
        Fault::Instead(answer(200, &json!({"commands": [{}], "checkpoint": checkpoint})))
    });
    let mut agent = obeying(&mut node, counting(&Arc::default()));
    assert_eq!(node.run(&mut agent, 10 * MINUTE), None);
    let asked =
        world.requests.borrow().iter().filter(|(_, path)| route(path) == "/api/agent/commands").count();
    assert!((100..300).contains(&asked), "{asked} in ten minutes");
}

/// A ledger, and somebody in between who spoils what it answers.
struct Relay {
    ledger: RefCell<Ledger>,
    with: RefCell<Spoiler>,
    spoil: RefCell<Option<Spoil>>,
}

impl Relay {
    fn new(ledger: Ledger, seed: u64) -> Self {
        let with = Spoiler {
            chance: Chance::new(seed),
            first: BTreeMap::new(),
            other: BTreeMap::new(),
            route: String::new(),
        };
        Self { ledger: RefCell::new(ledger), with: RefCell::new(with), spoil: RefCell::new(None) }
    }
}

impl Network for &Relay {
    async fn send(&self, request: Request) -> Result<Response, NetworkError> {
        let mut response = self.ledger.borrow_mut().handle(&request);
        let mut with = self.with.borrow_mut();
        with.route = route(&request.path);
        let route = with.route.clone();
        with.first.entry(route).or_insert_with(|| response.body.clone());
        if let Some(spoil) = *self.spoil.borrow() {
            spoil(&mut response, &mut with);
        }
        Ok(response)
    }
}

/// The value of a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

#[test]
fn no_answer_enrols_a_node_with_something_else() {
    for (name, spoil) in WAYS {
        let world = World::new();
        let token: EnrolmentToken = world.ledger.borrow().token().parse().unwrap();
        let identity = |n: u8| Identity { node_id: Uuid::v4([n; 16]), key: SigningKey::from_seed(&[n; 32]) };
        let ask = |n: u8| {
            world.ledger.borrow_mut().handle(&enrol::request(
                &identity(n),
                &token,
                &enrol::Called::after_host("n"),
            ))
        };
        let (right, other) = (ask(1), ask(2).body);
        let route = "/api/nodes/register".to_owned();
        let answers = BTreeMap::from([(route.clone(), other)]);
        let mut with = Spoiler { chance: Chance::new(7), first: answers.clone(), other: answers, route };
        let verify = |body: &[u8]| enrol::verify(body, &identity(1), &token, "http://ledger");
        let wanted = verify(&right.body).unwrap();
        for _ in 0..40 {
            let mut spoilt = right.clone();
            spoil(&mut spoilt, &mut with);
            // Some of what may be changed proves nothing, such as the interval.
            if let Ok(enrolment) = verify(&spoilt.body) {
                assert_eq!((enrolment.key, enrolment.ledger), (wanted.key, wanted.ledger), "{name}");
                assert_eq!(
                    (enrolment.org, enrolment.introduction),
                    (wanted.org.clone(), wanted.introduction),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn no_answer_makes_a_witness_sign_or_accuse() {
    for (name, spoil) in WAYS {
        let disk = SimDisk::default();
        let named = "auditor.example".parse().unwrap();
        let identity = WitnessIdentity::load_or_make(&disk, &named, &mut Chance::new(1)).unwrap();
        let mut ledger = Ledger::new(start());
        ledger.name_witnesses(vec![(named.to_string(), identity.key.clone())]);
        let relay = Relay::new(ledger, 3);
        let id = relay.ledger.borrow().id;
        let authority: Authority = now(Witness::<SimDisk>::authority_of(&id, &&relay)).unwrap();
        let mut witness = Witness::open(disk.clone(), identity, authority).unwrap();
        let mut round =
            || now(witness.round(&&relay, 0, start)).unwrap_or_else(|caught| panic!("{name}: {caught}"));
        for n in 0..30 {
            relay.ledger.borrow_mut().grow(&format!("{name} {n}"));
            *relay.spoil.borrow_mut() = (n % 5 > 1).then_some(spoil);
            round();
        }
        *relay.spoil.borrow_mut() = None;
        relay.ledger.borrow_mut().grow("the last");
        let size = relay.ledger.borrow().size();
        assert_eq!(round(), Round::Signed { size, cosigned: 1, quorum: 1 }, "{name}");
        assert_eq!(disk.contents(EQUIVOCATION_FILE), None, "{name}");
    }
}

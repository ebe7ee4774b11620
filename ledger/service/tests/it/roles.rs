//! Every route of the service, with every kind of principal: the list, and nothing else, says who gets in.

use crate::provider::{Key, Provider, believe};
use crate::world::{Node, World, with_token};
use identity::Tokens;
use reqwest::{Method, StatusCode};
use serde_json::json;
use service::rows;
use spec::Uuid;
use spec::payload::Role;
use web::access::allows;
use web::{Access, Action, Row, SignedIn};

const NODE: &str = "550e8400-e29b-41d4-a716-446655440000";

/// Who asks.
enum Who {
    Anonymous,
    Node(Box<Node>),
    Token(Role, &'static str, String),
    /// With a provider's token, or with the cookie of a session that stands for one.
    Person(Role, &'static str, Shown),
    Admin,
}

/// How a person shows who they are.
enum Shown {
    Token(String),
    Cookie(String),
}

impl Who {
    /// What becomes of them before a handler is asked: 401, 403, or they get in.
    fn expected(&self, row: &Row) -> u16 {
        let access = row.access;
        let supports = matches!(self, Self::Token(Role::Support, ..) | Self::Person(Role::Support, ..));
        let everywhere =
            matches!(self, Self::Admin | Self::Token(_, "ledger", _) | Self::Person(_, "ledger", _))
                && !supports;
        // In an organisation that a request names, people have the roles that they have there.
        let names_another = row.path.contains("{org}")
            && matches!(self, Self::Person(_, org, _) if *org != "acme" && !everywhere);
        let may = |action: Action| match self {
            Self::Anonymous => false,
            Self::Node(_) => action == Action::Read,
            Self::Person(..) if names_another => false,
            Self::Token(role, ..) | Self::Person(role, ..) => allows(*role, action),
            Self::Admin => allows(Role::OrgOwner, action),
        };
        match (access, self) {
            (Access::Public | Access::Credential, _) => 200,
            (_, Self::Anonymous) => 401,
            (Access::Anyone, _) => 200,
            (Access::Role(action), _) if may(action) => 200,
            (Access::Everywhere(action), _) if may(action) && everywhere => 200,
            (Access::Role(_) | Access::Everywhere(_), _) => 403,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Node(node) => format!("node of {}", node.org),
            Self::Token(role, org, _) => format!("{role:?} of {org}"),
            Self::Person(role, org, Shown::Token(_)) => format!("a person, {role:?} of {org}"),
            Self::Person(role, org, Shown::Cookie(_)) => format!("a session, {role:?} of {org}"),
            Self::Admin => "admin".to_owned(),
        }
    }
}

/// The words with which the list refuses: a handler refuses in others.
const OF_THE_LIST: [&str; 3] =
    ["show an API token", "your role does not let you", "only the organisation ledger"];

async fn ask(world: &World, row: &Row, who: &Who) -> (StatusCode, String) {
    let hash = "0".repeat(64);
    let path = row.path.replace("{id}", NODE).replace("{org}", "acme").replace("{seq}", "0");
    let path = path.replace("{first}", "0").replace("{file}", "0.jsonl").replace("{key}", &hash);
    let path = path.replace("{hash}", &hash).replace("{assignment}", &hash).replace("{token_id}", &hash);
    let body: &[u8] = if row.body.most().is_some() { b"{}" } else { b"" };
    let request = match who {
        Who::Admin => world.admin_request(row.method.clone(), &path),
        _ => world.request(row.method.clone(), &path),
    };
    let request = match row.body.media().first() {
        Some(media) => request.header("content-type", *media).body(body),
        None => request,
    };
    let request = match who {
        Who::Person(_, _, Shown::Cookie(cookie)) => {
            request.header("cookie", cookie).header("sec-fetch-site", "same-origin")
        }
        _ => request,
    };
    let jwt;
    let token = match who {
        Who::Anonymous | Who::Admin | Who::Person(_, _, Shown::Cookie(_)) => None,
        Who::Token(_, _, token) | Who::Person(_, _, Shown::Token(token)) => Some(token.as_str()),
        Who::Node(node) => {
            jwt = node.jwt(body, |_, _| {});
            Some(jwt.as_str())
        }
    };
    let answer = with_token(request, token).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let is_stream = headers.get("content-type").is_some_and(|of| of == "text/event-stream");
    assert!(!is_stream || headers["x-accel-buffering"] == "no");
    // A stream has no end.
    let text = if is_stream { String::new() } else { answer.text().await.unwrap() };
    (status, text)
}

/// A person for each role in each organisation, with the token of a provider that gives it; and sessions of some of them.
async fn people(world: &World) -> (Provider, Vec<Who>) {
    let key = Key::ed25519("k1", "EdDSA", 9);
    let provider = Provider::start(&[&key]).await;
    believe(world, &provider, |_| ()).await;
    let header = json!({"alg": "EdDSA", "kid": "k1"});
    let mut people = Vec::new();
    for role in Role::ALL {
        for org in ["acme", "other", "ledger"] {
            let group = format!("{org}-{}", role.as_str());
            let rule = json!({"provider": "example", "claim": "groups", "value": group, "role": role});
            let id = Uuid::v4(*blake3::hash(group.as_bytes()).as_bytes().first_chunk().unwrap());
            let path = format!("/api/orgs/{org}/sign-in-rules/{id}");
            let answer = world.admin(Method::PUT, &path, Some(&rule)).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let claims = provider.claims(world, |claims| {
                claims["groups"] = json!([group]);
                claims["sub"] = json!(group);
                claims["exp"] = json!(world.ledger.now().secs() + 3600);
            });
            let token = key.sign(&header, &claims);
            if org == "acme" || role == Role::OrgOwner {
                let tokens = Tokens { id_token: token.clone(), access_token: None, refresh_token: None };
                let signed_in = SignedIn {
                    provider: "example".parse().unwrap(),
                    issuer: provider.issuer.clone(),
                    subject: group,
                    sid: None,
                    tokens,
                };
                let cookie = world.app.people().begin(signed_in).unwrap();
                let cookie = cookie.split(';').next().unwrap().to_owned();
                people.push(Who::Person(role, org, Shown::Cookie(cookie)));
            }
            people.push(Who::Person(role, org, Shown::Token(token)));
        }
    }
    (provider, people)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_with_every_kind_of_principal() {
    let world = World::start().await;
    let mut everybody = vec![Who::Anonymous, Who::Admin];
    for org in ["acme", "other"] {
        everybody.push(Who::Node(Box::new(world.node(org).await)));
    }
    for role in Role::ALL {
        for org in ["acme", "other", "ledger"] {
            everybody.push(Who::Token(role, org, world.token(org, role.as_str()).await));
        }
    }
    let (_provider, people) = people(&world).await;
    everybody.extend(people);
    let rows = rows();
    for row in &rows {
        for who in &everybody {
            // It ends the session, which is tried elsewhere.
            if row.path == "/sign-out" && matches!(who, Who::Person(_, _, Shown::Cookie(_))) {
                continue;
            }
            let (status, text) = ask(&world, row, who).await;
            let what = format!("{row:?} by {}: {status} {text}", who.name());
            assert!(!status.is_server_error(), "{what}");
            let by_the_list = OF_THE_LIST.iter().any(|words| text.contains(words))
                || row.path == "/" && status == StatusCode::UNAUTHORIZED;
            match who.expected(row) {
                200 => assert!(!by_the_list || row.access == Access::Credential, "{what}"),
                refused => assert_eq!((status.as_u16(), by_the_list), (refused, true), "{what}"),
            }
        }
    }
    // Another organisation's things are nobody's but its own and the ledger's.
    for row in rows.iter().filter(|row| row.path.contains("{org}") && row.method == Method::GET) {
        for who in &everybody {
            let of_other = match who {
                Who::Node(node) => node.org.as_str() == "other",
                Who::Token(_, org, _) | Who::Person(_, org, _) => *org == "other",
                Who::Anonymous | Who::Admin => false,
            };
            if of_other {
                let (status, text) = ask(&world, row, who).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{row:?} by {}: {text}", who.name());
            }
        }
    }
    world.finish().await;
}

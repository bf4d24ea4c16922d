//! Asking who has what: sentinels for the primary, and nodes of a cluster for the owners of its slots.
//!
//! All are asked at once, and who is silent is not waited for. They may disagree for a moment, after a
//! failover that not all have heard of, or where some are cut off: whoever knows of the latest is right, and
//! they count them, sentinels by the `config-epoch` of the primary, nodes by the `current_epoch` of their
//! cluster.

use std::{collections::HashMap, time::Duration};

use deadpool_redis::redis::{self, ErrorKind, RedisError, RedisResult, Value, from_redis_value};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, timeout, timeout_at};

use super::{ConnectError, Connection, Doors, Node, address::Form, owners::Slots};
use crate::keys::SLOTS;

/// How long one may take to answer, with the connection.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// How long the others are waited for when the first has answered.
const OTHERS_MAX: Duration = Duration::from_millis(50);

/// What one says of who has what, and how many failovers it knows of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Whether it is among those who decide that: one that is cut off may count on by itself.
    pub(super) is_well: bool,
    pub(super) failovers: u64,
    pub(super) owners: Vec<(Slots, Node)>,
}

impl Said {
    /// Which is better: of one that is well, the later, and of these the one that knows more.
    fn rank(&self) -> (bool, u64, usize) {
        let slots = self.owners.iter().map(|((first, last), _)| usize::from(last - first) + 1);
        (self.is_well, self.failovers, slots.sum())
    }
}

/// Connections to those who can be asked.
#[derive(Default)]
pub(super) struct Asked(HashMap<Node, Connection>);

impl Asked {
    /// Who has what, by those of all who know best: whom the settings name at the moment, and `known`.
    pub(super) async fn ask(
        &mut self,
        doors: &Doors,
        form: &Form,
        known: Vec<Node>,
    ) -> Result<Said, ConnectError> {
        let mut nodes = doors.named(form.clone()).await?;
        nodes.extend(known);
        nodes.sort_unstable();
        nodes.dedup();
        let mut kept = std::mem::take(&mut self.0);
        let asking = nodes.into_iter().map(|node| {
            let connection = kept.remove(&node);
            async move {
                let asked = timeout(ANSWER_MAX, ask(doors, form, &node, connection)).await;
                let silent = || ConnectError::Silent { host: node.to_string() };
                asked.unwrap_or_else(|_| Err(silent())).map(|answered| (node, answered))
            }
        });
        let mut answers: FuturesUnordered<_> = asking.collect();
        let (mut best, mut why): (Option<Said>, _) = (None, None);
        let mut until = Instant::now() + 2 * ANSWER_MAX;
        while let Ok(Some(answer)) = timeout_at(until, answers.next()).await {
            match answer {
                Ok((node, (connection, said))) => {
                    self.0.insert(node, connection);
                    if best.is_none() {
                        until = Instant::now() + OTHERS_MAX;
                    }
                    best = best.filter(|best| best.rank() >= said.rank()).or(Some(said));
                }
                Err(error) => why = Some(error),
            }
        }
        best.ok_or(why.unwrap_or(ConnectError::NoneInTime))
    }
}

/// Asks one, and keeps the connection if it answers.
async fn ask(
    doors: &Doors,
    form: &Form,
    node: &Node,
    connection: Option<Connection>,
) -> Result<(Connection, Said), ConnectError> {
    let mut connection = match (connection, form) {
        (Some(connection), _) => connection,
        (None, Form::Sentinels(_)) => {
            doors.enter_sentinel(node).await.map_err(|error| error.of_sentinel(form))?
        }
        (None, _) => doors.enter(node).await?,
    };
    let said = match form {
        Form::Sentinels(name) => primary(&mut connection, name, node).await,
        _ => slots(&mut connection, node).await,
    };
    let host = || node.to_string();
    said.map(|said| (connection, said)).map_err(|error| ConnectError::of_asked(host(), form, error))
}

/// Asks a sentinel for the primary.
async fn primary(connection: &mut Connection, name: &str, asked: &Node) -> RedisResult<Said> {
    let mut questions = redis::pipe();
    questions.ignore_errors();
    questions.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    questions.cmd("SENTINEL").arg("MASTER").arg(name);
    let (address, facts): (Value, Value) = questions.query_async(&mut **connection).await?;
    read_primary(address, facts.extract_error()?, asked)
}

/// The address is that of the new primary from when it is one; the facts are of the old one until all have
/// heard of it.
fn read_primary(address: Value, facts: Value, asked: &Node) -> RedisResult<Said> {
    let unreadable = || unreadable("a sentinel does not say where the primary is");
    let (host, port): (String, String) = from_redis_value(address.extract_error()?)?;
    let facts: HashMap<String, String> = from_redis_value(facts)?;
    let fact = |name| facts.get(name).map_or("", String::as_str);
    let at = |host: &str, port: &str| Node::on(host, port.parse().ok()?, asked);
    let node = at(&host, &port).ok_or_else(unreadable)?;
    let failovers = fact("config-epoch").parse::<u64>().map_err(|_| unreadable())?;
    let is_under_way = at(fact("ip"), fact("port")).ok_or_else(unreadable)? != node;
    let failovers = failovers.saturating_add(is_under_way.into());
    Ok(Said { is_well: true, failovers, owners: vec![((0, SLOTS - 1), node)] })
}

/// Asks a node for the owners of all slots.
async fn slots(connection: &mut Connection, asked: &Node) -> RedisResult<Said> {
    let mut questions = redis::pipe();
    // Each by itself, for an error of a whole pipeline does not say what it is.
    questions.ignore_errors().cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
    let (facts, slots): (Value, Value) = questions.query_async(&mut **connection).await?;
    let facts: String = from_redis_value(facts.extract_error()?)?;
    read_slots(&facts, from_redis_value(slots.extract_error()?)?, asked)
}

fn read_slots(facts: &str, slots: Vec<Value>, asked: &Node) -> RedisResult<Said> {
    let epoch = facts.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:"));
    let failovers = epoch.and_then(|epoch| epoch.trim().parse().ok());
    let failovers = failovers.ok_or_else(|| unreadable("a node does not say its current epoch"))?;
    let read = |range| {
        read_range(range, asked).ok_or_else(|| unreadable("a node does not say who has its slots"))
    };
    let owners = slots.into_iter().map(read).collect::<RedisResult<_>>()?;
    let is_well = facts.lines().any(|line| line.trim() == "cluster_state:ok");
    Ok(Said { is_well, failovers, owners })
}

/// The first slot, the last one, and their master: host, port and more; then its replicas.
fn read_range(range: Value, asked: &Node) -> Option<(Slots, Node)> {
    let Value::Array(parts) = range else { return None };
    let mut parts = parts.into_iter();
    // The library would cut off what does not fit.
    let small = |value| u16::try_from(from_redis_value::<i64>(value).ok()?).ok();
    let mut slot = || parts.next().and_then(small).filter(|slot| *slot < SLOTS);
    let (first, last) = (slot()?, slot()?);
    let Value::Array(master) = parts.next()? else { return None };
    let mut master = master.into_iter();
    let host = from_redis_value::<Option<String>>(master.next()?).ok()?;
    let port = small(master.next()?)?;
    let node = Node::on(host.as_deref().unwrap_or_default(), port, asked)?;
    (first <= last).then_some(((first, last), node))
}

fn unreadable(what: &'static str) -> RedisError {
    (ErrorKind::UnexpectedReturnType, what).into()
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::parse_redis_value;

    use super::*;

    fn at(host: &str, port: u16) -> Node {
        Node::At { host: host.to_owned(), port }
    }

    fn reply(words: &[&str]) -> Value {
        Value::Array(words.iter().map(|word| Value::BulkString(word.as_bytes().into())).collect())
    }

    #[test]
    fn a_sentinel_says_where_the_primary_is_and_of_how_many_failovers_it_knows() {
        let asked = at("10.0.0.1", 26_379);
        let facts = ["name", "prime", "ip", "10.0.0.7", "port", "6379", "config-epoch", "3"];
        let said =
            |host: &str, port: &str| read_primary(reply(&[host, port]), reply(&facts), &asked);
        let of = |failovers, host: &str| Said {
            is_well: true,
            failovers,
            owners: vec![((0, SLOTS - 1), at(host, 6_379))],
        };
        assert_eq!(said("10.0.0.7", "6379").unwrap(), of(3, "10.0.0.7"));
        assert_eq!(said("10.0.0.8", "6379").unwrap(), of(4, "10.0.0.8"), "in mid-failover");
        assert!(said("10.0.0.7", "70000").is_err());
        for (wrong, right) in
            [("port", "prot"), ("6379", "70000"), ("3", "-1"), ("config-epoch", "x")]
        {
            let facts = reply(&facts.map(|word| if word == wrong { right } else { word }));
            let address = reply(&["10.0.0.7", "6379"]);
            assert!(read_primary(address, facts, &asked).is_err(), "{right}");
        }
        assert!(read_primary(Value::Nil, reply(&facts), &asked).is_err());
    }

    #[test]
    fn a_node_says_who_has_which_slots_and_of_how_many_failovers_it_knows() {
        let facts = "cluster_state:ok\r\ncluster_current_epoch:6\r\n";
        let range = |wire: &str| parse_redis_value(wire.as_bytes()).unwrap();
        let asked = at("10.0.0.1", 7_000);
        let known =
            "*4\r\n:0\r\n:99\r\n*3\r\n$4\r\nhost\r\n:7001\r\n$1\r\na\r\n*2\r\n$1\r\nr\r\n:1\r\n";
        let here = "*3\r\n:100\r\n:16383\r\n*2\r\n$-1\r\n:7000\r\n";
        let said = read_slots(facts, vec![range(known), range(here)], &asked).unwrap();
        let owners = vec![((0, 99), at("host", 7_001)), ((100, SLOTS - 1), asked.clone())];
        assert_eq!(said, Said { is_well: true, failovers: 6, owners });
        assert_eq!(said.rank(), (true, 6, usize::from(SLOTS)));
        let alone = read_slots("cluster_state:fail\r\ncluster_current_epoch:99", vec![], &asked);
        assert!(alone.unwrap().rank() < said.rank(), "one that is cut off counts on by itself");

        assert!(read_slots("cluster_state:ok", vec![range(known)], &asked).is_err());
        for wrong in [
            ":1\r\n",
            "*0\r\n",
            "*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
            "*3\r\n:2\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
            "*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:70000\r\n",
            "*3\r\n:0\r\n:1\r\n*0\r\n",
        ] {
            assert!(read_slots(facts, vec![range(wrong)], &asked).is_err(), "{wrong}");
        }
    }
}

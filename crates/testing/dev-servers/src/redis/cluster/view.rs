//! What one node of a cluster knows of all.

use std::ops::RangeInclusive;

use super::super::node::{RedisNode, lacking};
use crate::ServerError;

/// All nodes that a node knows, itself included, in the order of their ids.
pub(super) type View = Vec<Seen>;

/// A node as another one sees it, or it itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) id: String,
    pub(super) port: u16,
    /// The id of its master, if it is a replica.
    pub(super) master: Option<String>,
    /// Whether it is heard, and nobody doubts that.
    pub(super) is_well: bool,
    /// Whether it is agreed that it is dead.
    pub(super) is_missed: bool,
    /// When it got the slots it has: of two that claim one, the later has it.
    pub(super) epoch: u64,
    pub(super) slots: Vec<RangeInclusive<u16>>,
}

/// Asks a node for its view.
pub(super) fn of(node: &RedisNode) -> Result<View, ServerError> {
    let said = node.look("CLUSTER NODES")?.join("\n");
    let view = said.lines().map(seen).collect::<Option<View>>();
    let mut view = view.ok_or_else(|| lacking(format!("not a list of nodes:\n{said}")))?;
    view.sort_by(|one, two| one.id.cmp(&two.id));
    Ok(view)
}

/// The node that has a slot in this view.
pub(super) fn owner(view: &[Seen], slot: u16) -> Option<&Seen> {
    view.iter().find(|seen| seen.slots.iter().any(|slots| slots.contains(&slot)))
}

/// Reads a line such as
/// `07c3… 127.0.0.1:10001@10002 myself,master - 0 1426238316232 2 connected 0-5460 5462 [93->-292f…]`.
fn seen(line: &str) -> Option<Seen> {
    let mut words = line.split(' ');
    let id = words.next()?.to_owned();
    let port = words.next()?.split('@').next()?.rsplit(':').next()?.parse().ok()?;
    let flags = words.next()?.split(',').collect::<Vec<_>>();
    let master = words.next().filter(|&master| master != "-").map(str::to_owned);
    let epoch = words.nth(2)?.parse().ok()?;
    let is_connected = words.next()? == "connected";
    let doubts = ["fail", "fail?", "handshake", "noaddr"];
    let is_well = is_connected && !flags.iter().any(|flag| doubts.contains(flag));
    let is_missed = flags.contains(&"fail");
    // Those on their way are in brackets, and are where they were until they have arrived.
    let slots = words.filter(|words| !words.starts_with('[')).map(range).collect::<Option<_>>()?;
    Some(Seen { id, port, master, is_well, is_missed, epoch, slots })
}

fn range(word: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

//! The library of a version before beside this one, on one server: an upgrade, and a way back.

use dev_servers::RedisServer;
use domain::{
    Epoch, Sale,
    ports::{LoadReply, PlaceReply},
};
use store_contract::fixtures::{NOW, new_code, open_sale, user};

use crate::{call, call_on, parts::LEDGER, stores::live_on};

/// The libraries of the versions before, to the letter.
const BEFORE: [Before; 2] = [
    Before { name: "flashsale_v2", text: include_str!("../libraries/flashsale_v2.lua") },
    Before { name: "flashsale_v3", text: include_str!("../libraries/flashsale_v3.lua") },
];

struct Before {
    name: &'static str,
    text: &'static str,
}

impl Before {
    fn call(&self, server: &RedisServer, sale: &Sale, function: &str, words: &[&str]) -> String {
        call_on(server, sale, &format!("{}_{function}", self.name), words)
    }

    /// Loads a sale of five units, as a process of that version does.
    fn load(&self, server: &RedisServer, sale: &Sale, epoch: i64) -> String {
        let Sale { window, .. } = sale;
        let words = [epoch, 5, 5, 60_000, window.starts_at().0, window.ends_at().0];
        let mut words: Vec<_> = words.iter().map(ToString::to_string).collect();
        words.extend(["active".to_owned(), NOW.0.to_string()]);
        words.extend(["0", "1", "0", "0", "1", "5"].map(str::to_owned));
        words.push(LEDGER.to_owned());
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.call(server, sale, "load", &words)
    }

    fn place(&self, server: &RedisServer, sale: &Sale) -> String {
        let code = new_code(sale.id).to_string();
        self.call(server, sale, "place_holds", &[&code, "ann", LEDGER])
    }

    fn status(&self, server: &RedisServer, sale: &Sale) -> String {
        self.call(server, sale, "status", &[LEDGER])
    }
}

/// A server for each version before, with its library and a sale that it has loaded.
fn served_before() -> impl Iterator<Item = (Before, RedisServer, Sale)> {
    BEFORE.into_iter().map(|before| {
        let server = RedisServer::start().unwrap();
        call(&server, &["FUNCTION", "LOAD", before.text]);
        let sale = open_sale(5, 5);
        assert_eq!(before.load(&server, &sale, 1), "loaded");
        (before, server, sale)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_takes_the_sale_over_and_the_version_before_leaves_it_alone() {
    for (before, server, sale) in served_before() {
        let live = live_on(&server);

        // The first process of this version finds the sale unserved, as after a loss.
        assert_eq!(live.sales.status(sale.id).await.unwrap(), None);
        assert_eq!(live.ask(&sale, &user("ann")).await, PlaceReply::NotLoaded);
        let taken_over = Sale { epoch: Epoch(2), ..sale };
        assert_eq!(live.load(taken_over, vec![]).await, LoadReply::Loaded);

        assert_eq!(before.place(&server, &sale), "not_loaded");
        assert_eq!(before.status(&server, &sale), "newer_library");
        assert_eq!(before.load(&server, &sale, 3), "newer_library");
        assert_eq!(live.take(&taken_over, &user("ann")).await.epoch, Epoch(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_was_handed_over_is_served_by_the_version_before_and_can_be_taken_again() {
    for (before, server, sale) in served_before() {
        let live = live_on(&server);
        let upgraded = Sale { epoch: Epoch(2), ..sale };
        live.load(upgraded, vec![]).await;
        assert_eq!(before.load(&server, &sale, 3), "newer_library");

        // What `flashsale sales hand-over` does, when no process of this version is left.
        live.sales.forget(sale.id).await.unwrap();

        assert_eq!(before.status(&server, &sale), "not_loaded");
        assert_eq!(before.load(&server, &sale, 3), "loaded");
        assert!(before.place(&server, &sale).starts_with("served 3 "));
        let again = Sale { epoch: Epoch(4), ..sale };
        assert_eq!(live.load(again, vec![]).await, LoadReply::Loaded);
        live.take(&again, &user("ann")).await;
    }
}

//! What a browser keeps, and what it cannot.

use std::thread;

use serde_json::{Value, json};

use super::visitor::{Shop, Visitor};

/// Has the storage that outlives a tab be full from now on.
const FULL: &str = "{ const put = Storage.prototype.setItem; Storage.prototype.setItem = function (...of) { if (this === localStorage && window.isFull) throw new DOMException('full', 'QuotaExceededError'); return put.apply(this, of); }; window.isFull = true; }";

/// Has no storage be there at all.
const BLOCKED: &str = "for (const it of ['localStorage', 'sessionStorage']) Object.defineProperty(window, it, { get() { throw new DOMException('blocked', 'SecurityError'); } });";

/// A code as the service makes them.
fn code(n: u32) -> String {
    format!("00000000-0196-8ef2-bb6b-{n:012x}")
}

/// A unit as the page keeps it.
fn unit(n: u32, is: &str, expires_at: &str) -> Value {
    json!({ "code": code(n), "sale": 1, "user": "pat", "unit": n, "name": format!("Unit No. {n}"), "image": format!("/items/1/{n}.svg"),
        "expires_at": expires_at, "is": is, "at": if is == "held" { Value::Null } else { expires_at.into() }, "hold_ms": 300_000 })
}

/// Puts units where the page keeps them.
fn keep(visitor: &Visitor, units: &[Value]) {
    visitor.read(&format!(
        "for (const it of {}) localStorage.setItem(`flashsale.unit.${{it.code}}`, JSON.stringify(it))",
        json!(units)
    ));
}

#[test]
fn what_a_full_browser_cannot_keep_this_tab_does_and_says_so() {
    let shop = Shop::open(&[]);
    let buyer = Visitor::stranger();
    buyer.prepare(FULL);
    buyer.open(shop.service.url());
    buyer.is_called("quin");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");

    // Another tab says that something is otherwise: what is kept is read again.
    buyer.read("dispatchEvent(new StorageEvent('storage', { key: null }))");

    buyer.waits(1_200);
    buyer.sees("hold");
    buyer.reads("kept", "This browser does not keep them");
    buyer.looks("full");
    shop.service.kill().unwrap();
    buyer.reads("banner", "in this tab alone");
    shop.service.start_again().unwrap();
    buyer.reads("linkText", "Live");
    buyer.read("window.isFull = false");
    buyer.presses("Buy it");
    buyer.sees("mine");
    buyer.reads("kept", "Kept in this browser only");
    assert_eq!(buyer.newest_is(), "bought");
}

#[test]
fn a_browser_that_keeps_nothing_at_all_buys() {
    let shop = Shop::open(&[]);
    let buyer = Visitor::stranger();
    buyer.prepare(BLOCKED);
    buyer.open(shop.service.url());
    buyer.is_called("ria");
    buyer.sees("open");

    buyer.presses("Get one");

    buyer.sees("hold");
    buyer.reads("kept", "This browser does not keep them");
    buyer.presses("Buy it");
    buyer.sees("mine");
    assert_eq!(buyer.complaints(), Vec::<String>::new());
}

#[test]
fn what_is_bought_or_on_hold_is_never_dropped_however_much_there_is() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("paul");
    buyer.sees("open");
    // The service knows none of them; whoever bought them has the proof here alone.
    let bought = (1..=210).map(|n| unit(n, "bought", "2025-01-01T00:00:00Z"));
    let over = (1_001..=1_300).map(|n| unit(n, "expired", "2099-01-01T00:00:00Z"));
    keep(&buyer, &bought.chain(over).collect::<Vec<_>>());
    buyer.reload();
    buyer.sees("open");

    buyer.presses("Get one");

    buyer.sees("hold");
    let count = |is: &str| buyer.kept().iter().filter(|it| it["is"] == is).count();
    assert_eq!((count("bought"), count("held")), (210, 1));
    assert!(count("expired") < 210, "{}", count("expired"));
}

#[test]
fn two_tabs_that_write_at_the_same_time_both_keep_what_they_wrote() {
    let shop = Shop::open(&[]);
    let one = shop.buyer("pat");
    one.sees("open");
    let two = one.another_tab(&shop);
    two.sees("open");
    let write = |tab: &Visitor, from: u32| {
        let grants: Vec<_> = (from..from + 60)
            .map(|n| json!({ "code": code(n), "sale_id": 1, "user_id": "pat", "unit": n, "expires_at": "2099-01-01T00:00:00Z",
                "item": { "name": format!("Unit No. {n}"), "image": format!("/items/1/{n}.svg") } }))
            .collect();
        tab.read(&format!("import('/pages/units.js').then(async it => {{ for (const grant of {}) {{ it.granted(grant); await new Promise(done => setTimeout(done, 2)); }} return 1; }})", Value::from(grants)));
    };

    thread::scope(|scope| {
        scope.spawn(|| write(&one, 1));
        scope.spawn(|| write(&two, 1_001));
    });

    // Browsers tell tabs of each other's writes a moment later.
    one.until(
        "Object.keys(localStorage).filter(it => it.startsWith('flashsale.unit.')).length === 120",
    );
}

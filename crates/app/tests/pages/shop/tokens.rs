//! Where buyers have tokens.

use dev_servers::TokenIssuer;
use tempfile::TempDir;

use super::visitor::Shop;

const SECRET: &str = "a secret of more than thirty-two bytes";

/// A shop that wants tokens, and who makes them.
struct Guarded {
    shop: Shop,
    issuer: TokenIssuer,
    _dir: TempDir,
}

impl Guarded {
    fn open(terms: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, SECRET).unwrap();
        let secret = [("BUYER_SECRET_FILE", file.to_str().unwrap()), ("BUYER_LEEWAY", "0s")];
        let shop = Shop::open(&[&secret, terms].concat());
        Self { shop, issuer: TokenIssuer::hs256(SECRET), _dir: dir }
    }

    /// A token that is good for so many seconds.
    fn token(&self, user: &str, for_s: i64) -> String {
        self.issuer.token_of(user, jiff::Timestamp::now().as_second() + for_s)
    }

    /// Has it no more be good.
    fn until_it_is_over(token_s: i64, begun: jiff::Timestamp) {
        while jiff::Timestamp::now().duration_since(begun).as_secs() <= token_s {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

#[test]
fn the_page_asks_for_a_token() {
    let guarded = Guarded::open(&[]);
    let buyer = guarded.shop.visitor();
    buyer.sees("open");
    buyer.reads("userLabel", "Your token");
    buyer.looks("token");

    buyer.is_called("no.such.token");
    buyer.presses("Get one");
    buyer.reads("userErr", "does not take this token");
    buyer.read("document.getElementById('user').value = ''");
    buyer.is_called(&guarded.token("peggy", 3_600));
    buyer.presses("Get one");

    buyer.reads("signedAs", "peggy");
    buyer.sees("hold");
    buyer.reload();
    buyer.sees("hold");
    buyer.presses("Buy it");
    buyer.sees("mine");
    assert_eq!(buyer.kept()[0]["user"], "peggy");
}

#[test]
fn another_tab_and_whoever_has_an_old_token_sign_in_while_a_unit_is_on_hold() {
    let guarded = Guarded::open(&[]);
    let buyer = guarded.shop.visitor();
    buyer.sees("open");
    let begun = jiff::Timestamp::now();
    buyer.is_called(&guarded.token("peggy", 8));
    buyer.presses("Get one");
    buyer.sees("hold");

    // What is kept for the tab is a token, and what for the browser, the unit.
    let other = buyer.another_tab(&guarded.shop);
    other.is_called(&guarded.token("peggy", 3_600));
    other.presses_in_form("Sign in");
    other.sees("hold");
    Guarded::until_it_is_over(9, begun);
    buyer.presses("Buy it");

    buyer.reads("msg", "Put in");
    buyer.sees("hold");
    buyer.is_called(&guarded.token("peggy", 3_600));
    buyer.looks("token-over");
    buyer.presses("Buy it");
    buyer.sees("mine");
    other.sees("mine");
}

#[test]
fn whose_token_is_over_is_asked_for_another_and_the_service_for_nothing() {
    let guarded = Guarded::open(&[("HOLD_TTL", "8s")]);
    let buyer = guarded.shop.visitor();
    buyer.sees("open");
    buyer.is_called(&guarded.token("peggy", 5));
    buyer.presses("Get one");
    buyer.sees("hold");

    buyer.until("!!document.getElementById('user').offsetParent");

    let so_far = buyer.has_asked("/checkouts/");
    buyer.waits(6_000);
    assert_eq!(buyer.has_asked("/checkouts/"), so_far);
    buyer.is_called(&guarded.token("peggy", 3_600));
    buyer.presses_in_form("Sign in");
    buyer.reads("msg", "Time ran out for");
    buyer.sees("open");
}

#[test]
fn whoever_signs_in_sees_their_units_and_those_of_others_stay() {
    let guarded = Guarded::open(&[]);
    let visitor = guarded.shop.visitor();
    visitor.sees("open");
    visitor.is_called(&guarded.token("peggy", 3_600));
    visitor.presses("Get one");
    visitor.sees("hold");
    visitor.presses("Buy it");
    visitor.sees("mine");
    visitor.presses("Get another");
    visitor.sees("hold");
    visitor.presses("Give it back");
    visitor.presses("Get one");
    visitor.sees("hold");
    visitor.presses("Get another");
    visitor.reads("mineSum", "1 bought, 2 on hold");

    visitor.reload();
    visitor.reads("mineSum", "1 bought, 2 on hold");
    visitor.read("sessionStorage.clear()");
    visitor.reload();
    visitor.sees("open");
    visitor.is_called(&guarded.token("mallory", 3_600));
    visitor.presses_in_form("Sign in");

    visitor.reads("signedAs", "mallory");
    visitor.reload();
    visitor.reads("signedAs", "mallory");
    visitor.sees("open");
    visitor.waits(1_500);
    assert_eq!((visitor.text("mineSum").as_str(), visitor.kept().len()), ("", 4));
    visitor.looks("token-of-another");
    visitor.read("document.getElementById('signOut').click()");
    visitor.is_called(&guarded.token("peggy", 3_600));
    visitor.presses_in_form("Sign in");
    visitor.reads("mineSum", "1 bought, 2 on hold");
    visitor.sees("hold");
}

#[test]
fn whoever_signs_out_leaves_nothing_to_see() {
    let guarded = Guarded::open(&[]);
    let visitor = guarded.shop.visitor();
    visitor.sees("open");
    visitor.is_called(&guarded.token("peggy", 3_600));
    visitor.presses("Get one");
    visitor.sees("hold");
    visitor.presses("Buy it");
    visitor.sees("mine");
    visitor.presses("Back to the sale");
    visitor.sees("open");

    visitor.read("document.getElementById('signOut').click()");

    visitor.until("!!document.getElementById('user').offsetParent");
    assert_eq!(visitor.text("mineSum"), "");
    visitor.reload();
    visitor.sees("open");
    visitor.until("!!document.getElementById('user').offsetParent");
    visitor.presses("Get one");
    visitor.reads("userErr", "Put in your token first");
}

#[test]
fn a_token_may_be_as_long_as_the_service_takes_it() {
    let guarded = Guarded::open(&[]);
    let visitor = guarded.shop.visitor();
    visitor.sees("open");
    let padding = "x".repeat(4_000);
    let until = jiff::Timestamp::now().as_second() + 3_600;
    let token = guarded
        .issuer
        .token(&format!("{{\"sub\":\"peggy\",\"exp\":{until},\"groups\":\"{padding}\"}}"));
    assert!(token.len() > 4_096);

    visitor.is_called(&token);
    visitor.presses("Get one");

    visitor.sees("hold");
}

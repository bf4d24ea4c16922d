//! Who is let in, and who is not any more.

use dev_servers::Meddling;

use super::room::Room;

#[test]
fn a_token_opens_the_room_and_is_kept_nowhere() {
    let room = Room::open();
    let ann = room.stranger();
    ann.until("document.activeElement.id === 'token'");
    ann.looks("door");
    ann.presses("Sign in");
    ann.reads("tokenErr", "Put in your token");
    ann.types("token", &"x".repeat(64));
    ann.presses("Sign in");
    ann.reads("tokenErr", "Nobody has this token");
    ann.looks("door-wrong");

    ann.types("token", ann.token());
    ann.press("Enter");

    ann.is_in();
    ann.reads("title", "Pocket Curios, sale 1");
    let kept = ann.read("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, document.getElementById('token').value])");
    assert!(!kept.as_str().unwrap().contains(&ann.token()[4..]), "{kept}");
    ann.reload();
    ann.is_in();
    ann.presses("Sign out");
    ann.reads("doorWhy", "You are signed out");
    ann.reload();
    ann.until("!document.getElementById('door').hidden");
}

#[test]
fn whoever_guesses_too_often_is_told_to_wait() {
    let room = Room::open();
    let ann = room.stranger();
    let busy = r#"{"type":"/problems/too-many-requests","title":"Too many requests","status":429}"#;
    ann.meddle(
        "*/admin/session",
        Meddling::Answer(429, "application/problem+json", busy.to_owned()),
    );

    ann.types("token", &"x".repeat(64));
    ann.presses("Sign in");

    ann.reads("tokenErr", "none is looked at for 50 s");
}

#[test]
fn whose_session_ended_is_told_and_signs_in_again() {
    let room = Room::open();
    let ann = room.operator();
    let elsewhere = ann.another_tab(&room);
    elsewhere.presses("Sign out");
    elsewhere.reads("doorWhy", "You are signed out");

    ann.reads("doorWhy", "Your session is over");
    assert!(!ann.text("main").contains("Curios"), "nothing of it stays");
    ann.types("token", ann.token());
    ann.presses("Sign in");
    ann.is_in();
}

#[test]
fn an_order_of_whoever_is_not_signed_in_any_more_is_not_carried_out() {
    let room = Room::open();
    let ann = room.operator();
    ann.presses("Pause");
    ann.is_asked("Pause sale 1?");
    ann.types("why", "too late");
    ann.until("!document.querySelector('.rests')");

    // At once, for the stream tells of it, too.
    ann.read("fetch('/admin/session', { method: 'DELETE' }).then(() => document.getElementById('act').click())");

    ann.reads("doorWhy", "nothing was done");
    ann.types("token", ann.token());
    ann.presses("Sign in");
    ann.is_in();
    assert!(ann.orders("sale-paused").is_empty());
}

#[test]
fn whoever_may_only_look_sees_all_of_it_and_no_button_that_acts() {
    let room = Room::open();
    let code = room.hold("alice");
    let bob = room.viewer();

    bob.reads("acts", "You may look. To act, sign in with a token of the role operator.");
    bob.looks_up(&code);
    bob.reads("found", "On hold for alice");
    bob.read("document.activeElement.blur()");
    bob.press("p");
    bob.press("e");
    bob.press("n");

    let acting = bob.read("[...document.querySelectorAll('button')].filter(it => it.offsetParent && it.innerText.includes('…')).length");
    assert_eq!(acting, 0);
    assert_eq!(bob.read("!!document.querySelector('dialog[open]')"), false);
    bob.looks("viewer");
}

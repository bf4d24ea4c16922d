//! What commands that order something have in common: who orders it and under what name, that it is in effect when
//! they end, and how what came of it is told.

use std::io::{self, Write};

use domain::{
    Code, Failure, SaleId, StoreError, UnixMillis,
    operator::{
        Acted, Action, ActionId, ActionRecord, Answer, Noted, Order, Refused, SaleSeen, Seen,
    },
    ports::Clock,
    sale::SaleState,
};
use http_api::{first_digits, rfc3339};
use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::{
    account::account,
    compose::ComposeError,
    config::ActorOptions,
    environment::TokioClock,
    orders::{Acting, document},
    output::output,
};

/// How long a command waits until the service goes by what it said.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long between two looks whether it is in effect.
const LOOK_AGAIN_MS: u64 = 50;

/// Why something that was ordered is not done, or not known to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the sale would be over already: it ends at {}", rfc3339(*.0))]
    Over(UnixMillis),
    #[error("it is not known whether it was done; the same command with `--id {0}` says so")]
    Unsure(ActionId, #[source] StoreError),
    /// Why, and the sale as it stands.
    #[error("{0}{1}")]
    Refused(Refused, String),
    /// Which order has the id, and in what it is another one.
    #[error(
        "the id is that of number {} of the trail: {} by {}, which differs in {}",
        .0.number, .0.action, .0.by, .1.join(", ")
    )]
    IdUsed(Noted, Vec<String>),
    /// How many of how many, and what is wrong with those that were tried.
    #[error("{missing} of {of} are not done: {}", .wrong.join("; "))]
    NotAll { missing: usize, of: usize, wrong: Vec<String> },
    #[error("{of} codes are more than the {max} that one command takes; none was cancelled")]
    TooMany { of: usize, max: usize },
    #[error("there is no sale {0}, or it has ended; `flashsale sales list` shows which there are")]
    NoSuchSale(SaleId),
    #[error(
        "the ledger has it, but whether the service goes by it was not seen within {}s; it looks \
         every few seconds", PATIENCE.as_secs()
    )]
    NotYet,
    #[error("there is no random source to draw an id from")]
    Random(#[from] getrandom::Error),
    #[error("cannot print")]
    Print(#[from] io::Error),
}

/// An order of whoever runs the command.
pub(crate) fn order_of(action: Action, actor: &ActorOptions) -> Result<Order, OrderError> {
    let id = id_of(actor)?;
    Ok(order_under(id, action, actor))
}

/// One for each of these codes. With more than one code, a name that is given is that of all together.
pub(crate) fn orders_of(
    codes: &[Code],
    action: fn(Code) -> Action,
    actor: &ActorOptions,
) -> Result<Vec<Order>, OrderError> {
    if let [code] = codes {
        return Ok(vec![order_of(action(*code), actor)?]);
    }
    let all = id_of(actor)?;
    let of = |&code: &Code| order_under(all.of_code(code), action(code), actor);
    Ok(codes.iter().map(of).collect())
}

fn order_under(id: ActionId, action: Action, actor: &ActorOptions) -> Order {
    let by = actor.by.clone().unwrap_or_else(account);
    Order { id, by, why: actor.why.clone(), request_id: None, action, if_at: None }
}

fn id_of(actor: &ActorOptions) -> Result<ActionId, getrandom::Error> {
    if let Some(id) = actor.id {
        return Ok(id);
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(ActionId::drawn(u128::from_be_bytes(bytes)))
}

/// Has an order carried out, and waits until it is in effect; says whether it is not after a while.
pub(crate) async fn act_until_in_effect(
    acting: &Acting,
    order: &Order,
) -> (Result<Answer, StoreError>, bool) {
    let give_up_at = Instant::now() + PATIENCE;
    let mut answer = acting.act(order).await;
    // The same order again does nothing more, and says whether it is in effect by now.
    while matches!(answer, Ok(Answer::Done { in_effect: false, .. })) && Instant::now() < give_up_at
    {
        TokioClock.wait(LOOK_AGAIN_MS).await;
        answer = acting.act(order).await;
    }
    let is_late = matches!(answer, Ok(Answer::Done { in_effect: false, .. }));
    (answer, is_late)
}

/// Says to programs what came of an order; returns the row of the trail if it was carried out.
pub(crate) fn print_answer(
    order: &Order,
    answer: Result<Answer, StoreError>,
    actor: &ActorOptions,
) -> Result<ActionRecord, OrderError> {
    if let (Ok(answer), true) = (&answer, actor.json) {
        print_document(answer)?;
    }
    read_answer(order, answer)
}

/// What came of an order, for programs.
fn print_document(answer: &Answer) -> io::Result<()> {
    let (record, in_effect, replayed) = match answer {
        Answer::Done { record, in_effect, is_replayed } => (record, *in_effect, *is_replayed),
        Answer::Refused { record, is_replayed } => (record, false, *is_replayed),
        Answer::IdUsed(record) => (record, false, true),
    };
    let action = document(record);
    let said = json!({ "action": action, "in_effect": in_effect, "replayed": replayed });
    writeln!(output(), "{said}")
}

/// The row of the trail, if the order was carried out; else why not.
fn read_answer(
    order: &Order,
    answer: Result<Answer, StoreError>,
) -> Result<ActionRecord, OrderError> {
    match answer {
        Ok(Answer::Done { record, .. }) => Ok(record),
        Ok(Answer::IdUsed(record)) => {
            Err(OrderError::IdUsed(Noted::of(&record), order.differs_from(&record.order)))
        }
        Ok(Answer::Refused { record, .. }) => Err(refusal(&order.action, record)),
        Err(error) if error.failure() == Failure::Unknown => {
            Err(OrderError::Unsure(order.id, error))
        }
        Err(error) => Err(OrderError::Store(error)),
    }
}

/// What is wrong, with the code that it is about: there are others.
pub(crate) fn of_code(order: &Order, error: &OrderError) -> String {
    let code = order.action.code().map(first_digits).unwrap_or_default();
    match error {
        // Nobody has the name that was drawn of it.
        OrderError::Unsure(..) => {
            format!(
                "{code} it is not known whether it was done; `flashsale codes show` says what it is"
            )
        }
        error => format!("{code} {error}"),
    }
}

fn refusal(action: &Action, ActionRecord { outcome, before, .. }: ActionRecord) -> OrderError {
    match (outcome, action, action.sale()) {
        (Acted::Refused(Refused::EndsInThePast { .. }), Action::ScheduleSale { window, .. }, _) => {
            OrderError::Over(window.ends_at())
        }
        (Acted::Refused(Refused::NoSuchSale | Refused::SaleEnded { .. }), _, Some(sale)) => {
            OrderError::NoSuchSale(sale)
        }
        (Acted::Refused(refused), ..) => OrderError::Refused(refused, standing(before.as_ref())),
        // What is done is not refused.
        (Acted::Done(_), ..) => OrderError::NotYet,
    }
}

/// A sale as it stands, for whoever is refused.
fn standing(seen: Option<&Seen>) -> String {
    let Some(Seen::Sale(SaleSeen { window, terms, state, .. })) = seen else {
        return String::new();
    };
    let paused = if *state == SaleState::Paused { ", paused" } else { "" };
    format!(
        "; the sale is from {} to {}, {} units, {} a user{paused}",
        rfc3339(window.starts_at()),
        rfc3339(window.ends_at()),
        terms.stock(),
        terms.per_user_limit()
    )
}

//! `flashsale purchases`: purchases that operators cancel, one or several.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use domain::{
    Code, SaleId, StoreError,
    operator::{Action, Answer, Order},
};

use crate::{
    actions_command::{print_heading, print_row, told},
    compose,
    config::{ActorOptions, Config, PurchasesCommand},
    order_command::{OrderError, act_until_in_effect, of_code, orders_of, print_answer},
    orders::Acting,
};

/// The most purchases that one command cancels.
const CODES_MAX: usize = 1_000;

/// What came of an order as far as it is known.
type Told<'o> = (&'o Order, Result<Answer, StoreError>);

/// Cancels purchases, and waits until their units are on sale again.
pub(crate) async fn run(command: PurchasesCommand, config: &Config) -> Result<(), OrderError> {
    let PurchasesCommand::Cancel { codes, reason, actor } = command;
    let actor = ActorOptions { why: Some(reason), ..actor };
    let codes = each_once(&codes);
    if codes.len() > CODES_MAX {
        return Err(OrderError::TooMany { of: codes.len(), max: CODES_MAX });
    }
    let orders = orders_of(&codes, Action::CancelPurchase, &actor)?;
    let (acting, _) = compose::acting(config).await?;
    match orders.as_slice() {
        [order] => cancel(&acting, order, &actor).await,
        orders => cancel_all(&acting, orders, &actor).await,
    }
}

/// Codes in the order in which they were named: whoever names one twice means one purchase.
fn each_once(codes: &[Code]) -> Vec<Code> {
    let mut seen = BTreeSet::new();
    codes.iter().copied().filter(|code| seen.insert(*code)).collect()
}

async fn cancel(acting: &Acting, order: &Order, actor: &ActorOptions) -> Result<(), OrderError> {
    let (answer, is_late) = act_until_in_effect(acting, order).await;
    told(&print_answer(order, answer, actor)?, actor)?;
    if is_late { Err(OrderError::NotYet) } else { Ok(()) }
}

/// Each in its own right: what stands in the way of one is none of the others'. All are carried out before any is
/// waited for, so that each of their sales is loaded once.
async fn cancel_all(
    acting: &Acting,
    orders: &[Order],
    actor: &ActorOptions,
) -> Result<(), OrderError> {
    let (mut answers, mut table) = (Vec::with_capacity(orders.len()), Table::default());
    for order in orders {
        let answer = acting.carry_out(order).await;
        if !actor.json {
            table.show(&answer)?;
        }
        let is_lost = answer.is_err();
        answers.push((order, answer));
        // What keeps a store from answering keeps it from the next ones, too.
        if is_lost {
            break;
        }
    }
    let late = await_effect(acting, &answers).await;
    let (of, not_tried) = (orders.len(), orders.len() - answers.len());
    let mut wrong = Vec::new();
    for (order, answer) in answers {
        let is_late = order.action.sale().is_some_and(|sale| late.contains(&sale));
        let answer = answer.map(|answer| seen_in_effect(answer, !is_late));
        if let Err(error) = print_answer(order, answer, actor) {
            wrong.push(of_code(order, &error));
        }
    }
    match (wrong.len() + not_tried, late.is_empty()) {
        (0, true) => Ok(()),
        (0, false) => Err(OrderError::NotYet),
        (missing, _) => Err(OrderError::NotAll { missing, of, wrong }),
    }
}

/// A table for people, whose rows are shown as soon as there are any.
#[derive(Default)]
struct Table {
    has_heading: bool,
}

impl Table {
    fn show(&mut self, answer: &Result<Answer, StoreError>) -> io::Result<()> {
        let Ok(Answer::Done { record, .. } | Answer::Refused { record, .. }) = answer else {
            return Ok(());
        };
        if !std::mem::replace(&mut self.has_heading, true) {
            print_heading()?;
        }
        print_row(record)
    }
}

/// Waits until what was done is in effect; returns the sales of which that was not seen. Of each sale the order with
/// the highest epoch is given once more, and is in effect when all are.
async fn await_effect(acting: &Acting, answers: &[Told<'_>]) -> BTreeSet<SaleId> {
    let mut last = BTreeMap::new();
    for (order, answer) in answers {
        let Ok(Answer::Done { record, .. }) = answer else { continue };
        let Some((sale, epoch)) = record.sale.zip(record.epoch()) else { continue };
        let newest = last.entry(sale).or_insert((epoch, *order));
        if epoch > newest.0 {
            *newest = (epoch, *order);
        }
    }
    let mut late = BTreeSet::new();
    for (sale, (_, order)) in last {
        let (answer, _) = act_until_in_effect(acting, order).await;
        if !matches!(answer, Ok(Answer::Done { in_effect: true, .. })) {
            late.insert(sale);
        }
    }
    late
}

fn seen_in_effect(answer: Answer, in_effect: bool) -> Answer {
    match answer {
        Answer::Done { record, is_replayed, .. } => Answer::Done { record, in_effect, is_replayed },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_named_twice_is_one_purchase() {
        let sale = SaleId::try_from(7).unwrap();
        let [one, other] = [2, 1].map(|random| Code::new(sale, random));

        assert_eq!(each_once(&[one, other, one, other]), [one, other]);
    }
}

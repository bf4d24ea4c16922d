use proptest::prelude::*;

use super::*;

const SALE: i64 = 7;

/// Something that is done to a guard, with small numbers, so that they meet.
#[derive(Debug, Clone)]
enum Op {
    Admit { code: u8, unit: u8, slot: u8, user: u8 },
    Tombstone { code: u8 },
    End { code: u8, state: State },
    Cancel { code: u8 },
    Dismiss { code: u8 },
    Keep,
    Undo,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let ended =
        prop_oneof![Just(State::Sold { purchase: 1 }), Just(State::Expired), Just(State::Released)];
    let op = prop_oneof![
        8 => (0..12u8, 1..5u8, 0..2u8, 0..3u8)
            .prop_map(|(code, unit, slot, user)| Op::Admit { code, unit, slot, user }),
        1 => (0..12u8).prop_map(|code| Op::Tombstone { code }),
        4 => (0..12u8, ended).prop_map(|(code, state)| Op::End { code, state }),
        2 => (0..12u8).prop_map(|code| Op::Cancel { code }),
        1 => (0..12u8).prop_map(|code| Op::Dismiss { code }),
        2 => Just(Op::Keep),
        2 => Just(Op::Undo),
    ];
    prop::collection::vec(op, 0..60)
}

fn code_of(number: u8) -> Code {
    Code::new(SaleId::try_from(SALE).unwrap(), number.into())
}

fn hold(unit: u8, slot: u8, user: u8) -> Hold {
    Hold {
        unit: Unit::try_from(u32::from(unit)).unwrap(),
        slot: Slot(slot.into()),
        user: format!("user-{user}").parse().unwrap(),
        expires_at: UnixMillis(i64::from(unit) * 10),
    }
}

impl Guard {
    fn carry_out(&mut self, op: &Op) {
        match *op {
            Op::Admit { code, unit, slot, user } => {
                let hold = Some(hold(unit, slot, user));
                self.admit(code_of(code), Known { attempt: 1, state: State::Held, hold });
            }
            Op::Tombstone { code } => {
                let known = Known { attempt: 1, state: State::Void, hold: None };
                self.admit(code_of(code), known);
            }
            Op::End { code, state } => drop(self.end(code_of(code), state, |_| true)),
            Op::Cancel { code } => drop(self.cancel(code_of(code))),
            Op::Dismiss { code } => self.dismiss(code_of(code)),
            Op::Keep => self.keep(),
            Op::Undo => self.undo(),
        }
    }

    fn live(&self) -> Vec<(Code, Hold)> {
        let sales = self.sales.values().flat_map(|guarded| &guarded.codes);
        let live = sales.filter_map(|(&code, known)| Some((code, known.live_hold()?.clone())));
        live.collect()
    }
}

proptest! {
    /// Whatever is asked of it, no unit and no slot is live twice, and what it finds quickly is
    /// what it would find by looking at everything.
    #[test]
    fn nothing_is_live_twice(ops in ops()) {
        let mut guard = Guard::default();
        for op in &ops {
            guard.carry_out(op);

            let live = guard.live();
            let units: BTreeSet<_> = live.iter().map(|(_, hold)| hold.unit).collect();
            let slots: BTreeSet<_> =
                live.iter().map(|(_, hold)| (hold.user.clone(), hold.slot)).collect();
            prop_assert_eq!(units.len(), live.len());
            prop_assert_eq!(&slots.len(), &live.len());
            let sale = SaleId::try_from(SALE).unwrap();
            let listed = guard.live_units(sale);
            prop_assert!(listed.is_sorted_by_key(|unit| unit.unit));
            prop_assert_eq!(listed.len(), live.len());
            let held = listed.iter().filter(|unit| unit.held_until.is_some()).count();
            let overdue = guard.overdue(&[sale], UnixMillis(i64::MAX), usize::MAX);
            prop_assert_eq!(overdue.len(), held);
            if let Some(guarded) = guard.sales.get(&sale) {
                prop_assert_eq!(guarded.units.keys().copied().collect::<BTreeSet<_>>(), units);
                prop_assert_eq!(&guarded.slots.keys().cloned().collect::<BTreeSet<_>>(), &slots);
                for user in slots.iter().map(|(user, _)| user) {
                    let found: BTreeSet<_> =
                        guard.held_by(sale, user).map(|(code, hold)| (code, hold.slot)).collect();
                    let held = live.iter().filter(|(code, hold)| {
                        hold.user == *user && guarded.codes[code].state == State::Held
                    });
                    prop_assert_eq!(found, held.map(|(code, hold)| (*code, hold.slot)).collect());
                }
                let ended = guarded.codes.iter().filter(|(_, known)| !known.state.is_live());
                let ended: BTreeSet<_> = ended.map(|(&code, _)| code).collect();
                prop_assert_eq!(&guarded.ended, &ended);
            }
        }
    }

    /// What is undone is as if it had never been.
    #[test]
    fn what_is_undone_was_never_there(before in ops(), after in ops()) {
        let mut guard = Guard::default();
        let mut untouched = Guard::default();
        for op in &before {
            guard.carry_out(op);
            untouched.carry_out(op);
        }
        guard.keep();
        untouched.keep();

        for op in after.iter().filter(|op| !matches!(op, Op::Keep | Op::Undo)) {
            guard.carry_out(op);
        }
        guard.undo();

        prop_assert_eq!(guard, untouched);
    }
}

#[test]
fn what_has_ended_is_filed_in_its_order_round_and_round() {
    let sale = SaleId::try_from(SALE).unwrap();
    let mut guard = Guard::default();
    for code in 1..=6 {
        guard.carry_out(&Op::Tombstone { code });
    }
    let next = |guard: &mut Guard, kept, limit| {
        let next = guard.next_ended(sale, kept, limit);
        for (code, _) in &next {
            guard.dismiss(*code);
        }
        next.into_iter().map(|(code, _)| code).collect::<Vec<_>>()
    };

    assert_eq!(next(&mut guard, 6, 9), []);
    assert_eq!(next(&mut guard, 2, 3), [1, 2, 3].map(code_of));
    for code in [1, 2] {
        guard.carry_out(&Op::Tombstone { code });
    }
    assert_eq!(next(&mut guard, 0, 4), [4, 5, 6].map(code_of));
    assert_eq!(next(&mut guard, 0, 4), [1, 2].map(code_of));
}

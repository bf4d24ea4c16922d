//! Defences of whoever asks with a key.
//!
//! Two of them are not here, for neither chaos nor the simulation has been seen to get to where
//! they are needed: a grant has to be on its way to the ledger while its live store is lost and
//! loaded anew, its unit is given to somebody else, and an equal request is granted another one and
//! recorded. Tests of the domain go there (`tests/checkout/keyed.rs`): what was granted beside the
//! record goes back by its unit, and the answer is the record's.

use super::{Mutant, TriedBy};

const KEY: &str = "crates/domain/src/key.rs";
const KEYED: &str = "crates/domain/src/checkout/keyed.rs";

/// What a request with a key does with a grant that it could not record, and what one without.
const FREES_ITS_HOLD: (&str, &str, &str) = (
    KEYED,
    "self.conclude_shared(grant, user, recorded?).await,",
    "{
                let _ = Self::conclude_shared;
                let hold = self.conclude(grant, user, recorded).await;
                hold.map(|hold| hold.map(|hold| KeyedHold { hold, is_repeated: false }))
            }",
);

const LOOKS_NOWHERE: (&str, &str, &str) =
    (KEYED, "match self.answered.answered(code).await? {", "match Answered::NotYet {");

const IGNORES_USERS: (&str, &str, &str) =
    (KEY, "mac.update(user.as_str().as_bytes());", "let _ = user;");

pub(super) const MUTANTS: [Mutant; 10] = [
    Mutant {
        name: "keyed-hold-freed",
        tried_by: TriedBy::Simulation,
        what: "a request with a key that could not record its hold gives it back, also if an equal one did",
        changes: &[FREES_ITS_HOLD],
    },
    Mutant {
        name: "keyed-hold-freed",
        tried_by: TriedBy::Chaos,
        what: "the same",
        changes: &[FREES_ITS_HOLD],
    },
    Mutant {
        name: "keys-look-nowhere",
        tried_by: TriedBy::Simulation,
        what: "the ledger is not asked first what was granted to a key",
        changes: &[LOOKS_NOWHERE],
    },
    Mutant {
        name: "keys-look-nowhere",
        tried_by: TriedBy::Chaos,
        what: "the same",
        changes: &[LOOKS_NOWHERE],
    },
    Mutant {
        name: "keys-look-nowhere",
        tried_by: TriedBy::ChaosEmbedded,
        what: "the same",
        changes: &[LOOKS_NOWHERE],
    },
    Mutant {
        name: "ended-answers-forgotten",
        tried_by: TriedBy::Simulation,
        what: "a key whose hold has ended leads to the next code",
        changes: &[(
            "crates/testing/fakes/src/ledger.rs",
            "Some(AttemptRecord::Hold(hold)) => Answered::Granted(hold.granted()),",
            "Some(AttemptRecord::Hold(hold)) if hold.is_live() => Answered::Granted(hold.granted()),",
        )],
    },
    Mutant {
        name: "ended-answers-forgotten",
        tried_by: TriedBy::Chaos,
        what: "a key whose hold has ended has nothing",
        changes: &[(
            "crates/postgres-ledger/src/sql/read_grants.sql",
            "WHERE code = ANY ($1::uuid[])\n",
            "WHERE code = ANY ($1::uuid[]) AND state IN ('held', 'sold')\n",
        )],
    },
    Mutant {
        name: "keys-of-everybody",
        tried_by: TriedBy::Simulation,
        what: "equal keys of two users lead to one code",
        changes: &[IGNORES_USERS],
    },
    Mutant {
        name: "keys-of-everybody",
        tried_by: TriedBy::Chaos,
        what: "the same",
        changes: &[IGNORES_USERS],
    },
    Mutant {
        name: "keys-of-a-process",
        tried_by: TriedBy::Chaos,
        what: "a key leads to another code at another process",
        changes: &[(
            KEYED,
            "sale.salt.code(sale.id, user, key, nth)",
            "sale.salt.code(sale.id, user, key, nth ^ std::process::id().to_le_bytes()[0])",
        )],
    },
];

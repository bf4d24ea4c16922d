//! Operators' orders as text, between a command and the process that carries them out; and as JSON for
//! programs.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    Failure, ProductId, SaleId, Steering, StoreError, UnixMillis,
    operator::{Action, ActionRecord, Answer, Order, StoredAction},
    ports::{Operation, TrailPage},
    product::{Image, Picture, ProductChange},
};
use http_api::{first_digits, rfc3339, with_moments};
use memory_stores::{Orders, RemoteLive};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlite_ledger::InService;

/// Who carries orders out: this process, or the one that serves from the directory.
pub(crate) enum Acting {
    Here(Steering),
    /// The same, which serves from a directory for as long.
    Alone {
        steering: Steering,
        _in_service: InService,
    },
    There(RemoteLive),
}

/// A row of the trail on its way, or an order that has none yet.
#[derive(Serialize, Deserialize)]
struct Row {
    number: i64,
    acted_at: i64,
    id: String,
    operator: String,
    action: String,
    sale_id: Option<i64>,
    product_id: Option<i64>,
    code: Option<String>,
    asked: String,
    why: Option<String>,
    request_id: Option<String>,
    before: Option<String>,
    after: Option<String>,
    refused: Option<String>,
}

/// What the other process is asked.
#[derive(Serialize, Deserialize)]
enum Asked {
    Act {
        row: Row,
        /// The picture that comes with it, in base64. The row has what it is known by.
        picture: Option<String>,
        /// Whether it is answered before it is in effect.
        #[serde(default)]
        at_once: bool,
    },
}

/// What it answers.
#[derive(Serialize, Deserialize)]
enum Told {
    Done {
        row: Row,
        in_effect: bool,
        is_replayed: bool,
    },
    Refused {
        row: Row,
        is_replayed: bool,
    },
    IdUsed {
        row: Row,
    },
    /// It may have been done, or certainly was not; and why.
    Failed {
        is_unknown: bool,
        why: String,
    },
}

impl Acting {
    /// Carries an order out, and waits a while until it is in effect.
    pub(crate) async fn act(&self, order: &Order) -> Result<Answer, StoreError> {
        match self {
            Self::Here(steering) | Self::Alone { steering, .. } => steering.act(order).await,
            Self::There(service) => ask(service, &Asked::of(order, false)).await,
        }
    }

    /// The same, and waits for nothing.
    pub(crate) async fn carry_out(&self, order: &Order) -> Result<Answer, StoreError> {
        match self {
            Self::Here(steering) | Self::Alone { steering, .. } => steering.carry_out(order).await,
            Self::There(service) => ask(service, &Asked::of(order, true)).await,
        }
    }
}

async fn ask(service: &RemoteLive, asked: &Asked) -> Result<Answer, StoreError> {
    let text = serde_json::to_string(asked).map_err(|error| failed(error.into()))?;
    let told = service.order(&text).await?;
    serde_json::from_str::<Told>(&told).map_err(|error| failed(error.into()))?.read()
}

/// Carries out what other processes of the owner ask for.
pub(crate) struct OrdersOf(pub(crate) Arc<Steering>);

#[async_trait]
impl Orders for OrdersOf {
    async fn give(&self, order: &str) -> String {
        let told = match serde_json::from_str::<Asked>(order).map(Asked::order) {
            Ok(Ok((order, true))) => Told::of(self.0.carry_out(&order).await),
            Ok(Ok((order, false))) => Told::of(self.0.act(&order).await),
            Ok(Err(error)) => Told::malformed(&*error),
            Err(error) => Told::malformed(&error),
        };
        serde_json::to_string(&told).unwrap_or_default()
    }
}

impl Asked {
    fn of(order: &Order, at_once: bool) -> Self {
        let picture = match &order.action {
            Action::PutProduct(ProductChange { image: Some(Picture::Given(image)), .. }) => {
                Some(STANDARD.encode(image.bytes()))
            }
            _ => None,
        };
        Self::Act { row: Row::of(&stored(order)), picture, at_once }
    }

    /// The order, and whether it is answered at once.
    fn order(self) -> Result<(Order, bool), Malformed> {
        let Self::Act { row, picture, at_once } = self;
        let mut order = row.order()?;
        if let (Action::PutProduct(to), Some(picture)) = (&mut order.action, picture) {
            to.image = Some(Picture::Given(Image::new(STANDARD.decode(picture)?)?));
        }
        Ok((order, at_once))
    }
}

/// An order as a row of the trail that has no outcome.
fn stored(order: &Order) -> StoredAction {
    StoredAction {
        number: 0,
        acted_at: UnixMillis(0),
        id: order.id.to_bits(),
        operator: order.by.as_str().to_owned(),
        action: order.action.name().to_owned(),
        sale_id: order.action.sale().map(SaleId::get),
        product_id: order.action.product().map(ProductId::get),
        code: order.action.code().map(domain::Code::to_bits),
        asked: order.asked(),
        why: order.why.as_ref().map(|why| why.as_str().to_owned()),
        request_id: order.request_id.as_ref().map(|name| name.as_str().to_owned()),
        before: None,
        after: None,
        refused: None,
    }
}

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::new(Operation::Act, Failure::Unknown, error)
}

type Malformed = Box<dyn std::error::Error + Send + Sync>;

impl Row {
    fn of(row: &StoredAction) -> Self {
        let StoredAction { operator, action, asked, why, request_id, .. } = row.clone();
        let StoredAction { before, after, refused, .. } = row.clone();
        Self {
            number: row.number,
            acted_at: row.acted_at.0,
            id: format!("{:032x}", row.id),
            operator,
            action,
            sale_id: row.sale_id,
            product_id: row.product_id,
            code: row.code.map(|code| format!("{code:032x}")),
            asked,
            why,
            request_id,
            before,
            after,
            refused,
        }
    }

    fn stored(self) -> Result<StoredAction, Malformed> {
        let bits = |text: &str| u128::from_str_radix(text, 16);
        Ok(StoredAction {
            number: self.number,
            acted_at: UnixMillis(self.acted_at),
            id: bits(&self.id)?,
            operator: self.operator,
            action: self.action,
            sale_id: self.sale_id,
            product_id: self.product_id,
            code: self.code.as_deref().map(bits).transpose()?,
            asked: self.asked,
            why: self.why,
            request_id: self.request_id,
            before: self.before,
            after: self.after,
            refused: self.refused,
        })
    }

    fn order(self) -> Result<Order, Malformed> {
        Ok(self.stored()?.order()?)
    }

    fn record(self) -> Result<ActionRecord, StoreError> {
        let record = self.stored().and_then(|row| Ok(ActionRecord::try_from(row)?));
        record.map_err(failed)
    }
}

impl Told {
    fn of(answer: Result<Answer, StoreError>) -> Self {
        let row = |record: &ActionRecord| Row::of(&StoredAction::from(record));
        match answer {
            Ok(Answer::Done { record, in_effect, is_replayed }) => {
                Self::Done { row: row(&record), in_effect, is_replayed }
            }
            Ok(Answer::Refused { record, is_replayed }) => {
                Self::Refused { row: row(&record), is_replayed }
            }
            Ok(Answer::IdUsed(record)) => Self::IdUsed { row: row(&record) },
            Err(error) => Self::Failed {
                is_unknown: error.failure() == Failure::Unknown,
                why: std::error::Error::source(&error)
                    .map_or_else(|| error.to_string(), ToString::to_string),
            },
        }
    }

    fn malformed(error: &dyn std::error::Error) -> Self {
        Self::Failed { is_unknown: false, why: error.to_string() }
    }

    fn read(self) -> Result<Answer, StoreError> {
        Ok(match self {
            Self::Done { row, in_effect, is_replayed } => {
                Answer::Done { record: row.record()?, in_effect, is_replayed }
            }
            Self::Refused { row, is_replayed } => {
                Answer::Refused { record: row.record()?, is_replayed }
            }
            Self::IdUsed { row } => Answer::IdUsed(row.record()?),
            Self::Failed { is_unknown, why } => {
                let failure = if is_unknown { Failure::Unknown } else { Failure::NotDone };
                return Err(StoreError::new(Operation::Act, failure, why));
            }
        })
    }
}

/// A row of the trail, for programs: moments as everywhere, and of a code what logs show.
pub(crate) fn document(record: &ActionRecord) -> Value {
    let row = StoredAction::from(record);
    let code = record.order.action.code().map(first_digits);
    let shown = |text: Option<&String>| text.map(|text| with_moments(text));
    json!({
        "number": row.number,
        "id": record.order.id.to_string(),
        "acted_at": rfc3339(row.acted_at),
        "operator": row.operator,
        "action": row.action,
        "sale_id": row.sale_id,
        "product_id": row.product_id,
        "code": code,
        "asked": with_moments(&row.asked),
        "why": row.why,
        "request_id": row.request_id,
        "before": shown(row.before.as_ref()),
        "after": shown(row.after.as_ref()),
        "refused": shown(row.refused.as_ref()),
    })
}

/// The newest rows of the trail below a number.
pub(crate) const fn page(
    sale: Option<domain::SaleId>,
    before: Option<i64>,
    limit: usize,
) -> TrailPage {
    TrailPage { sale, before, changes_only: false, limit }
}

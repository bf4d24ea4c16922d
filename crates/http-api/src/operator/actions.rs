//! What operators have done: an order, and what came of it; and the trail of all orders.
//!
//! The name of an order is the `Idempotency-Key` of its request, a UUID: a header is there for each method,
//! also for those that have no body or one that is no JSON, and it is where buyers have theirs.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use domain::{
    Code, SaleId, UnixMillis,
    operator::{
        Action, ActionId, ActionRecord, Answer as Told, Order, Reason, RequestName, StoredAction,
    },
    ports::TrailPage,
};
use serde_json::{Map, Value, json};

use super::{
    access::Known,
    asks::{Operator, Viewer},
    secret,
    values::{ActionName, ActionNumber, PageSize, Why},
};
use crate::{
    api::Api,
    caching::not_stored,
    deadline::in_time,
    idempotency::{KEY_FIELD, only_key_of, replayed},
    moment::rfc3339,
    openapi::{Answer, Endpoint, Moment, Operation, Parameter, SaleNumber, Tag, bodies, header},
    params::{Params, of_path},
    problem::{Kind, Problem},
    request_id::current_request_id,
    samples,
};

/// How many digits of a code are shown: it may still be redeemed.
const DIGITS_SHOWN: usize = 13;

/// The members of the trail's texts that are moments.
const MOMENTS: [&str; 9] = [
    "starts_at",
    "ends_at",
    "ended_at",
    "from",
    "to",
    "now",
    "made_at",
    "archived_at",
    "cancelled_at",
];

bodies! {
    /// An order, and what came of it.
    pub(crate) struct ActionBody as "Action" {
        /// Its number in the trail, above those before it.
        number: i64 as ActionNumber,
        /// Its name, by which it is one and the same.
        id: String as ActionName,
        /// When it was decided, by the clock of the ledger.
        acted_at: String as Moment,
        /// Who gave it.
        operator: String as String,
        /// What was to be done.
        action: String as String,
        /// The sale that it is about; of one that it made, that.
        #[serde(skip_serializing_if = "Option::is_none")]
        sale_id: Option<i64> as Option<SaleNumber>,
        /// The number of the product that it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        product_id: Option<i64> as Option<ProductNumber>,
        /// The first digits of the code that it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String> as Option<String>,
        /// What was asked beside that.
        asked: Map<String, Value> as Map<String, Value>,
        /// Why, in their own words.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String> as Option<String>,
        /// The request that brought it, as the log names it.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String> as Option<String>,
        /// What it is about, as it was before.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Map<String, Value>> as Option<Map<String, Value>>,
        /// The same since, if it was carried out.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<Map<String, Value>> as Option<Map<String, Value>>,
        /// What stood in the way, if it was not: `refused` is the word for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        refused: Option<Map<String, Value>> as Option<Map<String, Value>>,
    }

    /// An order that was carried out.
    struct DoneBody as "Done" {
        /// The order.
        action: ActionBody as ActionBody,
        /// Whether every process goes by it. If not, each will within seconds; until then nothing is granted that
        /// it takes away.
        in_effect: bool as Flag,
        /// The change of the sale before this one, if the order named no `version`: whoever had not seen it sees it
        /// now.
        #[serde(skip_serializing_if = "Option::is_none")]
        change_before: Option<NotedBody> as Option<NotedBody>,
    }

    /// Who did what, and when.
    struct NotedBody as "Noted" {
        /// Its number in the trail.
        number: i64 as ActionNumber,
        /// When it was decided.
        acted_at: String as Moment,
        /// Who ordered it.
        operator: String as String,
        /// What was done.
        action: String as String,
    }

    /// A part of the trail, the newest first.
    struct TrailBody as "Trail" {
        /// The orders.
        actions: Vec<ActionBody> as Vec<ActionBody>,
        /// Where the next part is, if there may be one.
        next: Option<String> as NextPath,
    }
}

crate::openapi::scalars! {
    /// The number of a product.
    ProductNumber is "ProductNumber": {
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "description": "The number of a product, as GET /admin/products has it.",
    }
    /// Whether something is so.
    Flag is "Flag": { "type": "boolean", "description": "Whether it is so." }
    /// Where the next page is.
    NextPath is "NextPath": {
        "type": ["string", "null"],
        "format": "uri-reference",
        "description": "The path of the next page, if there may be one.",
    }
}

pub(super) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::at("/admin/actions").reading(get_actions, describe_actions),
        Endpoint::at("/admin/actions/{id}").reading(get_action, describe_action),
    ]
}

fn describe_actions() -> Operation {
    let example = json!({ "actions": [samples::action()], "next": null });
    let trail = Answer::json::<TrailBody>(200, "The orders.", example);
    Operation::new(Tag::Actions, "actions", "List what operators ordered")
        .says("The newest first, refused ones too; `next` is the path of the next page.")
        .parameter(Parameter::query::<SaleNumber>("sale", "Only of this sale.").optional())
        .parameter(
            Parameter::query::<ActionNumber>("before", "Only those of lower numbers.").optional(),
        )
        .parameter(Parameter::query::<PageSize>("limit", "How many to show.").optional())
        .answer(trail.headers([header::caching("no-store")]))
        .of_viewer()
        .asks_stores()
}

fn describe_action() -> Operation {
    let action = Answer::json::<ActionBody>(200, "The order.", samples::action());
    Operation::new(Tag::Actions, "action", "Show an order, and what came of it")
        .says("Of a name that no order has, nothing was done.")
        .parameter(Parameter::path::<ActionName>("id", "The name of the order."))
        .answer(action.headers([header::caching("no-store")]))
        .problem(Kind::NotFound)
        .of_viewer()
        .asks_stores()
}

/// What is said of each request that orders something.
pub(super) fn described(
    id: &'static str,
    summary: &'static str,
    status: u16,
    refusals: &[Kind],
) -> Operation {
    let why = Parameter::query::<Why>("why", "Why, for whoever reads the trail.").optional();
    described_with(id, summary, status, refusals).parameter(why)
}

/// The same of one that needs a reason.
pub(super) fn described_with_reason(
    id: &'static str,
    summary: &'static str,
    refusals: &[Kind],
) -> Operation {
    let says = "Why, for whoever reads the trail and for the buyer, whose receipt says it.";
    described_with(id, summary, 200, refusals).parameter(Parameter::query::<Why>("why", says))
}

fn described_with(
    id: &'static str,
    summary: &'static str,
    status: u16,
    refusals: &[Kind],
) -> Operation {
    let example = json!({ "action": samples::action(), "in_effect": true });
    let done = Answer::json::<DoneBody>(status, "It is done.", example);
    Operation::new(Tag::Actions, id, summary)
        .parameter(Parameter::checked_header::<ActionName>(
            KEY_FIELD,
            "The name of the order, which the client draws: the same again does nothing more, and is answered \
             what came of it. Without one, each request is an order of its own.",
        ))
        .or_as_json()
        .answer(done.headers([header::caching("no-store"), header::replayed()]))
        .refused_as(refusals)
        .refused_as(&[Kind::ActionRefused, Kind::IdempotencyKeyUsed])
        .of_operator()
        .asks_stores()
}

/// What is said of an order beside what is to be done.
pub(super) struct Said {
    id: ActionId,
    why: Option<Reason>,
    if_at: Option<i64>,
}

impl Said {
    /// Reads it. What is wrong is noted beside what else is.
    pub(super) fn read(request: &HttpRequest, params: &mut Params) -> Option<Self> {
        let id = Self::read_id(request, params);
        let why = params.optional("why");
        id.map(|id| Self { id, why, if_at: None })
    }

    /// The same of an order that needs a reason.
    pub(super) fn read_with_reason(request: &HttpRequest, params: &mut Params) -> Option<Self> {
        let (id, why) = (Self::read_id(request, params), params.required("why"));
        id.zip(why).map(|(id, why)| Self { id, why: Some(why), if_at: None })
    }

    /// The name of the order.
    pub(super) const fn id(&self) -> ActionId {
        self.id
    }

    fn read_id(request: &HttpRequest, params: &mut Params) -> Option<ActionId> {
        match only_key_of(request, params) {
            Ok(Some(key)) => {
                let id = key.to_str().unwrap_or_default().parse::<ActionId>();
                id.map_err(|error| params.refuse(KEY_FIELD, error.to_string())).ok()
            }
            Ok(None) => secret::drawn_bits().map(ActionId::drawn),
            Err(()) => None,
        }
    }

    /// The same of an order about a sale, which may name its last change.
    pub(super) fn read_of_sale(request: &HttpRequest, params: &mut Params) -> Option<Self> {
        let if_at = params.optional::<ActionNumber>("version").map(|it| it.0);
        Self::read(request, params).map(|said| Self { if_at, ..said })
    }
}

/// Has an order carried out of which no more is said than what is in its path, and what this reads.
pub(super) async fn simply(
    request: HttpRequest,
    Operator(known): Operator,
    payload: web::Payload,
    api: web::Data<Api>,
    read: fn(&HttpRequest, &mut Params) -> Option<Said>,
    action: Action,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let said = read(&request, &mut params);
    let said = params.finish(said)?;

    act(&api, known, said, action).await
}

/// Has an order carried out, and answers what came of it.
pub(super) async fn act(
    api: &Api,
    Known { name, .. }: Known,
    said: Said,
    action: Action,
) -> Result<HttpResponse, Problem> {
    let Said { id, why, if_at } = said;
    let is_new = matches!(action, Action::ScheduleSale { .. });
    let request_id = current_request_id().as_deref().and_then(RequestName::of);
    let order = Order { id, by: name, why, request_id, action, if_at };
    match in_time(api.steering.act(&order)).await? {
        Told::Done { record, in_effect, is_replayed } => {
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            let change_before = change_before(api, &record).await;
            let done = DoneBody { action: (&record).into(), in_effect, change_before };
            let mut answer = not_stored(done);
            *answer.status_mut() = status;
            Ok(if is_replayed { replayed(answer) } else { answer })
        }
        Told::Refused { record, .. } => Err(Problem::of_refused(&record)),
        Told::IdUsed(record) => Err(Problem::id_used(&record, &order.differs_from(&record.order))),
    }
}

/// The change of a sale before one that was ordered whatever the sale was. It is done: what cannot be read is left
/// out.
async fn change_before(api: &Api, done: &ActionRecord) -> Option<NotedBody> {
    let Order { action, if_at: None, .. } = &done.order else { return None };
    let (Action::ChangeSale { sale, .. }
    | Action::PauseSale(sale)
    | Action::ResumeSale(sale)
    | Action::EndSale(sale)) = action
    else {
        return None;
    };
    let page =
        TrailPage { sale: Some(*sale), before: Some(done.number), changes_only: true, limit: 1 };
    let before = in_time(api.steering.trail(page)).await.ok()?.pop()?;
    let ActionBody { number, acted_at, operator, action, .. } = (&before).into();
    Some(NotedBody { number, acted_at, operator, action })
}

/// Lists orders, the newest first.
async fn get_actions(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of_query(&request);
    let sale: Option<SaleId> = params.optional("sale");
    let before = params.optional::<ActionNumber>("before").map(|it| it.0);
    let PageSize(limit) = params.optional("limit").unwrap_or_default();
    params.finish(Some(()))?;

    let page = TrailPage { sale, before, changes_only: false, limit: limit.into() };
    let records = in_time(api.steering.trail(page)).await?;

    let last = records.last().filter(|_| records.len() == usize::from(limit));
    let next = last.map(|last| {
        let of_sale = sale.map(|sale| format!("sale={sale}&")).unwrap_or_default();
        format!("/admin/actions?{of_sale}before={}&limit={limit}", last.number)
    });
    Ok(not_stored(TrailBody { actions: records.iter().map(Into::into).collect(), next }))
}

/// Shows an order.
async fn get_action(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let id = of_path(&request, "id")?;
    Params::of_query(&request).finish(Some(()))?;

    let record = in_time(api.steering.action(id)).await?;

    let record = record.ok_or_else(|| Problem::no_such_route(request.path()))?;
    Ok(not_stored(ActionBody::from(&record)))
}

impl From<&ActionRecord> for ActionBody {
    fn from(record: &ActionRecord) -> Self {
        let row = StoredAction::from(record);
        Self {
            number: row.number,
            id: record.order.id.to_string(),
            acted_at: rfc3339(row.acted_at),
            operator: row.operator,
            action: row.action,
            sale_id: row.sale_id,
            product_id: row.product_id,
            code: record.order.action.code().map(first_digits),
            asked: with_moments(&row.asked),
            why: row.why,
            request_id: row.request_id,
            before: row.before.as_deref().map(with_moments),
            after: row.after.as_deref().map(with_moments),
            refused: row.refused.as_deref().map(with_moments),
        }
    }
}

/// A code, as it is shown with what was ordered about it.
#[must_use]
pub fn first_digits(code: Code) -> String {
    let mut text = code.to_string();
    text.truncate(DIGITS_SHOWN);
    text + "…"
}

/// A text of the trail, with moments as they are everywhere.
#[must_use]
pub fn with_moments(text: &str) -> Map<String, Value> {
    // It is of our own making.
    let mut members: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    for (name, value) in &mut members {
        if let Some(ms) = value.as_i64().filter(|_| MOMENTS.contains(&name.as_str())) {
            *value = rfc3339(UnixMillis(ms)).into();
        }
    }
    members
}

//! `/admin/sales/{id}/history`: how a sale went, for whoever draws it.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    SaleId,
    history::{KEPT_MS, Point, Step},
};
use serde_json::{Value, json};

use super::asks::Viewer;
use crate::{
    api::{Api, Records},
    caching::not_stored,
    deadline::in_time,
    moment::rfc3339,
    openapi::{
        Answer, Count, Endpoint, Moment, Operation, Parameter, SaleNumber, Scalar, Tag, bodies,
        header, scalars,
    },
    params::{Params, of_path},
    problem::{Kind, Problem},
    samples,
};

scalars! {
    /// How far points are apart.
    StepMs is "StepMilliseconds": {
        "type": "integer",
        "format": "int32",
        "minimum": Step::MS_MIN,
        "maximum": Step::MS_MAX,
        "multipleOf": Step::MS_MIN,
        "description": "How far points are apart, in milliseconds: whole minutes.",
    }
    /// A number of attempts.
    AttemptCount is "AttemptCount": {
        "type": "integer",
        "format": "int64",
        "minimum": 0,
        "description": "A number of attempts.",
    }
}

impl Scalar for StepMs {
    fn example() -> Value {
        Step::MS_MIN.into()
    }

    fn refusal() -> String {
        "0".parse::<Step>().err().map(|it| it.to_string()).unwrap_or_default()
    }
}

bodies! {
    /// How a sale went.
    struct HistoryBody as "SaleHistory" {
        /// The sale.
        sale_id: i64 as SaleNumber,
        /// How far the points are apart.
        step_ms: i64 as StepMs,
        /// The points, the first one first. Where nobody wrote anything down there is none.
        points: Vec<PointBody> as Vec<PointBody>,
    }

    /// How it stood at a moment.
    struct PointBody as "SalePoint" {
        /// The moment.
        seen_at: String as Moment,
        /// How many units were sold.
        sold: u32 as Count,
        /// How many were on hold.
        held: u32 as Count,
        /// How many attempts were granted a unit since the point before.
        checkouts: u64 as AttemptCount,
        /// How many were refused.
        refused: u64 as AttemptCount,
    }
}

pub(super) fn endpoint() -> Endpoint {
    Endpoint::at("/admin/sales/{id}/history").reading(get_history, describe)
}

fn describe() -> Operation {
    let standing = samples::standing();
    let point = Point {
        at: standing.at,
        sold: standing.sold,
        held: standing.held,
        checkouts: 3,
        refused: 4,
    };
    let points = vec![PointBody::from(&point)];
    let body = HistoryBody { sale_id: standing.sale.id.get(), step_ms: Step::MS_MIN, points };
    let answer = Answer::json::<HistoryBody>(200, "How it went.", json!(body));
    let step = Parameter::query::<StepMs>(
        "step_ms",
        "How far points are to be apart; if it is left out, as little as lets the whole sale have at most 1,500.",
    );
    Operation::new(Tag::Sales, "saleHistory", "Show how a sale went")
        .says(
            "For a chart: each process writes a row a minute, and rows are kept for seven days. There are at most \
             1,500 points, the last of them. A sale that has just begun has none.",
        )
        .parameter(Parameter::path::<SaleNumber>("id", "The sale."))
        .parameter(step.optional())
        .answer(answer.headers([header::caching("no-store")]))
        .problem(Kind::SaleNotFound)
        .of_viewer()
        .asks_stores()
}

/// Shows how a sale went.
async fn get_history(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let id: SaleId = of_path(&request, "id")?;
    let mut params = Params::of_query(&request);
    let step: Option<Step> = params.optional("step_ms");
    params.finish(Some(()))?;
    let records = Records::of(&api, request.path())?;
    let found = in_time(api.board.find(id)).await?;
    let sale = found.ok_or_else(|| Problem::sale_not_found(Some(id)))?;

    let now = api.services.catalog.reckoned_now();
    let kept_from = now + -KEPT_MS;
    let mut minutes = in_time(records.history.minutes(id, kept_from)).await?;
    // A process that stopped has written down the one that comes next.
    minutes.retain(|minute| minute.at <= now);

    let (from, to) = (sale.window.starts_at(), sale.window.ends_at() + sale.terms.hold_ms());
    let step = step.unwrap_or_else(|| Step::for_ms(to.min(now) - from.max(kept_from)));
    let points = step.points(&minutes).iter().map(PointBody::from).collect();
    Ok(not_stored(HistoryBody { sale_id: id.get(), step_ms: step.ms(), points }))
}

impl From<&Point> for PointBody {
    fn from(point: &Point) -> Self {
        let Point { at, sold, held, checkouts, refused } = *point;
        Self { seen_at: rfc3339(at), sold, held, checkouts, refused }
    }
}

//! What operators who watch are told.

use std::collections::BTreeMap;

use domain::{
    ProductVersion, Standing, UnixMillis,
    processes::{Process, Sum, Times},
};
use serde_json::{Value, json};

use crate::{
    moment::rfc3339,
    openapi::{Count, Moment, SaleNumber, Schemas, Shape, bodies, scalars},
    operator::session::{Name, RoleName},
    products::{ProductNameText, SkuText},
    shown::{PerUserLimit, PhaseName, phase_name},
};

scalars! {
    /// A number of times a second.
    Rate is "Rate": {
        "type": "number",
        "minimum": 0,
        "description": "How often a second.",
    }
    /// A time, in milliseconds and parts of one.
    FineMillis is "FineMilliseconds": {
        "type": "number",
        "minimum": 0,
        "description": "A time that was measured, in milliseconds and parts of one.",
    }
    /// How many of something.
    Number is "Number": {
        "type": "integer",
        "format": "int64",
        "minimum": 0,
        "description": "How many.",
    }
    /// Whether a store answers.
    StoreState is "StoreReach": {
        "type": "string",
        "enum": ["up", "refuses", "down"],
        "description": "`up`: it does what a checkout asks of it. `refuses`: it answers, and does not. `down`: it does not answer.",
    }
    /// Which store.
    StoreName is "StoreName": {
        "type": "string",
        "enum": ["ledger", "live"],
        "description": "Which store: the ledger, or the live store.",
    }
    /// Which process.
    ProcessName is "ProcessId": {
        "type": "string",
        "pattern": "^[0-9a-f]{32}$",
        "description": "Which process: drawn when it begins.",
    }
}

/// How often something was refused, by the type of the problem.
pub(super) struct Refusals;

impl Shape for Refusals {
    const NAME: Option<&'static str> = Some("Refusals");

    fn schema(schemas: &mut Schemas) -> Value {
        json!({
            "type": "object",
            "additionalProperties": schemas.of::<Number>(),
            "description": "How often, by the type of the problem; what did not happen is left out.",
        })
    }
}

bodies! {
    /// How the service does.
    #[derive(Clone)]
    pub(super) struct ControlBody as "Control" {
        /// The moment.
        pub(super) server_time: String as Moment,
        /// Who watches.
        pub(super) operator: String as Name,
        /// What they may do now.
        pub(super) role: &'static str as RoleName,
        /// The sales that are open, paused, to come or have ended within the hour, in this order and at most 32. Their figures are the last that were known; `known_at` says when.
        pub(super) sales: Vec<SaleBody> as Vec<SaleBody>,
        /// How many more there are of which no store has said yet how they stand.
        pub(super) sales_unknown: u64 as Number,
        /// How much was done within about the last second, by all processes.
        pub(super) rates: RatesBody as RatesBody,
        /// Checkouts and purchases that were refused or failed in the same time.
        pub(super) refused: BTreeMap<String, u64> as Refusals,
        /// How long answers took that were given in the same time.
        pub(super) latency: LatencyBody as LatencyBody,
        /// Both stores, as this process sees them.
        pub(super) stores: Vec<StoreBody> as Vec<StoreBody>,
        /// How far apart they were; left out before they were compared.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(super) drift: Option<DriftBody> as Option<DriftBody>,
        /// For how long a hold can have been due that is not freed; left out before the first sweep.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(super) sweep_lag_ms: Option<u64> as Option<Number>,
        /// The processes that serve from the ledger, this one first. While the live store is away, this one.
        pub(super) processes: Vec<ProcessBody> as Vec<ProcessBody>,
        /// How many watch how sales stand, of all processes.
        pub(super) viewers: u64 as Number,
    }

    /// A sale.
    #[derive(Clone)]
    pub(super) struct SaleBody as "ControlSale" {
        /// Its number.
        id: i64 as SaleNumber,
        /// Where it is in its life.
        state: &'static str as PhaseName,
        /// What it is of; left out where its items are generated.
        #[serde(skip_serializing_if = "Option::is_none")]
        product: Option<ProductNamed> as Option<ProductNamed>,
        /// Its first moment.
        starts_at: String as Moment,
        /// The first moment after it.
        ends_at: String as Moment,
        /// How many units there are.
        stock: u32 as Count,
        /// How many one user may have.
        per_user_limit: u16 as PerUserLimit,
        /// How many are sold.
        sold: u32 as Count,
        /// How many are on hold.
        held: u32 as Count,
        /// When a store said so: where one takes long, that is a while ago.
        known_at: String as Moment,
    }

    /// What a sale is of.
    #[derive(Clone)]
    pub(super) struct ProductNamed as "ProductNamed" {
        /// The shop's own key of it.
        sku: String as SkuText,
        /// What it is called.
        name: String as ProductNameText,
    }

    /// How much is done.
    #[derive(Clone)]
    pub(super) struct RatesBody as "Rates" {
        /// Units that are put on hold.
        checkouts: f64 as Rate,
        /// Units that are sold.
        purchases: f64 as Rate,
    }

    /// How long answers take, whatever they are.
    #[derive(Clone)]
    pub(super) struct LatencyBody as "Latency" {
        /// Of checkouts; left out if there were none.
        #[serde(skip_serializing_if = "Option::is_none")]
        checkout: Option<TimesBody> as Option<TimesBody>,
        /// Of purchases, likewise.
        #[serde(skip_serializing_if = "Option::is_none")]
        purchase: Option<TimesBody> as Option<TimesBody>,
    }

    /// How long something took, read from buckets.
    #[derive(Clone)]
    pub(super) struct TimesBody as "Times" {
        /// What half of it took at most.
        p50_ms: f64 as FineMillis,
        /// What 99 of a hundred took at most.
        p99_ms: f64 as FineMillis,
    }

    /// A store.
    #[derive(Clone)]
    pub(super) struct StoreBody as "StoreSeen" {
        /// Which.
        pub(super) name: &'static str as StoreName,
        /// Whether it does what it is for.
        pub(super) state: &'static str as StoreState,
        /// How long a call of this process took within the last second, on average; left out if there was none.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(super) call_ms: Option<f64> as Option<FineMillis>,
        /// Why it does not, if that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(super) why: Option<String> as Option<String>,
        /// Since when that has been so, as far as this process has looked.
        pub(super) changed_at: String as Moment,
    }

    /// How far the stores were apart.
    #[derive(Clone)]
    pub(super) struct DriftBody as "Drift" {
        /// By how many units, of the sale where it was most.
        pub(super) units: u64 as Number,
        /// When they were compared.
        pub(super) checked_at: String as Moment,
    }

    /// A process.
    #[derive(Clone)]
    pub(super) struct ProcessBody as "ProcessSeen" {
        /// Which.
        id: String as ProcessName,
        /// Where it serves buyers.
        address: String as String,
        /// When it said something last.
        seen_at: String as Moment,
    }
}

impl SaleBody {
    pub(super) fn of(
        standing: &Standing,
        product: Option<&ProductVersion>,
        known_at: UnixMillis,
    ) -> Self {
        let sale = standing.sale;
        Self {
            id: sale.id.get(),
            state: phase_name(standing.phase()),
            product: product.map(|product| ProductNamed {
                sku: product.sku.to_string(),
                name: product.name.to_string(),
            }),
            starts_at: rfc3339(sale.window.starts_at()),
            ends_at: rfc3339(sale.window.ends_at()),
            stock: sale.terms.stock(),
            per_user_limit: sale.terms.per_user_limit(),
            sold: standing.sold,
            held: standing.held,
            known_at: rfc3339(known_at),
        }
    }
}

impl From<&Sum> for RatesBody {
    fn from(sum: &Sum) -> Self {
        let (checkouts, purchases) = (sum.checkouts_a_second, sum.purchases_a_second);
        Self { checkouts: rounded(checkouts), purchases: rounded(purchases) }
    }
}

impl From<&Sum> for LatencyBody {
    fn from(sum: &Sum) -> Self {
        let times = |times: &Times| {
            let (p50, p99) = (times.quantile(0.5)?, times.quantile(0.99)?);
            Some(TimesBody { p50_ms: rounded(p50), p99_ms: rounded(p99) })
        };
        Self { checkout: times(&sum.checkout_times), purchase: times(&sum.purchase_times) }
    }
}

impl From<&Process> for ProcessBody {
    fn from(process: &Process) -> Self {
        let Process { id, address, seen_at, .. } = process;
        Self { id: id.to_string(), address: address.clone(), seen_at: rfc3339(*seen_at) }
    }
}

/// As exactly as anybody reads it.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

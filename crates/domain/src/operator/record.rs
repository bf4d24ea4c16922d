//! What the trail has of an order.

use crate::{
    Code, Epoch, ProductId, Sale, SaleId, Terms, Unit, UnixMillis, Window,
    operator::{
        Action, ActionId, Change, Changed, OperatorName, Order, Reason, Refused, RequestName,
        json::{Fields, Unreadable},
        product_json,
    },
    product::Product,
    sale::SaleState,
};

/// The actions that can be read, by their names.
const KNOWN: [&str; 9] = [
    "sale-scheduled",
    "sale-changed",
    "sale-paused",
    "sale-resumed",
    "sale-ended",
    "hold-released",
    "purchase-cancelled",
    "product-put",
    "product-archived",
];

const ACTION: Unreadable = Unreadable("action");

/// A row of the trail: an order, and what came of it. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRecord {
    /// Its number, above those before it.
    pub number: i64,
    /// When it was written, by the ledger's clock.
    pub acted_at: UnixMillis,
    /// What was asked, and by whom.
    pub order: Order,
    /// The sale it is about; of one that it made, that.
    pub sale: Option<SaleId>,
    /// The product it is about; of one that it made, that.
    pub product: Option<ProductId>,
    /// What it is about, as it was before; `None` where there was nothing.
    pub before: Option<Seen>,
    /// What came of it.
    pub outcome: Acted,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    /// It was carried out, and this is what it is about, as it is since.
    Done(Seen),
    /// It was not.
    Refused(Refused),
}

/// What a newer version did, as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewerAction {
    /// What it is called.
    pub(super) name: String,
    /// The code that it is about.
    pub(super) code: Option<Code>,
    /// What was asked beside that, which need not be of the form that is written here.
    pub(super) asked: String,
}

/// What an order is about, at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A sale.
    Sale(SaleSeen),
    /// A hold.
    Hold(HoldSeen),
    /// A purchase.
    Purchase(PurchaseSeen),
    /// A product.
    Product(Product),
    /// What only a newer version knows, as JSON.
    Newer(String),
}

/// A sale, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is that of the sale")]
pub struct SaleSeen {
    pub window: Window,
    pub terms: Terms,
    pub state: SaleState,
    pub epoch: Epoch,
}

/// A hold, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldSeen {
    /// Its unit.
    pub unit: Unit,
    /// Whether it is live.
    pub is_live: bool,
}

/// A purchase, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurchaseSeen {
    /// Its unit.
    pub unit: Unit,
    /// Whether it stands.
    pub stands: bool,
    /// The epoch that was raised for it: the unit is back on sale in whatever is loaded at a newer one. `None` while
    /// it stands, and of a sale that is closed: there nothing goes back.
    pub epoch: Option<Epoch>,
}

/// Who did what last, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The number of the row.
    pub number: i64,
    /// Who.
    pub by: OperatorName,
    /// What, by its name in the trail.
    pub action: String,
}

/// A row as stores and wires have it: words, numbers and JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after the column")]
pub struct StoredAction {
    pub number: i64,
    pub acted_at: UnixMillis,
    pub id: u128,
    pub operator: String,
    pub action: String,
    pub sale_id: Option<i64>,
    pub product_id: Option<i64>,
    pub code: Option<u128>,
    pub asked: String,
    pub why: Option<String>,
    pub request_id: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
    pub refused: Option<String>,
}

impl ActionRecord {
    /// The epoch at which a change of a sale is in effect, or that a cancellation has raised.
    #[must_use]
    pub const fn epoch(&self) -> Option<Epoch> {
        match self.outcome {
            Acted::Done(Seen::Sale(SaleSeen { epoch, .. })) => Some(epoch),
            Acted::Done(Seen::Purchase(PurchaseSeen { epoch, .. })) => epoch,
            _ => None,
        }
    }
}

impl ActionRecord {
    /// How many units the sale had, before and after.
    pub(super) fn stocks(&self) -> impl Iterator<Item = u32> {
        let after = if let Acted::Done(after) = &self.outcome { Some(after) } else { None };
        self.before.iter().chain(after).filter_map(|seen| match seen {
            Seen::Sale(sale) => Some(sale.terms.stock()),
            Seen::Hold(_) | Seen::Purchase(_) | Seen::Product(_) | Seen::Newer(_) => None,
        })
    }
}

impl Noted {
    /// A row, in short.
    #[must_use]
    pub fn of(record: &ActionRecord) -> Self {
        let Order { by, action, .. } = &record.order;
        Self { number: record.number, by: by.clone(), action: action.name().to_owned() }
    }
}

impl SaleSeen {
    /// A sale, as it is.
    #[must_use]
    pub const fn of(sale: &Sale) -> Self {
        let &Sale { window, terms, state, epoch, .. } = sale;
        Self { window, terms, state, epoch }
    }
}

impl HoldSeen {
    pub(super) const fn held(unit: Unit) -> Self {
        Self { unit, is_live: true }
    }

    /// The same, given back.
    #[must_use]
    pub const fn released(unit: Unit) -> Self {
        Self { unit, is_live: false }
    }
}

impl PurchaseSeen {
    pub(super) const fn standing(unit: Unit) -> Self {
        Self { unit, stands: true, epoch: None }
    }

    /// The same, cancelled.
    #[must_use]
    pub const fn cancelled(unit: Unit, epoch: Option<Epoch>) -> Self {
        Self { unit, stands: false, epoch }
    }
}

impl Seen {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        match *self {
            Self::Newer(ref json) => json.clone(),
            Self::Product(ref product) => product_json::of_product(product).write(),
            Self::Sale(SaleSeen { window, terms, state, epoch }) => {
                let fields = of_window(Fields::new().text("state", word_of(state)), window);
                of_terms(fields, terms).number("epoch", epoch.0).write()
            }
            Self::Hold(HoldSeen { unit, is_live }) => {
                let state = if is_live { "held" } else { "released" };
                Fields::new().text("state", state).number("unit", unit.get().into()).write()
            }
            Self::Purchase(PurchaseSeen { unit, stands, epoch }) => {
                let state = if stands { "sold" } else { "cancelled" };
                let fields = Fields::new().text("state", state).number("unit", unit.get().into());
                fields.number_if("epoch", epoch.map(|epoch| epoch.0)).write()
            }
        }
    }

    fn from_json(text: &str) -> Result<Self, Unreadable> {
        let fields = Fields::read(text)?;
        let unit = || Unit::try_from(fields.small::<u32>("unit")?).map_err(|_| Unreadable("unit"));
        let state = match fields.word("state")? {
            "active" => SaleState::Active,
            "paused" => SaleState::Paused,
            "closed" => SaleState::Closed,
            word @ ("held" | "released") => {
                return Ok(Self::Hold(HoldSeen { unit: unit()?, is_live: word == "held" }));
            }
            word @ ("sold" | "cancelled") => {
                let epoch = fields.int_if("epoch")?.map(Epoch);
                let (unit, stands) = (unit()?, word == "sold");
                return Ok(Self::Purchase(PurchaseSeen { unit, stands, epoch }));
            }
            "in-use" | "archived" => return product_json::read_product(&fields).map(Self::Product),
            _ => return Ok(Self::Newer(text.to_owned())),
        };
        let (window, terms) = (read_window(&fields)?, read_terms(&fields)?);
        let epoch = Epoch(fields.int("epoch")?);
        Ok(Self::Sale(SaleSeen { window, terms, state, epoch }))
    }
}

impl Order {
    /// What was asked beside what has a column of its own, as JSON. The same order is the same text.
    #[must_use]
    pub fn asked(&self) -> String {
        if let Action::Newer(newer) = &self.action {
            return newer.asked.clone();
        }
        self.fields().write()
    }

    /// In what this order is another one than that, by the names that the trail has for it; in nothing if it is the
    /// same. Which request brings an order says nothing of it, and neither does its name.
    #[must_use]
    pub fn differs_from(&self, that: &Self) -> Vec<String> {
        let (one, other) = (&self.action, &that.action);
        let columns = [
            ("operator", self.by != that.by),
            ("action", one.name() != other.name()),
            ("sale_id", one.sale() != other.sale()),
            ("product_id", one.product() != other.product()),
            ("code", one.code() != other.code()),
            ("why", self.why != that.why),
        ];
        let columns = columns.into_iter().filter(|(_, is_other)| *is_other);
        let columns = columns.map(|(name, _)| name.to_owned());
        columns.chain(self.fields().differs_from(&that.fields())).collect()
    }

    fn fields(&self) -> Fields {
        let fields = Fields::new().number_if("if_at", self.if_at);
        match self.action {
            Action::PutProduct(ref to) => product_json::of_change(fields, to),
            Action::ArchiveProduct(ref sku) => fields.text("sku", sku.as_str()),
            Action::Newer(ref newer) => fields.text("asked", &newer.asked),
            Action::ScheduleSale { window, terms, .. } => {
                of_terms(of_window(fields, window), terms)
            }
            Action::ChangeSale { change, .. } => {
                let Changed { starts_at, ends_at, stock, per_user_limit, hold_ms } =
                    change.changed();
                fields
                    .number_if("starts_at", starts_at.map(|at| at.0))
                    .number_if("ends_at", ends_at.map(|at| at.0))
                    .number_if("stock", stock.map(Into::into))
                    .number_if("per_user_limit", per_user_limit.map(Into::into))
                    .number_if("hold_ms", hold_ms)
            }
            _ => fields,
        }
    }
}

fn of_window(fields: Fields, window: Window) -> Fields {
    fields.number("starts_at", window.starts_at().0).number("ends_at", window.ends_at().0)
}

fn of_terms(fields: Fields, terms: Terms) -> Fields {
    let fields = fields.number("stock", terms.stock().into());
    let fields = fields.number("per_user_limit", terms.per_user_limit().into());
    fields.number("hold_ms", terms.hold_ms())
}

fn read_window(fields: &Fields) -> Result<Window, Unreadable> {
    let moment = |name| fields.int(name).map(UnixMillis);
    let window = Window::new(moment("starts_at")?, moment("ends_at")?);
    window.map_err(|_| Unreadable("ends_at"))
}

fn read_terms(fields: &Fields) -> Result<Terms, Unreadable> {
    let (stock, limit) = (fields.small("stock")?, fields.small("per_user_limit")?);
    Terms::new(stock, limit, fields.int("hold_ms")?).map_err(|_| Unreadable("stock"))
}

const fn word_of(state: SaleState) -> &'static str {
    match state {
        SaleState::Active => "active",
        SaleState::Paused => "paused",
        SaleState::Closed => "closed",
    }
}

impl From<&ActionRecord> for StoredAction {
    fn from(record: &ActionRecord) -> Self {
        let ActionRecord { number, acted_at, order, sale, product, before, outcome } = record;
        let (after, refused) = match outcome {
            Acted::Done(after) => (Some(after.to_json()), None),
            Acted::Refused(refused) => (None, Some(refused.to_json())),
        };
        Self {
            number: *number,
            acted_at: *acted_at,
            id: order.id.to_bits(),
            operator: order.by.as_str().to_owned(),
            action: order.action.name().to_owned(),
            sale_id: sale.map(SaleId::get),
            product_id: product.map(ProductId::get),
            code: order.action.code().map(Code::to_bits),
            asked: order.asked(),
            why: order.why.as_ref().map(|why| why.as_str().to_owned()),
            request_id: order.request_id.as_ref().map(|name| name.as_str().to_owned()),
            before: before.as_ref().map(Seen::to_json),
            after,
            refused,
        }
    }
}

impl StoredAction {
    fn product(&self) -> Result<Option<ProductId>, Unreadable> {
        let product = self.product_id.map(ProductId::try_from).transpose();
        product.map_err(|_| Unreadable("product_id"))
    }

    /// The order alone, for whoever sends one: it is one that can be carried out here.
    pub fn order(&self) -> Result<Order, Unreadable> {
        let fields = Fields::read(&self.asked)?;
        let sale = || {
            let sale = self.sale_id.and_then(|id| SaleId::try_from(id).ok());
            sale.ok_or(Unreadable("sale_id"))
        };
        let code = || self.code()?.ok_or(Unreadable("code"));
        let action = match self.action.as_str() {
            "sale-scheduled" => Action::ScheduleSale {
                window: read_window(&fields)?,
                terms: read_terms(&fields)?,
                product: self.product()?,
            },
            "product-put" => Action::PutProduct(product_json::read_change(&fields)?),
            "product-archived" => Action::ArchiveProduct(fields.parsed("sku")?),
            "sale-changed" => Action::ChangeSale { sale: sale()?, change: read_change(&fields)? },
            "sale-paused" => Action::PauseSale(sale()?),
            "sale-resumed" => Action::ResumeSale(sale()?),
            "sale-ended" => Action::EndSale(sale()?),
            "hold-released" => Action::ReleaseHold(code()?),
            "purchase-cancelled" => Action::CancelPurchase(code()?),
            _ => return Err(ACTION),
        };
        self.order_of(action, fields.int_if("if_at")?)
    }

    /// The order of a row that may be a newer version's.
    fn read_order(&self) -> Result<Order, Unreadable> {
        if !self.is_newer() {
            return self.order();
        }
        let (name, asked) = (self.action.clone(), self.asked.clone());
        self.order_of(Action::Newer(NewerAction { name, code: self.code()?, asked }), None)
    }

    fn order_of(&self, action: Action, if_at: Option<i64>) -> Result<Order, Unreadable> {
        let why = self.why.as_deref().map(Reason::kept).transpose();
        Ok(Order {
            id: ActionId::from_bits(self.id).map_err(|_| Unreadable("id"))?,
            by: self.operator.parse().map_err(|_| Unreadable("operator"))?,
            why: why.map_err(|_| Unreadable("why"))?,
            request_id: self.request_id.as_deref().and_then(RequestName::of),
            action,
            if_at,
        })
    }

    /// Whether only a newer version can do what was asked.
    fn is_newer(&self) -> bool {
        !KNOWN.contains(&self.action.as_str())
    }

    fn code(&self) -> Result<Option<Code>, Unreadable> {
        self.code.map(Code::from_bits).transpose().map_err(|_| Unreadable("code"))
    }
}

fn read_change(fields: &Fields) -> Result<Change, Unreadable> {
    let moment = |name| Ok(fields.int_if(name)?.map(UnixMillis));
    let change = Change::new(Changed {
        starts_at: moment("starts_at")?,
        ends_at: moment("ends_at")?,
        stock: fields.small_if("stock")?,
        per_user_limit: fields.small_if("per_user_limit")?,
        hold_ms: fields.int_if("hold_ms")?,
    });
    change.map_err(|_| Unreadable("asked"))
}

impl TryFrom<StoredAction> for ActionRecord {
    type Error = Unreadable;

    /// Reads a row. Of a newer version's nothing is demanded but what all rows have.
    fn try_from(stored: StoredAction) -> Result<Self, Unreadable> {
        let is_newer = stored.is_newer();
        let seen = |text: &String| {
            if is_newer { Ok(Seen::Newer(text.clone())) } else { Seen::from_json(text) }
        };
        let outcome = match (&stored.after, &stored.refused) {
            (Some(after), None) => Acted::Done(seen(after)?),
            (None, Some(refused)) if is_newer => Acted::Refused(Refused::newer(refused)),
            (None, Some(refused)) => Acted::Refused(Refused::from_json(refused)?),
            _ => return Err(Unreadable("after")),
        };
        let sale = stored.sale_id.map(SaleId::try_from).transpose();
        Ok(Self {
            number: stored.number,
            acted_at: stored.acted_at,
            order: stored.read_order()?,
            sale: sale.map_err(|_| Unreadable("sale_id"))?,
            product: stored.product()?,
            before: stored.before.as_ref().map(seen).transpose()?,
            outcome,
        })
    }
}

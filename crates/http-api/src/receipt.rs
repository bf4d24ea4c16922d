//! Receipts, as the API writes them.

use crate::{
    api::Api,
    deadline::in_time,
    moment::rfc3339,
    openapi::{GivenCodeText, Moment, SaleNumber, UnitNumber, UserName, bodies, scalars},
    problem::Problem,
    products::ProductBody,
};
use domain::{CodeRefusal, Item, ProductVersion, Receipt, StoreError};

scalars! {
    /// The path of a picture.
    Picture is "Picture": {
        "type": "string",
        "format": "uri-reference",
        "description": "The path of a picture.",
    }
}

bodies! {
    /// What was bought.
    #[derive(Clone)]
    pub(crate) struct ReceiptBody as "Receipt" {
        /// The code that was redeemed.
        code: String as GivenCodeText,
        /// The sale.
        sale_id: i64 as SaleNumber,
        /// The buyer.
        user_id: String as UserName,
        /// The unit.
        unit: u32 as UnitNumber,
        /// What the unit turned out to be.
        item: ItemBody as ItemBody,
        /// The product that it is one of, as that was when the unit was sold.
        #[serde(skip_serializing_if = "Option::is_none")]
        product: Option<ProductBody> as Option<ProductBody>,
        /// When it was sold.
        purchased_at: String as Moment,
        /// Since when the purchase is cancelled, if it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        cancelled_at: Option<String> as Option<Moment>,
        /// Why, in the words of whoever runs the shop.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String> as Option<String>,
    }

    /// What a unit turns out to be.
    #[derive(Clone)]
    pub(crate) struct ItemBody as "Item" {
        /// What it is called.
        name: String as String,
        /// The path of its picture.
        image: String as Picture,
    }
}

/// A receipt as it is shown. What product it is of, this process mostly knows. Whoever has just sold it says that
/// of an error ([`StoreError::once_done`]).
pub(crate) async fn shown(receipt: Receipt, api: &Api) -> Result<ReceiptBody, StoreError> {
    let products = api.services.catalog.products();
    let product = match receipt.item.product {
        Some(version) => Some(in_time(products.version(version)).await?),
        None => None,
    };
    Ok(ReceiptBody::of(receipt, product.as_deref()))
}

/// The answer to whoever cannot do that with a code: with the receipt, if it was redeemed.
pub(crate) async fn refused(refusal: CodeRefusal, api: &Api) -> Result<Problem, StoreError> {
    let (receipt, problem): (_, fn(ReceiptBody) -> Problem) = match refusal {
        CodeRefusal::AlreadyUsed(receipt) => (receipt, Problem::code_already_used),
        CodeRefusal::Cancelled(receipt) => (receipt, Problem::purchase_cancelled),
        refusal => return Ok(refusal.into()),
    };
    shown(*receipt, api).await.map(problem)
}

impl ReceiptBody {
    pub(crate) fn of(receipt: Receipt, product: Option<&ProductVersion>) -> Self {
        let (cancelled_at, reason) =
            receipt.cancelled.map(|it| (rfc3339(it.at), it.reason.as_str().to_owned())).unzip();
        Self {
            code: receipt.code.to_string(),
            sale_id: receipt.sale.get(),
            user_id: receipt.user.to_string(),
            unit: receipt.unit.get(),
            item: receipt.item.into(),
            product: product.map(ProductBody::from),
            purchased_at: rfc3339(receipt.purchased_at),
            cancelled_at,
            reason,
        }
    }
}

impl From<Item> for ItemBody {
    fn from(Item { name, image, .. }: Item) -> Self {
        Self { name, image }
    }
}

//! Receipts, as the API writes them.

use crate::{
    moment::rfc3339,
    openapi::{GivenCodeText, Moment, SaleNumber, UnitNumber, UserName, bodies, scalars},
};
use domain::{Item, Receipt};

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
        /// When it was sold.
        purchased_at: String as Moment,
    }

    /// What a unit turns out to be.
    pub(crate) struct ItemBody as "Item" {
        /// What it is called.
        name: String as String,
        /// The path of its picture.
        image: String as Picture,
    }
}

impl From<Receipt> for ReceiptBody {
    fn from(receipt: Receipt) -> Self {
        Self {
            code: receipt.code.to_string(),
            sale_id: receipt.sale.get(),
            user_id: receipt.user.to_string(),
            unit: receipt.unit.get(),
            item: receipt.item.into(),
            purchased_at: rfc3339(receipt.purchased_at),
        }
    }
}

impl From<Item> for ItemBody {
    fn from(Item { name, image }: Item) -> Self {
        Self { name, image }
    }
}

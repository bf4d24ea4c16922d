//! Receipts, as the API writes them.

use domain::{Item, Receipt};
use serde::Serialize;

use crate::moment::rfc3339;

/// A receipt.
#[derive(Serialize)]
pub(super) struct ReceiptBody {
    code: String,
    sale_id: i64,
    user_id: String,
    unit: u32,
    item: ItemBody,
    purchased_at: String,
}

/// What a unit turns out to be.
#[derive(Serialize)]
pub(super) struct ItemBody {
    name: String,
    image: String,
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

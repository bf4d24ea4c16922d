//! The rules of a flash sale: who gets a unit, for how long, and what a code is worth.
//!
//! A [`Sale`] opens with a stock of units. [`Checkout`] puts one on hold for a user and
//! answers with a [`Code`]; [`Purchase`] redeems the code, once. A hold that is not redeemed
//! in time expires, and its unit goes back on sale. What the units are is a
//! [`product`], or generated. The live store ([`ports::SaleStore`],
//! [`ports::CodeStore`]) takes the crowd and may forget everything at any moment; the ledger
//! ([`ports::LedgerStore`], [`ports::SaleRegister`]) is the judge, and nothing is answered
//! before it is recorded there. The steps in [`upkeep`] keep the promises between requests.
//!
//! # The promises
//!
//! 1. A unit is live (held or sold) at most once, and no more than the stock is sold.
//! 2. A user has at most the sale's limit of live units.
//! 3. A code is redeemed at most once.
//! 4. Every answer is in the ledger before it is given.
//! 5. A hold that is live is never refused at purchase.
//! 6. Once every hold is due, each unit is sold or free again.
//! 7. The live store is a hint: it can be lost at any moment and is rebuilt from the ledger.
//! 8. There is one sale per slot of the timetable, however many processes run.
//!
//! No I/O, clock or chance lives here; they come in through the [`ports`].

pub mod abandoned;
pub mod answer;
mod asked_once;
pub mod audit;
pub mod board;
pub mod catalog;
pub mod checkout;
pub mod code;
pub mod health;
pub mod history;
pub mod hold;
pub mod ids;
pub mod item;
pub mod key;
pub mod operator;
pub mod ports;
pub mod processes;
pub mod product;
pub mod product_images;
pub mod products;
pub mod purchase;
pub mod remembered;
pub mod sale;
pub mod seen_text;
pub mod services;
pub mod standing;
pub mod steady;
pub mod time;
pub mod timetable;
pub mod upkeep;
mod uuid;
mod within;

pub use answer::{CheckoutRefusal, CodeRefusal, Failure, StoreError};
pub use board::{Board, Shown};
pub use catalog::Catalog;
pub use checkout::{Checkout, CheckoutRequest};
pub use code::Code;
pub use health::Health;
pub use history::History;
pub use hold::{Cancellation, Hold, Receipt};
pub use ids::{Epoch, LedgerId, SaleId, Slot, Unit, UserId};
pub use item::{Item, Naming};
pub use key::{IdempotencyKey, Salt};
pub use operator::Steering;
pub use processes::Company;
pub use product::{ProductId, ProductVersion, Sku, VersionId};
pub use product_images::ProductImages;
pub use products::ProductCatalog;
pub use purchase::Purchase;
pub use sale::{NewSale, NotScheduled, Origin, Phase, Sale, Terms, Window};
pub use services::{Ports, Services};
pub use standing::{NextSale, Standing, Standings};
pub use steady::SteadyClock;
pub use time::UnixMillis;
pub use timetable::Timetable;

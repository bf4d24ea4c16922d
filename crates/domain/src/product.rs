//! What a sale of an operator is of: a product, and each version that it has had.
//!
//! A product is known by its [`Sku`] for ever. All else of it is a [`ProductVersion`], which never
//! changes: a change of the product is its next version. So a receipt that names a version says what
//! was sold, whatever has become of the product since.

mod image;
mod json;
mod text;

use std::{fmt, num::NonZeroI64};

pub use image::{Image, ImageDigest, ImageError, ImageKind, ImageRef, ParseDigestError};
pub use json::JsonError;
pub use text::{
    Currency, CurrencyError, Metadata, MetadataError, NameError, ParseSkuError, Price, PriceError,
    ProductName, Sku,
};

use crate::UnixMillis;

/// Why a number is not that of a product, or of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 on")]
pub struct NumberError;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(NonZeroI64);

            impl $name {
                /// The number itself.
                #[must_use]
                pub const fn get(self) -> i64 {
                    self.0.get()
                }
            }

            impl TryFrom<i64> for $name {
                type Error = NumberError;

                fn try_from(number: i64) -> Result<Self, NumberError> {
                    let number = NonZeroI64::new(number).filter(|number| number.is_positive());
                    number.map(Self).ok_or(NumberError)
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }
        )+
    };
}

numbers! {
    /// The number of a product, by which a sale is of it.
    ProductId
    /// The number of a version of a product, by which a receipt names it. A later version of a product
    /// has a higher one.
    VersionId
}

/// A product as it was from one change to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductVersion {
    /// Its number.
    pub id: VersionId,
    /// The product.
    pub product: ProductId,
    /// The shop's own key of the product.
    pub sku: Sku,
    /// What it is called.
    pub name: ProductName,
    /// What it costs, if that is said.
    pub price: Option<Price>,
    /// What the shop says of it beside that.
    pub metadata: Option<Metadata>,
    /// Its picture; without one each unit has a generated picture.
    pub image: Option<ImageRef>,
    /// When it was made.
    pub made_at: UnixMillis,
}

/// A product as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its last version.
    pub version: ProductVersion,
    /// Since when no sale of it can be made any more, and it cannot be changed.
    pub archived_at: Option<UnixMillis>,
}

/// All that is said of a product from now on. What is left out is not there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductChange {
    /// Which product.
    pub sku: Sku,
    /// What it is called.
    pub name: ProductName,
    /// What it costs.
    pub price: Option<Price>,
    /// What the shop says of it beside that.
    pub metadata: Option<Metadata>,
    /// Its picture.
    pub image: Option<Picture>,
}

/// The picture that a product shall have. The same content is the same picture, however it comes.
#[derive(Debug, Clone)]
pub enum Picture {
    /// One that the ledger has already.
    Kept(ImageDigest),
    /// One that may be new to the ledger.
    Given(Image),
}

impl Picture {
    /// What the picture is known by.
    #[must_use]
    pub const fn digest(&self) -> ImageDigest {
        match self {
            Self::Kept(digest) => *digest,
            Self::Given(image) => image.digest(),
        }
    }
}

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

impl Eq for Picture {}

impl ProductChange {
    /// Whether a version says the same already, so that no other one is needed.
    #[must_use]
    pub fn is_said_by(&self, version: &ProductVersion) -> bool {
        self.sku == version.sku
            && self.name == version.name
            && self.price == version.price
            && self.metadata == version.metadata
            && self.image.as_ref().map(Picture::digest) == version.image.map(|image| image.digest)
    }
}

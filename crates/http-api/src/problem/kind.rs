//! The types of problems: what a document of each says, what has happened, and what to do then.

use super::requests::FieldError;
use crate::{
    openapi::{Count, LimitName, MakeSchema, Moment, SaleNumber, Schemas, Shape},
    operator::ActionBody,
    receipt::ReceiptBody,
};

/// Names the types, once for all who list them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)+) => {
        /// A type of problem: the last part of its `type` is its name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$kind,)+];

            /// The last part of the type.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// The type: where its page is.
            pub(crate) const fn path(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!("/problems/", $name),)+
                }
            }

            /// What its schema is called.
            pub(crate) const fn schema_name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)+
                }
            }
        }
    };
}

kinds! {
    /// The request is not one that is answered.
    InvalidRequest = "invalid-request",
    /// Nobody knows who asks.
    Unauthorized = "unauthorized",
    /// Whoever asks is known, and may not ask for this.
    Forbidden = "forbidden",
    /// There is no such sale.
    SaleNotFound = "sale-not-found",
    /// There is no such code, or no receipt of it.
    CodeNotFound = "code-not-found",
    /// There is no such unit.
    ItemNotFound = "item-not-found",
    /// There is no such product.
    ProductNotFound = "product-not-found",
    /// There is no such path.
    NotFound = "not-found",
    /// The path has other methods.
    MethodNotAllowed = "method-not-allowed",
    /// The request did not arrive in time.
    RequestTimeout = "request-timeout",
    /// No unit is free.
    SoldOut = "sold-out",
    /// The user has as many units as one may have.
    UserLimitReached = "user-limit-reached",
    /// The sale has not started.
    SaleNotOpen = "sale-not-open",
    /// The sale is over.
    SaleEnded = "sale-ended",
    /// The sale is stopped for now.
    SalePaused = "sale-paused",
    /// The code was redeemed before.
    CodeAlreadyUsed = "code-already-used",
    /// The hold ran out, or was given back.
    CodeExpired = "code-expired",
    /// The purchase was cancelled.
    PurchaseCancelled = "purchase-cancelled",
    /// What an operator ordered is not done.
    ActionRefused = "action-refused",
    /// The name of an order is that of another.
    IdempotencyKeyUsed = "idempotency-key-used",
    /// They ask too often.
    TooManyRequests = "too-many-requests",
    /// A store gave no answer.
    Unavailable = "unavailable",
    /// Too many requests wait.
    Overloaded = "overloaded",
}

/// What a person is told of a type.
pub(crate) struct About {
    /// What has happened.
    pub(crate) means: &'static str,
    /// What the client does about it.
    pub(crate) remedy: &'static str,
}

/// A member that documents of a type have beside those that all have.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    pub(crate) schema: MakeSchema,
    /// Whether each of them has it.
    pub(crate) is_always: bool,
}

impl Member {
    fn of<T: Shape>(name: &'static str, says: &'static str) -> Self {
        let schema = Schemas::of::<T>;
        Self { name, says, schema, is_always: true }
    }
}

impl Kind {
    /// The members that are its own.
    pub(crate) fn members(self) -> Vec<Member> {
        let sale = Member::of::<SaleNumber>("sale_id", "The sale that was asked for.");
        let ends_at = |says| Member::of::<Moment>("ends_at", says);
        match self {
            Self::InvalidRequest => {
                vec![Member::of::<Vec<FieldError>>("errors", "What is wrong, by its place.")]
            }
            Self::SoldOut => {
                let says = "When a unit may be had again, if one is still on hold.";
                let retry = Member { is_always: false, ..Member::of::<Moment>("retry_at", says) };
                vec![retry, sale]
            }
            Self::UserLimitReached => vec![
                Member::of::<Count>("limit", "How many units one user may have."),
                Member::of::<Count>("held", "How many of theirs are on hold."),
                Member::of::<Count>("bought", "How many they have bought."),
                sale,
            ],
            Self::SaleNotOpen => vec![Member::of::<Moment>("starts_at", "When it starts."), sale],
            Self::SaleEnded => vec![ends_at("When it ended."), sale],
            Self::SalePaused => vec![ends_at("When it ends at the latest."), sale],
            Self::CodeAlreadyUsed | Self::PurchaseCancelled => {
                vec![Member::of::<ReceiptBody>("purchase", "The receipt of the code.")]
            }
            Self::ActionRefused => vec![
                Member::of::<String>("refused", "The word for what stands in the way."),
                Member::of::<ActionBody>("action", "The order, as the trail has it."),
            ],
            Self::IdempotencyKeyUsed => vec![
                Member::of::<Vec<String>>(
                    "differs",
                    "In what the two are not the same: the names of members of `action`, or of `action.asked`.",
                ),
                Member::of::<ActionBody>("action", "The order that has this name."),
            ],
            Self::TooManyRequests => {
                vec![Member::of::<LimitName>("limit", "Whose limit it is.")]
            }
            Self::Unavailable | Self::Overloaded => {
                let says = "Whether this request may have taken effect, or may yet. If it says `false`, \
                            it has not and will not, whatever became of an earlier one like it.";
                vec![Member::of::<bool>("may_have_been_done", says)]
            }
            Self::Unauthorized
            | Self::Forbidden
            | Self::SaleNotFound
            | Self::CodeNotFound
            | Self::ItemNotFound
            | Self::ProductNotFound
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::RequestTimeout
            | Self::CodeExpired => Vec::new(),
        }
    }

    /// Whether operators alone are answered so.
    pub(crate) const fn is_of_operators(self) -> bool {
        matches!(self, Self::ProductNotFound | Self::ActionRefused | Self::IdempotencyKeyUsed)
    }

    /// Whom it is for, as a sentence before others, if it is not for everybody.
    pub(crate) const fn is_for(self) -> &'static str {
        if self.is_of_operators() { "Operators only. " } else { "" }
    }

    /// What a person is told of it.
    #[expect(clippy::too_many_lines, reason = "two texts a kind, in one table")]
    pub(crate) const fn about(self) -> About {
        let (means, remedy) = match self {
            Self::InvalidRequest => (
                "The request is not one that this service answers: a parameter is missing, malformed, \
                 unknown or given twice, or a part of the request is too large or of another kind. \
                 Nothing was done, and no store was asked.",
                "Correct what `errors` names: `field` is the parameter, or the part of the request, \
                 such as body, path or head. The same request will be refused again. In a path or a query, \
                 percent-encode what a URL may not have: a user `<b>` is `user_id=%3Cb%3E`. A 421 is \
                 told to operators only.",
            ),
            Self::Unauthorized => (
                "This needs a token of the buyer, or where operators are asked one of an operator, and \
                 there is none, or it is not good: `detail` says what is wrong, and so does the header \
                 `WWW-Authenticate`. Nothing was done.",
                "Send a token that is good as `Authorization: Bearer`. One whose time is over is renewed \
                 by whoever made it.",
            ),
            Self::Forbidden => (
                "The token is good, and its user is not the one that `user_id` names, or can be no \
                 user here; or it is that of an operator, whose role is not enough for this. `detail` says \
                 which. Nothing was done.",
                "Leave `user_id` out: it is the user of the token. If `detail` says that this user can be \
                 none, or that another role is needed, only whoever makes the tokens can mend it.",
            ),
            Self::SaleNotFound => (
                "There never was a sale of this number; or, for the current sale, none is on and none \
                 is planned.",
                "Ask GET /sales/current or GET /sales for the sales there are.",
            ),
            Self::CodeNotFound => (
                "This code was never given to anyone; or, where buyers have tokens, not to the user of \
                 this token. For a receipt it may also mean that the code was \
                 not redeemed: there is nothing to show yet.",
                "Check that the code is the one that POST /checkout answered with. To redeem it, send \
                 it to POST /purchase.",
            ),
            Self::ItemNotFound => (
                "The sale has fewer units than the number that was asked for.",
                "Use the path that a receipt has under `item.image`.",
            ),
            Self::ProductNotFound => (
                "There never was a product of this `sku`.",
                "Ask GET /admin/products for the products there are.",
            ),
            Self::NotFound => (
                "Nothing is at this path.",
                "Look at the paths in /openapi.json, or in /docs. No path ends with a slash: one of those \
                 with a slash added is answered with 308 and the right path in `Location`.",
            ),
            Self::MethodNotAllowed => (
                "The path is right, and has no such method.",
                "Use a method that the header `Allow` names.",
            ),
            Self::RequestTimeout => (
                "The request did not arrive to its end in time. It was not read, nothing was done, and \
                 the connection is closed.",
                "Send it again, on a new connection.",
            ),
            Self::SoldOut => (
                "No unit of the sale is free now: each is sold or on hold.",
                "With `retry_at` and `Retry-After` a unit may come back then, if a hold is not \
                 redeemed: ask again at that time. Without them, what is left is sold or will be, and \
                 asking again is of no use. Whoever is at the limit of the sale is told this, too, and not \
                 that: it is answered from memory, to a crowd. GET /me says what one user may have.",
            ),
            Self::UserLimitReached => (
                "The user has as many units of this sale, on hold and bought, as one user may have.",
                "Redeem a hold, or give one back with DELETE /checkout; a hold that is not redeemed \
                 runs out by itself. Units that are bought count against the limit for good, unless whoever runs the \
                 shop cancels the purchase.",
            ),
            Self::SaleNotOpen => (
                "The sale has not started.",
                "Ask again at `starts_at`, by the service's clock: wait for as long as it is from \
                 `server_time` of GET /sales/{id} to then. `starts_at` stands in the place of a \
                 `Retry-After`.",
            ),
            Self::SaleEnded => (
                "The sale is over, and gives no more units. Codes it has given stay good until they \
                 expire.",
                "GET /sales/current names the sale that is on, or else the next.",
            ),
            Self::SalePaused => (
                "Whoever runs the service has stopped the sale for now. Codes it has given stay good.",
                "Look at `state` of GET /sales/{id} now and then, and ask again when it is open.",
            ),
            Self::CodeAlreadyUsed => (
                "The code was redeemed before. `purchase` is its receipt, the same as it was then.",
                "If it was you who redeemed it, and the answer got lost, you have it now: go on with \
                 `purchase`. A unit that is sold is not given back by its buyer.",
            ),
            Self::CodeExpired => (
                "The hold ran out before the code was redeemed, or was given back. The unit is on sale \
                 again.",
                "Ask POST /checkout for another unit. If the hold was asked for with an \
                 `Idempotency-Key`, draw a new one: the old key is answered with this same hold, which is \
                 over, for as long as the sale is in the ledger, also when it has ended or is sold out.",
            ),
            Self::PurchaseCancelled => (
                "The code was redeemed, and whoever runs the shop has cancelled the purchase since. It is final. \
                 `purchase` is the receipt, with `cancelled_at` and `reason`.",
                "There is nothing to repeat: the unit is not yours any more. Ask POST /checkout for another one, if \
                 the sale is on; with an `Idempotency-Key`, draw a new one. For the rest, ask the shop.",
            ),
            Self::ActionRefused => (
                "Something stands in the way of what an operator ordered: `refused` is the word for it, \
                 `detail` says it, and `action.refused` has its figures. Nothing was done, and will not be \
                 under this name; the trail keeps that it was asked.",
                "Look at `action.before`, which is how it stands, and at GET /admin/sales/{id}. Of \
                 `sale-changed-since` somebody else was there first: `action.refused` says who, and what they \
                 did. Then order anew, under another `Idempotency-Key`.",
            ),
            Self::IdempotencyKeyUsed => (
                "The `Idempotency-Key` is the name of another order, which `action` shows; `differs` says in what it \
                 is not this one. Another reason makes another order. Nothing was done.",
                "Draw a key for each order, such as a UUID of version 4, and send the same one again only \
                 with the same order.",
            ),
            Self::TooManyRequests => (
                "This client or this user asks more often than one may: `limit` says which of them. \
                 Nothing was done, and no store was asked.",
                "Ask again after `Retry-After`. `RateLimit` and `RateLimit-Policy` of every answer say how \
                 many requests are left.",
            ),
            Self::Unavailable => (
                "A store is down or gave no answer, or the sale is being rebuilt. `detail` says which, \
                 and `may_have_been_done` whether the request may have taken effect.",
                "Ask again after `Retry-After`. POST /purchase and DELETE /checkout are safe to repeat: \
                 a code is redeemed once, and its receipt is answered again. So is POST /checkout with an \
                 `Idempotency-Key`; without one, a checkout that may have been done leaves a hold at \
                 most, which nobody has the code of and which runs out.",
            ),
            Self::Overloaded => (
                "Too many requests are waiting. This one would have waited for too long, and was turned \
                 away before anything was done.",
                "Ask again after `Retry-After`, which is another while for each client, so that they do \
                 not come again all at once.",
            ),
        };
        About { means, remedy }
    }
}

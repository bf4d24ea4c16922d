//! The kinds of answers clients get.

use domain::{CheckoutRefusal, CodeRefusal, Failure};

/// What a client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Granted,
    GrantedBefore,
    SoldOut,
    UserLimit,
    NotOpen,
    Ended,
    Paused,
    UnknownSale,
    Sold,
    AlreadyUsed,
    Expired,
    GivenBack,
    WasGivenBack,
    Cancelled,
    Receipt,
    NotRedeemed,
    UnknownCode,
    Standing,
    Overloaded,
    NotDone,
    Unknown,
    Rebuilding,
    Nothing,
}

impl Told {
    pub(crate) const ALL: [Self; 23] = [
        Self::Granted,
        Self::GrantedBefore,
        Self::SoldOut,
        Self::UserLimit,
        Self::NotOpen,
        Self::Ended,
        Self::Paused,
        Self::UnknownSale,
        Self::Sold,
        Self::AlreadyUsed,
        Self::Expired,
        Self::GivenBack,
        Self::WasGivenBack,
        Self::Cancelled,
        Self::Receipt,
        Self::NotRedeemed,
        Self::UnknownCode,
        Self::Standing,
        Self::Overloaded,
        Self::NotDone,
        Self::Unknown,
        Self::Rebuilding,
        Self::Nothing,
    ];

    /// Whether it leaves open what there is.
    pub(crate) const fn is_no_answer(self) -> bool {
        matches!(
            self,
            Self::Nothing | Self::Overloaded | Self::NotDone | Self::Unknown | Self::Rebuilding
        )
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Granted => "a code",
            Self::GrantedBefore => "the code of its key",
            Self::SoldOut => "sold out",
            Self::UserLimit => "user limit reached",
            Self::NotOpen => "not open",
            Self::Ended => "ended",
            Self::Paused => "paused",
            Self::UnknownSale => "no such sale",
            Self::Sold => "sold",
            Self::AlreadyUsed => "already used",
            Self::Expired => "expired",
            Self::GivenBack => "given back",
            Self::WasGivenBack => "was given back",
            Self::Cancelled => "cancelled",
            Self::Receipt => "a receipt",
            Self::NotRedeemed => "not redeemed",
            Self::UnknownCode => "no such code",
            Self::Standing => "how a sale stands",
            Self::Overloaded => "overloaded",
            Self::NotDone => "not done",
            Self::Unknown => "unknown whether done",
            Self::Rebuilding => "being rebuilt",
            Self::Nothing => "nothing",
        }
    }
}

impl From<&CheckoutRefusal> for Told {
    fn from(refusal: &CheckoutRefusal) -> Self {
        match refusal {
            CheckoutRefusal::SoldOut { .. } => Self::SoldOut,
            CheckoutRefusal::UserLimit { .. } => Self::UserLimit,
            CheckoutRefusal::NotOpen { .. } => Self::NotOpen,
            CheckoutRefusal::Ended { .. } => Self::Ended,
            CheckoutRefusal::Paused { .. } => Self::Paused,
            CheckoutRefusal::UnknownSale => Self::UnknownSale,
        }
    }
}

impl From<&CodeRefusal> for Told {
    fn from(refusal: &CodeRefusal) -> Self {
        match refusal {
            CodeRefusal::Unknown => Self::UnknownCode,
            CodeRefusal::AlreadyUsed(_) => Self::AlreadyUsed,
            CodeRefusal::Expired => Self::Expired,
            CodeRefusal::Released => Self::WasGivenBack,
            CodeRefusal::Cancelled(_) => Self::Cancelled,
            CodeRefusal::NotRedeemed => Self::NotRedeemed,
        }
    }
}

impl From<Failure> for Told {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Overloaded => Self::Overloaded,
            Failure::NotDone => Self::NotDone,
            Failure::Unknown => Self::Unknown,
            Failure::Rebuilding => Self::Rebuilding,
        }
    }
}

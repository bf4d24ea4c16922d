//! Names and codes: any text is refused or has one spelling.

#![no_main]

use domain::{Code, SaleId, Unit, UserId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(code) = text.parse::<Code>() {
        assert_eq!(code.to_string(), text.to_ascii_lowercase());
        assert_eq!(Code::new(code.sale(), code.to_bits()), code);
    }
    if let Ok(sale) = text.parse::<SaleId>() {
        assert_eq!(sale.to_string(), text);
    }
    if let Ok(unit) = text.parse::<Unit>() {
        assert_eq!(unit.to_string(), text);
    }
    if let Ok(user) = text.parse::<UserId>() {
        assert_eq!(user.as_str(), text);
    }
});

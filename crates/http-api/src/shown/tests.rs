//! How long what is shown may be kept.

use domain::board::WhichPage;

use super::*;

/// How long a page of one sale may be kept, which is closed and has this number.
fn page_of_closed(number: i64, before: Option<i64>) -> HeaderValue {
    let id = |number: i64| SaleId::try_from(number).unwrap();
    let mut standing = samples::standing();
    standing.sale.id = id(number);
    standing.sale.state = SaleState::Closed;
    let which = WhichPage { phase: None, before: before.map(id), limit: 1 };
    let next_below = Some(standing.sale.id);
    Written::of_page(&Page { standings: &[standing], products: &[None], which, next_below }).caching
}

#[test]
fn a_page_of_closed_sales_is_kept_for_long_only_if_no_new_sale_can_come_to_it() {
    assert_eq!(page_of_closed(7, Some(8)), LONG);
    assert_eq!(page_of_closed(7, None), BRIEFLY, "the next sale is on the first page");
    assert_eq!(page_of_closed(7, Some(9)), BRIEFLY, "the next sale may be below that");
}

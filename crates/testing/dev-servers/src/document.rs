//! What a document says in its blocks of code, for tests that do as it says.

/// The block of a document in Markdown whose fence has these words behind it, such as `sql once`.
///
/// # Panics
///
/// If there is no such block.
#[must_use]
pub fn block<'d>(document: &'d str, words: &str) -> &'d str {
    let block = document.split_once(&format!("\n```{words}\n")).and_then(|(_, rest)| {
        let (block, _) = rest.split_once("\n```\n")?;
        Some(block)
    });
    block.unwrap_or_else(|| panic!("the document has no block `{words}`"))
}

//! What a page costs.

use std::{collections::BTreeMap, io::Read as _};

use flate2::read::GzDecoder;

/// What all of a page has, on the wire and unpacked, before the pictures.
pub(crate) struct Weight {
    /// On the wire, without what comes later.
    pub(crate) first: usize,
    pub(crate) wire: usize,
    pub(crate) plain: usize,
    pub(crate) files: usize,
}

/// Asks for a page and all that it names, as a browser does, and for these parts that it fetches later.
pub(crate) async fn weight_of(url: &str, later: &[&str]) -> Weight {
    let http = reqwest::Client::new();
    let get = async |path: &str| {
        let request = http.get(format!("{url}/{path}"));
        let answer = request.header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.headers().contains_key("etag"), "{path}");
        let is_packed = answer.headers().contains_key("content-encoding");
        let bytes = answer.bytes().await.unwrap();
        let mut plain = Vec::new();
        if is_packed {
            GzDecoder::new(&*bytes).read_to_end(&mut plain).unwrap();
        } else {
            plain = bytes.to_vec();
        }
        (bytes.len(), plain)
    };
    let mut sizes = BTreeMap::new();
    let (wire, page) = get("").await;
    sizes.insert(String::new(), (wire, page.len()));
    let page = String::from_utf8(page).unwrap();
    let files = page.split("\"pages/").skip(1).filter_map(|it| it.split('"').next());

    for file in files.chain(["archivo.woff2", "besley.woff2"]).chain(later.iter().copied()) {
        let (wire, plain) = get(&format!("pages/{file}")).await;
        sizes.insert(file.to_owned(), (wire, plain.len()));
    }

    let (wire, plain) = sizes.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    println!("{} files, {plain} bytes, {wire} on the wire: {sizes:?}", sizes.len());
    let late: usize = later.iter().map(|it| sizes[*it].0).sum();
    Weight { first: wire - late, wire, plain, files: sizes.len() }
}

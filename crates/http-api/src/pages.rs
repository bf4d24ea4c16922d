//! The pages for people, served with all that they need: they ask no other host, and are files that
//! are written by hand, sent as they are.

mod shop;

use actix_web::web::Bytes;

use crate::asset::Asset;

/// `/` and `/pages`.
pub(super) use self::shop::endpoints;

/// What a page may do: its own programs, styles, pictures and fonts, and ask the service. Nothing may
/// be written into it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const FONT: &str = "font/woff2";

/// A file by its name, and what is in it.
type File = (&'static str, &'static [u8]);

/// What pages have in common.
const SHARED: [File; 3] = [
    ("tokens.css", include_bytes!("pages/tokens.css")),
    ("archivo.woff2", include_bytes!("pages/fonts/archivo.woff2")),
    ("besley.woff2", include_bytes!("pages/fonts/besley.woff2")),
];

/// A file as it is sent. What it is, its name says.
fn asset((name, content): File) -> (&'static str, Asset) {
    let content = Bytes::from_static(content);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let asset = match ending {
        "css" => Asset::of_bytes(CSS, content),
        "js" => Asset::of_bytes(JAVASCRIPT, content),
        "svg" => Asset::of_bytes(SVG, content),
        // It is compressed in itself.
        _ => Asset::of_packed(FONT, content),
    };
    (name, asset)
}

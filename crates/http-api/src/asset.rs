//! Files that are the same as long as the program is: sent compressed to whoever accepts it, and not
//! again to whoever has them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read, Write},
    sync::OnceLock,
};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::header::{
        ACCEPT_ENCODING, AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, ETAG, Encoding, EntityTag, HeaderValue, VARY,
    },
    web::Bytes,
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::{Value, json};

use crate::{
    caching::is_known,
    manners::NO_PAGE,
    openapi::{Answer, Parameter, header},
    params::of_path,
    problem::Problem,
};

/// It may be kept, but is asked for again: the next version has another.
const CACHING: &str = "no-cache";

/// A file.
pub(crate) struct Asset {
    kind: &'static str,
    policy: &'static str,
    compressed: Bytes,
    /// For the few who do not take it compressed.
    plain: OnceLock<Bytes>,
    tag: u64,
}

impl Asset {
    /// A text of a kind.
    pub(crate) fn of_text(kind: &'static str, text: String) -> Self {
        Self::of_bytes(kind, text.into())
    }

    /// The same, as it is in the program.
    pub(crate) fn of_bytes(kind: &'static str, text: Bytes) -> Self {
        // What cannot be compressed is not there, and its plain form is sent.
        let compressed = gzip(&text, Compression::best()).unwrap_or_default();
        let asset = Self::of_gzip(kind, compressed.into());
        Self { plain: OnceLock::from(text), ..asset }
    }

    /// One of a kind that is compressed in itself, such as a font: it is sent as it is.
    pub(crate) fn of_packed(kind: &'static str, content: Bytes) -> Self {
        let asset = Self::of_gzip(kind, content.clone());
        Self { compressed: Bytes::new(), plain: OnceLock::from(content), ..asset }
    }

    /// One that is compressed.
    pub(crate) fn of_gzip(kind: &'static str, compressed: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        compressed.hash(&mut hasher);
        let (policy, plain) = (NO_PAGE, OnceLock::new());
        Self { kind, policy, compressed, plain, tag: hasher.finish() }
    }

    /// The same, and what it may do in a browser.
    pub(crate) fn with_policy(self, policy: &'static str) -> Self {
        Self { policy, ..self }
    }

    /// The answer to a request for it.
    pub(crate) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let is_compressed = takes_gzip(request) && !self.compressed.is_empty();
        let form = if is_compressed { "-gz" } else { "" };
        let tag = EntityTag::new_strong(format!("{:016x}{form}", self.tag));
        let is_known = is_known(request, &tag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header((CACHE_CONTROL, CACHING))
            .insert_header((VARY, "Accept-Encoding"))
            // A browser takes the fields of a 304 for those of what it has.
            .insert_header((CONTENT_SECURITY_POLICY, self.policy))
            .insert_header((ETAG, tag.to_string()));
        if is_known {
            return response.finish();
        }
        response.insert_header((CONTENT_TYPE, HeaderValue::from_static(self.kind)));
        if is_compressed {
            response.insert_header((CONTENT_ENCODING, "gzip")).body(self.compressed.clone())
        } else {
            response.body(self.plain().clone())
        }
    }

    fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| {
            let mut plain = Vec::new();
            // It was compressed by us.
            let _ = GzDecoder::new(&*self.compressed).read_to_end(&mut plain);
            plain.into()
        })
    }

    /// What a request for one may have.
    pub(crate) fn parameters() -> [Parameter; 2] {
        [if_none_match("\"8f3a0c2b6d1e4f57-gz\""), accept_encoding()]
    }

    /// What is said of the answers, of this kind.
    pub(crate) fn answers(kind: &'static str, says: &'static str) -> [Answer; 2] {
        let tag = || header::tag("\"8f3a0c2b6d1e4f57-gz\"");
        let headers =
            || [header::caching(CACHING), header::varies(), tag(), header::policy(NO_PAGE)];
        let found =
            Answer::text(format!("{says}."), kind).headers(headers()).headers([header::coding()]);
        [found, Answer::empty(304, "The client has it.").headers(headers())]
    }
}

/// The answer to a request for one of several files, by the name in its path.
pub(crate) fn answer_by_name(
    files: &[(&str, Asset)],
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let name: String = of_path(request, "file")?;
    let file = files.iter().find(|(it, _)| *it == name);
    let (_, file) = file.ok_or_else(|| Problem::no_such_route(request.path()))?;
    Ok(file.answer(request))
}

/// What such a name may be.
pub(crate) fn schema_of_names(files: &[(&str, Asset)]) -> Value {
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    json!({ "type": "string", "enum": names, "description": "The name of a file." })
}

/// The header by which a client says what it has.
pub(crate) fn if_none_match(example: &str) -> Parameter {
    Parameter::header("If-None-Match", "The ETag of what the client has.", example)
}

/// The header by which a client says how it takes an answer.
pub(crate) fn accept_encoding() -> Parameter {
    Parameter::header("Accept-Encoding", "Whether the answer may be compressed.", "gzip")
}

/// Whether a client takes an answer compressed.
pub(crate) fn takes_gzip(request: &HttpRequest) -> bool {
    request.headers().contains_key(ACCEPT_ENCODING)
        && request.get_header::<AcceptEncoding>().is_some_and(|accepted| {
            let offered = [Encoding::gzip(), Encoding::identity()];
            accepted.negotiate(offered.iter()) == Some(Encoding::gzip())
        })
}

/// Compresses a text.
pub(crate) fn gzip(text: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(text)?;
    encoder.finish()
}

//! Which pages of other origins may ask, and hear the answers (CORS, as the Fetch standard has it).
//!
//! Not by actix-cors: that wraps the application, and a page would not hear what is answered before it
//! (429) or around it; nor does it know what methods a route has.

use std::str::FromStr;

use actix_web::http::{
    Method,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
        ALLOW, HeaderMap, HeaderValue, ORIGIN, VARY,
    },
};

/// The most origins that may be named.
const ORIGINS_MAX: usize = 64;

/// What a page may send beside what any may.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Request-Id",
);

/// What a page may read beside what any may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, \
     X-Request-Id",
);

/// How long a browser may keep what it was allowed, in seconds: as long as any does.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("7200");

const ANY: HeaderValue = HeaderValue::from_static("*");
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

/// The origins of the pages that may ask. Cookies are never looked at, so none has to be trusted with
/// any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// Those of the service itself alone.
    #[default]
    None,
    /// Any.
    Any,
    /// These.
    These(Vec<HeaderValue>),
}

/// Why a text does not name origins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginsError {
    /// It is no origin, or not spelled as a browser does.
    #[error(
        "`{0}` is no origin as a browser spells it, such as https://shop.example or \
         http://localhost:3000: in lower case, without a path, and without the port that is meant anyway"
    )]
    Origin(String),
    /// It has more before its host than a scheme. What that is may be a secret, so it is not said.
    #[error(
        "names a user before a host, and an origin is a scheme, a host and a port alone, such as \
         https://shop.example"
    )]
    User,
    /// There are too many.
    #[error("has more than {ORIGINS_MAX} origins")]
    TooMany,
}

/// A request of a page, as far as its answer depends on it.
#[derive(Debug)]
pub(crate) struct Page {
    /// Where the page is of.
    origin: Option<HeaderValue>,
    /// Whether a browser asks what the page may send.
    is_preflight: bool,
}

impl Origins {
    /// What the answer to a request depends on. Costs nothing where no page may ask.
    pub(crate) fn page(&self, method: &Method, headers: &HeaderMap) -> Page {
        if *self == Self::None {
            return Page { origin: None, is_preflight: false };
        }
        let origin = headers.get(ORIGIN).cloned();
        let asks_first = *method == Method::OPTIONS && origin.is_some();
        let is_preflight = asks_first && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        Page { origin, is_preflight }
    }

    /// Says in an answer who may hear it.
    pub(crate) fn allow(&self, page: Page, headers: &mut HeaderMap) {
        let allowed = match self {
            Self::None => return,
            // The same for all, so a cache may keep it for all.
            Self::Any => Some(ANY),
            Self::These(these) => {
                headers.append(VARY, BY_ORIGIN);
                page.origin.filter(|origin| these.contains(origin))
            }
        };
        let Some(allowed) = allowed else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if !page.is_preflight {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        } else if let Some(methods) = headers.get(ALLOW).cloned() {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
        }
    }
}

impl FromStr for Origins {
    type Err = OriginsError;

    /// Reads `*`, or origins with commas between them, or nothing, which is none.
    fn from_str(text: &str) -> Result<Self, OriginsError> {
        match text.trim() {
            "" => return Ok(Self::None),
            "*" => return Ok(Self::Any),
            _ => {}
        }
        let origins = text.split(',').map(str::trim).map(|origin| {
            let quoted = || OriginsError::Origin(origin.chars().take(64).collect());
            let wrong = || if origin.contains('@') { OriginsError::User } else { quoted() };
            let value = HeaderValue::from_str(origin).ok().filter(|_| is_origin(origin));
            value.ok_or_else(wrong)
        });
        let origins: Vec<_> = origins.collect::<Result<_, _>>()?;
        if origins.len() > ORIGINS_MAX {
            return Err(OriginsError::TooMany);
        }
        Ok(Self::These(origins))
    }
}

/// Whether a browser would say so: a scheme, a host, and a port that is not meant anyway.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let (host, port) = match authority.rsplit_once(':') {
        // What is behind the last colon within brackets is no port.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-');
    let named =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match in_brackets {
        Some(address) => {
            address.parse::<std::net::Ipv6Addr>().is_ok_and(|it| it.to_string() == address)
        }
        None => !host.is_empty() && host.bytes().all(named),
    };
    let meant = match scheme {
        "http" => 80,
        "https" => 443,
        _ => 0,
    };
    let is_port = port.is_none_or(|port| {
        port.parse::<u16>().is_ok_and(|it| it != 0 && it != meant && it.to_string() == port)
    });
    is_scheme && is_host && is_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_calls_one() {
        for good in [
            "https://shop.example",
            "http://localhost:3000",
            "https://127.0.0.1:8443",
            "http://[::1]:3000",
            "https://[2001:db8::1]",
            "capacitor://localhost",
            "https://xn--bcher-kva.example",
        ] {
            let value = HeaderValue::from_str(good).unwrap();
            assert_eq!(good.parse(), Ok(Origins::These(vec![value])), "{good}");
        }
        for bad in [
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://shop.example/path",
            "https://Shop.example",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://shop.example:0443",
            "https://shop.example:",
            "https://*.example",
            "https://user@shop.example",
            "http://[::1",
            "http://[0:0:0:0:0:0:0:1]",
            "null",
            "https://a.example https://b.example",
            "https://a.example,",
            "*,https://a.example",
            "://a.example",
        ] {
            assert!(bad.parse::<Origins>().is_err(), "{bad}");
        }
        for secret in
            ["https://geheim@shop.example", "https://u:geheim@h", "https://a.example,u:geheim@h"]
        {
            let error = secret.parse::<Origins>().unwrap_err();
            assert_eq!(error, OriginsError::User, "{secret}");
            assert!(!error.to_string().contains("geheim"));
        }
        let many = |count| vec!["https://a.example"; count].join(",").parse::<Origins>();
        assert!(many(ORIGINS_MAX).is_ok());
        assert_eq!(many(ORIGINS_MAX + 1), Err(OriginsError::TooMany));
    }

    #[test]
    fn nothing_or_everything_may_be_said() {
        assert_eq!(" ".parse(), Ok(Origins::None));
        assert_eq!("*".parse(), Ok(Origins::Any));
        let these = "https://a.example , https://b.example".parse();
        let value = HeaderValue::from_static;
        assert_eq!(
            these,
            Ok(Origins::These(vec![value("https://a.example"), value("https://b.example")]))
        );
    }
}

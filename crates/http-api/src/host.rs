//! By which host a request asks.

use std::net::Ipv6Addr;

use actix_web::{
    HttpResponse, ResponseError as _,
    http::header::{HOST, HeaderMap},
};

use crate::problem::Problem;

/// What a host may have beside letters and digits (RFC 3986, 3.2.2).
const ALSO_ALLOWED: &[u8] = b"-._~!$&'()*+,;=";

/// The answer to a request whose `Host` is none (RFC 9112, 3.2). What is behind such a head is not known
/// for certain: whoever stands before the service may take it for another.
#[must_use]
pub fn refusal_of_host(headers: &HeaderMap) -> Option<HttpResponse> {
    let are_hosts = headers.get_all(HOST).all(|host| host.to_str().is_ok_and(is_host));
    (!are_hosts).then(|| Problem::malformed_host().error_response())
}

/// Whether this is a host, with a port or without, or nothing, which names none.
fn is_host(text: &str) -> bool {
    let after = if let Some(rest) = text.strip_prefix('[') {
        let in_brackets = rest.split_once(']');
        in_brackets.filter(|(it, _)| it.parse::<Ipv6Addr>().is_ok()).map(|(_, after)| after)
    } else {
        let (name, after) = text.split_at(text.find(':').unwrap_or(text.len()));
        is_name(name).then_some(after)
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    after.is_some_and(|after| after.is_empty() || after.strip_prefix(':').is_some_and(is_port))
}

fn is_name(text: &str) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || ALSO_ALLOWED.contains(byte);
    let mut parts = text.as_bytes().split(|&byte| byte == b'%');
    let is_first_plain = parts.next().is_none_or(|first| first.iter().all(is_plain));
    // What follows a percent sign are two digits.
    let is_encoded = |part: &[u8]| {
        let digits = part.split_at_checked(2);
        digits.is_some_and(|(digits, rest)| {
            digits.iter().all(u8::is_ascii_hexdigit) && rest.iter().all(is_plain)
        })
    };
    is_first_plain && parts.all(is_encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for good in [
            "",
            "shop.example",
            "Shop.example:8080",
            "127.0.0.1",
            "[::1]",
            "[2001:db8::1]:443",
            "shop_1.example.",
            "shop:",
            ":80",
            "b%C3%BCcher.example:1",
            "a~b!c",
        ] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "a b", "a b/", "a/", "a/b", "http://a", "u@a", "a:b", "a:1:2", "[::1", "[shop]",
            "[::1]80", "::1", "a%", "a%2", "a%zz", "a\tb", "a, b", "\"a\"", "a?b", "a#b", "<a>",
            "a\\b",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}

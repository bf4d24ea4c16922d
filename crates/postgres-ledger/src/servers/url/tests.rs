use proptest::prelude::*;

use super::*;

fn tls(text: &str) -> TlsOptions {
    read(text).map_err(|error| error.to_string()).unwrap().tls
}

#[test]
fn what_is_said_of_tls_is_taken_out_and_all_else_is_left_as_it_was() {
    let plain = "postgres://shop:p%40ss@a:1,b:2/ledger?application_name=x&connect_timeout=3";
    for with in [
        "postgres://shop:p%40ss@a:1,b:2/ledger?sslmode=verify-full&application_name=x&\
         sslrootcert=%2Fca%20s.pem&connect_timeout=3&sslcert=/c.pem&sslkey=/k.pem",
        "host=a,b port=1,2 user=shop password=p@ss dbname=ledger application_name = x \
         sslmode=verify-full sslrootcert='/ca s.pem' connect_timeout=3 sslcert=/c.pem  sslkey=/k.pem",
    ] {
        let read = read(with).map_err(|error| error.to_string()).unwrap();

        assert_eq!(read.config, Config::from_str(plain).unwrap(), "{with}");
        assert_eq!(read.tls.mode, Some(SslMode::VerifyFull));
        assert_eq!(read.tls.root_cert.as_deref(), Some("/ca s.pem"));
        assert_eq!(read.tls.cert.as_deref(), Some("/c.pem"));
        assert_eq!(read.tls.key.as_deref(), Some("/k.pem"));
    }
    assert_eq!(read(plain).map_err(drop).unwrap().config, Config::from_str(plain).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_url_has_more_said_of_it_than_the_names_of_known_options(
        scheme in prop::sample::select(vec!["postgres://", "postgresql://", "host=h ", ""]),
        text in "[geim@:/?=&%' \\\\,\\[\\]0-9]{0,12}(GEHEIM)?[@:/?=&%' \\\\,\\[\\]]{0,6}(GEHEIM)?",
    ) {
        if let Err(error) = read(&format!("{scheme}{text}")) {
            prop_assert!(!format!("{error} {error:?}").contains("GEHEIM"), "{}", error);
        }
    }
}

#[test]
fn each_mode_of_libpq_is_known_but_allow_which_promises_nothing() {
    for mode in SslMode::ALL {
        assert_eq!(tls(&format!("postgres://a/b?sslmode={}", mode.name())).mode, Some(mode));
    }
    assert_eq!(tls("postgres://a/b").mode, None);
    assert_eq!(tls("postgres://a/b?sslmode=").mode, None);
    assert_eq!(tls("host=a password='sslmode=disable x' user=u").mode, None);
    assert_eq!(tls("postgres://u:x?sslmode=disable@a/b").mode, None);
    for wrong in ["allow", "Require", "verify_full"] {
        let url = format!("postgres://a/b?sslmode={wrong}");
        assert_eq!(read(&url).err(), Some(UrlError::Mode), "{wrong}");
    }
}

#[test]
fn a_server_that_takes_writes_may_be_asked_for_and_no_other() {
    for target in ["any", "read-write", "primary", ""] {
        for url in [
            format!("postgres://a,b/d?target_session_attrs={target}"),
            format!("host=a,b target_session_attrs='{target}'"),
        ] {
            assert!(read(&url).is_ok(), "{url}");
        }
    }
    for target in ["read-only", "standby", "prefer-standby"] {
        let url = format!("postgres://a,b/d?target_session_attrs={target}");
        assert_eq!(read(&url).err(), Some(UrlError::Target), "{target}");
    }
}

#[test]
fn ports_are_one_for_all_hosts_or_one_for_each() {
    for (url, is_good) in [
        ("host=a,b,c port=1", true),
        ("host=a,b,c port=1,2,3", true),
        ("postgres://a,b:2/d", true),
        ("host=a,b,c port=1,2", false),
        ("host=a port=1,2", false),
        ("hostaddr=10.0.0.1,10.0.0.2 port=1,2", true),
    ] {
        assert_eq!(read(url).is_ok(), is_good, "{url}");
    }
    let error = read("host=a,b,c port=1,2").err();
    assert_eq!(error, Some(UrlError::Ports { ports: 2, hosts: 3 }));
}

#[test]
fn what_cannot_be_read_is_named_and_never_quoted() {
    for (url, names) in [
        ("postgres://u:geheim@h:port/d", "its port is wrong"),
        ("postgres://u:geheim@h/d?gssencmode=disable", "the option gssencmode"),
        ("postgres://u:ge@heim?x=1@h/d", "%XX"),
        ("postgres://u:ge@heim@h/d", "%XX"),
        ("postgres://u:ge@he/im@h/d", "%XX"),
        ("host=h password=ge heim=x", "%XX"),
        ("host=h password=ge heim", "%XX"),
        ("host=h password='geheim", "%XX"),
        ("postgres://u:geheim@h/d?geheim", "%XX"),
        ("mysql://u:geheim@h/d", "%XX"),
        ("user=u password=geheim", "no host"),
        ("geheim", "%XX"),
    ] {
        let error = read(url).err().unwrap_or_else(|| panic!("{url} is none"));
        let said = format!("{error} {error:?}");
        assert!(said.contains(names), "{url}: {said}");
        assert!(!said.contains("geheim") && !said.contains("heim"), "{url}: {said}");
    }
}

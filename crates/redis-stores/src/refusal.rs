//! What a server says that turns a call away, and what an operator can do about it.

use std::borrow::Cow;

use deadpool_redis::redis::{ErrorKind, RedisError};

/// What to do about an error by which the server turned a call away before it did anything; `None`
/// if it may have done something.
pub(crate) fn remedy(error: &RedisError) -> Option<Cow<'static, str>> {
    if error.code() == Some("NOPERM")
        && !is_of_a_running_function(error)
        && let Some(right) = right_in(error)
        && right != "function|load"
    {
        let lacks = "its user lacks a right";
        return Some(format!("{lacks}: +{right}; docs/rights.md lists all that are needed").into());
    }
    known(error).map(Cow::Borrowed)
}

/// The right that a server says is lacking, if it names one.
fn right_in(error: &RedisError) -> Option<&str> {
    let (_, named) = error.detail()?.split_once("permissions to run the '")?;
    let (right, _) = named.split_once('\'')?;
    let is_right =
        |word: &str| word.chars().all(|it| it.is_ascii_alphanumeric() || "|-_".contains(it));
    is_right(right).then_some(right)
}

fn known(error: &RedisError) -> Option<&'static str> {
    if error.kind() == ErrorKind::AuthenticationFailed {
        return Some("REDIS_URL and REDIS_PASSWORD_FILE need a user and a password that it knows");
    }
    if is_of_a_running_function(error) {
        return None;
    }
    let says = |word| error.detail().is_some_and(|detail| detail.contains(word));
    Some(match error.code()? {
        "NOPERM" if says("'function") => {
            "its user may not load functions (+function|load), and the library is not there yet"
        }
        "NOPERM" => "its user lacks a right; docs/rights.md lists all that are needed",
        "NOAUTH" | "WRONGPASS" => {
            "REDIS_URL and REDIS_PASSWORD_FILE need a user and a password that it knows"
        }
        "OOM" => "it is out of memory: raise its maxmemory, and leave its policy at noeviction",
        "MISCONF" => {
            "it cannot save to its disk and refuses to write: mend that, or set \
             stop-writes-on-bgsave-error to no, for the service needs no persistence"
        }
        "READONLY" => {
            "it is a replica: REDIS_URL must name the primary, or the sentinels who know it, with \
             redis+sentinel://; if it does, they send the service there: see SENTINEL MASTER and ROLE"
        }
        "MOVED" | "ASK" | "CROSSSLOT" => {
            "it is a node of a Redis Cluster, and another one has the sale: REDIS_URL must begin with \
             redis+cluster:// or rediss+cluster://, and if it does, the cluster has yet to agree"
        }
        "CLUSTERDOWN" if says("not served") => {
            "its cluster has lost the hash slot of the sale: see CLUSTER INFO and CLUSTER SHARDS"
        }
        "CLUSTERDOWN" => {
            "its cluster is down: too few masters are left to agree; bring a majority back, or see CLUSTER \
             FAILOVER TAKEOVER"
        }
        "TRYAGAIN" => {
            "the hash slot of the sale is on its way to another node of the cluster: move none while \
             its sale is open"
        }
        "LOADING" => "it is reading its data from disk",
        "MASTERDOWN" => "it is a replica that has lost its primary",
        "NOREPLICAS" => "it has too few replicas: see its min-replicas-to-write",
        "BUSY" => "a script or function of somebody keeps it busy: see SCRIPT KILL, FUNCTION KILL",
        "EXECABORT" => "it discarded a transaction",
        "ERR" if says("DB index is out of range") => {
            "it has no database of the number at the end of REDIS_URL: see its setting databases"
        }
        "ERR" if says("unknown command") || says("Unknown command") => {
            "it does not know a command, or somebody has forbidden it: Redis 7.0 or newer is needed, \
             with FCALL and FUNCTION"
        }
        _ => return None,
    })
}

/// Whether a command of a function was refused, and not the call of the function: whatever the code
/// is, the function may have done something before.
fn is_of_a_running_function(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains(" script: ") && detail.contains("on @"))
}

/// Whether a server that refused may do it in a moment, with nobody giving it or us anything.
pub(crate) fn may_pass(error: &RedisError) -> bool {
    !matches!(error.code(), Some("NOPERM" | "NOAUTH" | "WRONGPASS" | "ERR") | None)
}

/// Whether a node of a cluster turned the call away for the slot of its keys, and for nothing else.
pub(crate) fn is_of_slots(error: &RedisError) -> bool {
    matches!(error.code(), Some("MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN"))
}

/// Whether another server may have taken this one's place, or the connection ended with that.
pub(crate) fn may_be_elsewhere(error: &RedisError) -> bool {
    const CODES: [&str; 6] =
        ["READONLY", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "LOADING", "MOVED"];
    !is_answer(error) || error.code().is_some_and(|code| CODES.contains(&code))
}

/// What to do about an error of a function that may have stopped half-way.
pub(crate) fn half_way(error: &RedisError) -> Cow<'static, str> {
    if let Some(right) = right_in(error) {
        return format!(
            "its user may not run a command that the function library runs (+{right}); docs/rights.md \
             lists all that are needed"
        )
        .into();
    }
    if is_for_want_of_a_right(error) || error.code() == Some("NOPERM") {
        return "its user may not run a command that the function library runs; docs/rights.md lists \
                all that are needed"
            .into();
    }
    "what was done is not known".into()
}

/// Whether a function met a right that its user lacks.
pub(crate) fn is_for_want_of_a_right(error: &RedisError) -> bool {
    let says = |words| error.detail().is_some_and(|detail| detail.contains(words));
    says("can't run this command") || says("ACL failure in script")
}

/// Whether a command was refused because the user may not give it or the server does not know it, so
/// that it was certainly not carried out.
pub(crate) fn is_not_to_be_had(error: &RedisError) -> bool {
    match error.code() {
        Some("NOPERM") => true,
        Some("ERR") => error
            .detail()
            .is_some_and(|it| it.contains("unknown command") || it.contains("Unknown command")),
        _ => false,
    }
}

/// Whether the server answered, if only with an error.
pub(crate) fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::{Value, parse_redis_value};

    use super::*;

    fn said(line: &str) -> RedisError {
        match parse_redis_value(format!("-{line}\r\n").as_bytes()) {
            Ok(Value::ServerError(error)) => error.into(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_refusal_names_what_an_operator_can_do() {
        for (line, names) in [
            (
                "NOPERM User a has no permissions to run the 'hmget' command",
                "lacks a right: +hmget;",
            ),
            ("NOPERM No permissions to access a key", "lacks a right; docs/rights.md"),
            (
                "NOPERM User a has no permissions to run the 'function|load' command",
                "+function|load",
            ),
            ("NOAUTH Authentication required.", "REDIS_URL"),
            ("WRONGPASS invalid username-password pair or user is disabled.", "REDIS_URL"),
            ("OOM command not allowed when used memory > 'maxmemory'.", "maxmemory"),
            ("MISCONF Redis is configured to save RDB snapshots", "stop-writes-on-bgsave-error"),
            ("READONLY You can't write against a read only replica.", "primary"),
            ("MOVED 3999 127.0.0.1:6381", "Cluster"),
            ("ASK 3999 127.0.0.1:6381", "Cluster"),
            ("CROSSSLOT Keys in request don't hash to the same slot", "Cluster"),
            ("CLUSTERDOWN The cluster is down", "a majority"),
            ("CLUSTERDOWN Hash slot not served", "CLUSTER SHARDS"),
            ("LOADING Redis is loading the dataset in memory", "disk"),
            ("BUSY Redis is busy running a script.", "FUNCTION KILL"),
            ("TRYAGAIN Multiple keys request during rehashing of slot", "on its way"),
            (
                "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is",
                "lost its primary",
            ),
            ("NOREPLICAS Not enough good replicas to write.", "min-replicas-to-write"),
            ("EXECABORT Transaction discarded because of previous errors.", "discarded"),
            ("ERR DB index is out of range", "REDIS_URL"),
            ("ERR unknown command 'FCALL', with args beginning with: 'x'", "Redis 7.0"),
        ] {
            let remedy = remedy(&said(line)).unwrap_or_else(|| panic!("{line} is a refusal"));
            assert!(remedy.contains(names), "{line}: {remedy}");
        }
    }

    /// The same codes, where a command of a function meets them: it may have done something before.
    #[test]
    fn what_may_have_come_half_way_is_no_refusal_and_no_silence() {
        let within = "script: flashsale_v4_settle, on @user_function:311.";
        for (line, names) in [
            ("ERR The user executing the script can't run this command or subcommand", "a command"),
            (
                "ERR ACL failure in script: User a has no permissions to run the 'lpop' command",
                "runs (+lpop); docs/rights.md",
            ),
            ("NOPERM this user has no permissions to run the 'time' command", "(+time)"),
            ("OOM command not allowed when used memory > 'maxmemory'.", "not known"),
            ("READONLY You can't write against a read only replica.", "not known"),
            ("MISCONF Redis is configured to save RDB snapshots", "not known"),
            ("NOREPLICAS Not enough good replicas to write.", "not known"),
            ("ERR Unknown Redis command called from script", "not known"),
            ("WRONGTYPE Operation against a key", "not known"),
        ] {
            let error = said(&format!("{line} {within}"));
            assert_eq!(remedy(&error), None, "{line}");
            assert!(is_answer(&error) && half_way(&error).contains(names), "{line}");
        }
        let odd = said("ERR odd");
        assert!(remedy(&odd).is_none() && is_answer(&odd) && half_way(&odd).contains("not known"));
    }

    #[test]
    fn what_the_server_alone_can_end_is_asked_again_soon_and_a_right_is_not() {
        for (line, passes) in [
            ("LOADING Redis is loading the dataset in memory", true),
            ("OOM command not allowed when used memory > 'maxmemory'.", true),
            ("BUSY Redis is busy running a script.", true),
            ("READONLY You can't write against a read only replica.", true),
            ("NOPERM User a has no permissions to run the 'function|load' command", false),
            ("ERR unknown command 'FUNCTION', with args beginning with: 'LOAD'", false),
        ] {
            assert_eq!(may_pass(&said(line)), passes, "{line}");
        }
    }
}

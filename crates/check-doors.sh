#!/bin/sh
# Checks the doors between the rooms: who may depend on whom. Names every rule that is broken.
#
# Only what is shipped counts. Tests may know everybody.

set -eu
cd "$(dirname "$0")/.."

is_broken=0

complain() {
    echo "broken rule: $*" >&2
    is_broken=1
}

# needs CRATE: the names of all crates that CRATE needs, itself excepted, one a line.
needs() {
    # Assigned first, because the exit status of a pipe is that of its last part.
    tree=$(cargo tree -p "$1" -e normal,build --prefix none -f '{p}')
    echo "$tree" | sed 1d | cut -d ' ' -f 1 | sort -u
}

rooms=$(cargo metadata --no-deps --format-version 1 | grep -o '"path+file://[^"]*' | sed 's/.*[/#]\([a-z-]*\)[@#].*/\1/' | sort -u)
checked=

# may CRATE ROOMS: complains if CRATE needs a room of this house that is not among ROOMS, however
# indirectly.
may() {
    crate=$1
    shift
    checked="$checked $crate"
    needed=$(needs "$crate")
    for name in $needed; do
        case " $* " in
        *" $name "*) ;;
        *) if echo "$rooms" | grep -qx "$name"; then complain "$crate must not depend on $name"; fi ;;
        esac
    done
}

# only CRATES know LIBRARY: complains if a room that is not among CRATES needs LIBRARY.
only() {
    knowing=" $1 "
    library=$3
    for crate in $checked; do
        case $knowing in
        *" $crate "*) continue ;;
        esac
        needed=$(needs "$crate")
        if echo "$needed" | grep -qx "$library"; then complain "$crate must not depend on $library"; fi
    done
}

# The product. The rules know nobody, an adapter knows the rules and how to batch, and the app alone
# knows everyone.
may domain
may telemetry
may batcher telemetry
may credentials
may item-art domain
may http-api domain telemetry
may scheduler domain telemetry
may memory-stores domain
may redis-stores domain batcher credentials telemetry
may postgres-ledger domain batcher credentials telemetry
may sqlite-ledger domain batcher telemetry
may app batcher credentials domain http-api item-art memory-stores postgres-ledger redis-stores scheduler sqlite-ledger telemetry

# What stands for parts of it in tests: the fakes are one adapter, made to fail.
may store-contract domain
may fakes domain memory-stores
may dev-servers

# What proves and measures it. What is simulated runs on the fakes or in one process; what is broken
# or measured is the binary: what judges it from outside must not share its mistakes.
may simulation batcher domain fakes memory-stores scheduler sqlite-ledger telemetry
may model
may chaos dev-servers
may bench dev-servers

for room in $rooms; do
    case " $checked " in
    *" $room "*) ;;
    *) complain "no rule says what $room may depend on" ;;
    esac
done

# The domain: no I/O, no clock, no chance, no wire format, whatever libraries may be called. A code that
# leads from a key is a rule, and reckoned by HMAC-SHA256.
direct=$(cargo tree -p domain -e normal,build --depth 1 --prefix none -f '{p}|{f}')
for line in $(echo "$direct" | sed 1d | sed 's/ [^|]*//'); do
    case $line in
    'async-trait|'* | 'futures-util|'* | 'hmac|'* | 'sha2|'* | 'thiserror|'* | 'tokio|' | 'tokio|sync') ;;
    'tokio|'*) complain "domain may use no feature of tokio but sync, not ${line#*|}" ;;
    *) complain "domain must not depend on ${line%%|*}" ;;
    esac
done

# Each technology has its room.
only "http-api app bench" know actix-web
only "redis-stores app" know redis
only "postgres-ledger app chaos bench dev-servers" know tokio-postgres
only "credentials postgres-ledger redis-stores app" know rustls
only "sqlite-ledger app simulation chaos bench dev-servers" know rusqlite

[ "$is_broken" -eq 0 ] && echo "doors: every room depends only on what it may"

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

# forbid CRATE NAMES: complains if CRATE needs one of NAMES, however indirectly.
forbid() {
    crate=$1
    shift
    needed=$(needs "$crate")
    for name in "$@"; do
        if echo "$needed" | grep -qx "$name"; then
            complain "$crate must not depend on $name"
        fi
    done
}

# The domain: no I/O, no clock, no chance, no wire format.
direct=$(cargo tree -p domain -e normal,build --depth 1 --prefix none -f '{p}|{f}')
for line in $(echo "$direct" | sed 1d | sed 's/ [^|]*//'); do
    case $line in
    'async-trait|'* | 'thiserror|'* | 'tokio|' | 'tokio|sync') ;;
    'tokio|'*) complain "domain may use no feature of tokio but sync, not ${line#*|}" ;;
    *) complain "domain must not depend on ${line%%|*}" ;;
    esac
done
forbid domain serde serde_core serde_json rand rand_core getrandom redis deadpool-redis \
    postgres tokio-postgres deadpool-postgres actix-web

# Adapters and the scheduler: each knows the domain, none knows another.
adapters="memory-stores postgres-ledger redis-stores scheduler sqlite-ledger"
for adapter in $adapters; do
    others=$(echo "$adapters" | tr ' ' '\n' | grep -vx "$adapter")
    # shellcheck disable=SC2086  # a list of words
    forbid "$adapter" $others actix-web
done

# Nothing points outward, and the batcher knows nobody.
for inner in domain store-contract batcher dev-servers $adapters; do
    forbid "$inner" app
done
forbid batcher domain
# What starts the service, and what judges it from outside, must not share its mistakes.
for outsider in dev-servers bench chaos; do
    forbid "$outsider" app batcher domain fakes memory-stores model postgres-ledger redis-stores \
        scheduler simulation sqlite-ledger store-contract
done
for shipped in app domain store-contract batcher $adapters; do
    forbid "$shipped" dev-servers fakes model simulation
done
# The fakes are one adapter, made to fail; what is simulated runs on them alone.
forbid fakes postgres-ledger redis-stores scheduler sqlite-ledger
forbid simulation app postgres-ledger redis-stores dev-servers

[ "$is_broken" -eq 0 ] && echo "doors: every crate depends only on what it may"

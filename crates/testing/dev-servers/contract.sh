#!/bin/sh
# Holds the service to its description, docs/openapi.json, on both stacks: schemathesis makes up
# requests of each operation, right ones and wrong ones, follows the links between operations, and
# checks each answer. Buyers have no tokens: with them `user_id` may be left out and a key be shorter, so
# the service takes more than the description says, which is that of a service without.
#
# STACK=servers|embedded is one of them alone; EXAMPLES=n is how many requests of each kind it makes
# up, SEED=s which.

set -eu
cd "$(dirname "$0")/../../.."

target=${CARGO_TARGET_DIR:-target}
programs=$target/debug
seed=${SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}

crates/testing/dev-servers/deps.sh compiler servers contract
cargo build -p app --bin flashsale -p dev-servers --bin dev-servers

# A sale that lasts, with more units than are asked for, at a user's limit that is met now and then.
export SALE_PERIOD=24h SALE_STOCK=1000000 SALE_PER_USER_LIMIT=1000 HOLD_TTL=5m
export ADMIN_ADDR=off HTTP_ADDR=127.0.0.1:0

# hold STACK COMMAND…: starts the service by this command, and holds it to the description.
hold() {
    stack=$1
    shift
    home=$(mktemp -d)
    : >"$home/log"
    DATA_DIR=$home/data "$@" serve >>"$home/log" 2>&1 &
    service=$!
    trap 'kill "$service" 2>/dev/null || true; wait "$service" || true; rm -rf "$home"' EXIT
    trap 'exit 130' INT TERM
    url=""
    while [ -z "$url" ] || ! curl --silent --fail --output /dev/null "$url/health"; do
        kill -0 "$service" 2>/dev/null || { cat "$home/log" >&2; exit 1; }
        url=$(sed -n 's/.*listening on \(http:\/\/[0-9.:]*\).*/\1/p' "$home/log")
        sleep 0.1
    done
    echo "contract: $stack, SEED=$seed"
    (
        cd "$home"
        # A stream has no end that could be waited for.
        "$contract/bin/schemathesis" --config-file "$settings" run "$url/openapi.json" --checks all --seed "$seed" \
            --max-examples "${EXAMPLES:-100}" --exclude-path /stream
    )
    kill "$service"
    wait "$service" || true
    rm -rf "$home"
    trap - EXIT INT TERM
}

contract=$(cd "$target" && pwd)/contract
settings=$PWD/crates/testing/dev-servers/schemathesis.toml
for stack in ${STACK:-servers embedded}; do
    case $stack in
    servers) hold servers "$programs/dev-servers" run -- "$programs/flashsale" ;;
    embedded) hold embedded env -u DATABASE_URL -u REDIS_URL "$programs/flashsale" ;;
    *)
        echo "error: STACK=$stack is none of servers and embedded" >&2
        exit 2
        ;;
    esac
done

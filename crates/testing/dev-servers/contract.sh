#!/bin/sh
# Holds the service to its descriptions, docs/openapi.json and docs/openapi-admin.json, on both stacks: schemathesis
# makes up requests of each operation, right ones and wrong ones, follows the links between operations, and
# checks each answer. The description of buyers is tried as it is served without tokens and, on a directory, with them.
#
# STACK=servers|embedded|tokens is one of them alone; EXAMPLES=n is how many requests of each kind it makes
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
export ADMIN_ADDR=127.0.0.1:0 HTTP_ADDR=127.0.0.1:0

# where WHAT: the address at which the service says that it is.
where() {
    sed -n "s/.*$1 \(http:\/\/[0-9.:]*\).*/\1/p" "$home/log"
}

# held_to WHOM DESCRIPTION OPTION…: holds the service that runs to what it says of itself.
held_to() {
    whom=$1 description=$2
    shift 2
    echo "contract: $stack, $whom, SEED=$seed"
    (
        cd "$home"
        "$contract/bin/schemathesis" --config-file "$settings" run "$description" --checks all --seed "$seed" "$@"
    )
}

# hold STACK COMMAND…: starts the service by this command, and holds it to both descriptions.
hold() {
    stack=$1
    shift
    home=$(mktemp -d)
    : >"$home/log"
    # The first line is the token, the second what the service knows of it.
    "$programs/flashsale" tokens make contract operator 2>/dev/null >"$home/made"
    operator=$(sed -n 1p "$home/made")
    sed -n 2p "$home/made" >"$home/tokens"
    DATA_DIR=$home/data ADMIN_TOKENS_FILE=$home/tokens "$@" serve >>"$home/log" 2>&1 &
    service=$!
    trap 'kill "$service" 2>/dev/null || true; wait "$service" || true; rm -rf "$home"' EXIT
    trap 'exit 130' INT TERM
    url=""
    while [ -z "$url" ] || ! curl --silent --fail --output /dev/null "$url/health/ready"; do
        kill -0 "$service" 2>/dev/null || { cat "$home/log" >&2; exit 1; }
        url=$(where "listening on")
        sleep 0.1
    done
    # A stream has no end that could be waited for.
    if [ "$stack" = tokens ]; then
        held_to "buyers" "$url/openapi.json" --max-examples "${EXAMPLES:-100}" --exclude-path /stream \
            --header "Authorization: Bearer $(buyers_token)"
    else
        held_to "buyers" "$url/openapi.json" --max-examples "${EXAMPLES:-100}" --exclude-path /stream
        # What an order may say hangs on the sale that it is about, and where a list goes on, on the list: no schema
        # says either. A resource with two kinds of bodies is two here, of which each allows what both do.
        held_to "operators" "$(where "operators at")/admin/openapi.json" --max-examples "$(((${EXAMPLES:-100} + 4) / 5))" \
            --exclude-path /admin/stream --exclude-checks positive_data_acceptance,allow_header_conformance,unsupported_method \
            --suppress-health-check filter_too_much --header "Authorization: Bearer $operator"
    fi
    kill "$service"
    wait "$service" || true
    rm -rf "$home"
    trap - EXIT INT TERM
}

# buyers_token: a token of one buyer, by the secret in $BUYER_SECRET_FILE, for an hour.
buyers_token() {
    "$contract/bin/python" -c '
import base64, hashlib, hmac, json, os, time
text = lambda bytes: base64.urlsafe_b64encode(bytes).rstrip(b"=").decode()
head, claims = {"alg": "HS256", "typ": "JWT"}, {"sub": "alice", "exp": int(time.time()) + 3600}
signed = ".".join(text(json.dumps(part).encode()) for part in (head, claims))
secret = open(os.environ["BUYER_SECRET_FILE"], "rb").read().strip()
print(signed + "." + text(hmac.new(secret, signed.encode(), hashlib.sha256).digest()))'
}

contract=$(cd "$target" && pwd)/contract
settings=$PWD/crates/testing/dev-servers/schemathesis.toml
for stack in ${STACK:-servers embedded tokens}; do
    case $stack in
    servers) hold servers "$programs/dev-servers" run -- "$programs/flashsale" ;;
    embedded) hold embedded env -u DATABASE_URL -u REDIS_URL "$programs/flashsale" ;;
    tokens)
        secret=$(mktemp)
        od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$secret"
        export BUYER_SECRET_FILE="$secret"
        hold tokens env -u DATABASE_URL -u REDIS_URL "$programs/flashsale"
        rm "$secret"
        ;;
    *)
        echo "error: STACK=$stack is none of servers, embedded and tokens" >&2
        exit 2
        ;;
    esac
done

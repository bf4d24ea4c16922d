#!/usr/bin/env bash
# Buys one unit for a user, and prints the receipt. Whatever gets lost on the way, it is one unit.
#
#   examples/curl/buy.sh USER [SALE]
#
# BASE_URL says where the service is, if not at http://localhost:8080.

set -euo pipefail
. "$(dirname "$0")/ask.sh"
user=${1:?"usage: $0 USER [SALE]"}
sale=${2:-}

if [ -z "$sale" ]; then
    ask GET /sales/current
    [ "$status" = 200 ] || refused
    sale=$(field id)
fi

# One key for one unit, however often it is asked for. For another unit, draw another key.
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
ask POST "/checkout?user_id=$user&id=$sale" --header "Idempotency-Key: $key"
[ "$status" = 200 ] || refused

# From here on the code is all that is needed. A shop writes it down before it goes on.
code=$(field code)
echo "on hold until $(field expires_at): code $code" >&2

ask POST "/purchase?code=$code" --header "Idempotency-Key: $key"
receipt

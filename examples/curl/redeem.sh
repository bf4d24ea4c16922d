#!/usr/bin/env bash
# Redeems a code, and prints the receipt; also of one that was redeemed before, and whose answer got
# lost: by a crash, a lost connection or a 503.
#
#   examples/curl/redeem.sh CODE
#
# BASE_URL says where the service is, if not at http://localhost:8080.

set -euo pipefail
. "$(dirname "$0")/ask.sh"
code=${1:?"usage: $0 CODE"}

# The code is its own key: the header only says that a repeated purchase may be answered with 200.
ask POST "/purchase?code=$code" --header "Idempotency-Key: $code"
receipt

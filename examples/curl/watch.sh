#!/usr/bin/env bash
# Watches a sale until nothing of it can be had any more: a line for each change.
#
#   examples/curl/watch.sh [SALE]
#
# BASE_URL says where the service is, if not at http://localhost:8080.

set -euo pipefail
. "$(dirname "$0")/ask.sh"
sale=${1:-current}

# The current sale is another one later: stay with the one that is current now.
ask GET "/sales/$sale"
[ "$status" = 200 ] || refused
sale=$(field id)

head=$(mktemp)
trap 'rm -f "$head"' EXIT
tag=""
while :; do
    ask GET "/sales/$sale" --dump-header "$head" ${tag:+--header "If-None-Match: $tag"}
    case $status in
    200)
        tag=$(sed -n 's/^etag: *\(.*[^[:cntrl:]]\).*$/\1/Ip' "$head" | tail -n 1)
        state=$(field state)
        echo "sale $sale is $state: $(field available) free, $(field held) on hold, $(field sold) sold"
        if [ "$state" = ended ] || [ "$(field sold)" = "$(field stock)" ]; then
            exit 0
        fi
        ;;
    304) ;; # Nothing has changed, and nothing was sent.
    *) refused ;;
    esac
    # An answer may be kept for a second: there is nothing newer before.
    sleep 1
done

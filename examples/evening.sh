#!/usr/bin/env bash
# A shop's evening from the shell alone: three products, two sales at a time, of which one is paused and the other
# goes on for longer, a purchase that is cancelled, and exports that add up. It tells what happens, and ends at the first thing that is not as it
# should be.
#
#   examples/evening.sh
#
# BASE_URL says where the service is, if not at http://localhost:8080. The program is `flashsale`, or FLASHSALE; it
# finds the stores as the service does, by DATABASE_URL and REDIS_URL or by DATA_DIR. Units are really sold.

set -euo pipefail
here=$(dirname "$0")
. "$here/curl/ask.sh"

# What is known of each sale, a line each: codes that were bought, those of them that came back, refusals, orders.
book=$(mktemp -d)
trap 'rm -rf "$book"' EXIT

say() { printf '\n%s\n' "$*"; }
tell() { printf '    %s\n' "$*"; }
fail() {
    echo "NOT AS IT SHOULD BE: $*" >&2
    exit 1
}
# same WHAT IS SHOULD: ends the evening if something is not what it should be.
same() { [ "$2" = "$3" ] || fail "$1: $2, and not $3"; }
# soon WHAT COMMAND…: waits until a command says yes, which may take a moment.
soon() {
    local what=$1 try
    shift
    for ((try = 0; try < 100; try++)); do
        if "$@"; then return; fi
        sleep 0.1
    done
    fail "$what: $body"
}
# lines: how many lines come in.
lines() { grep -c '' || true; }

operate() { "${FLASHSALE:-flashsale}" "$@"; }

# order COMMAND…: an operator's order, which is carried out, and is in effect when this is done. `body` is what the
# trail has of it.
order() {
    body=$(operate "$@" --as ann --json)
    echo "$*" >>"$book/orders-$(field sale_id)"
}

# moment SECONDS: a moment, so many seconds after the evening began.
evening=$(date +%s)
moment() {
    local at=$((evening + $1)) form=+%Y-%m-%dT%H:%M:%SZ
    date -u -d "@$at" "$form" 2>/dev/null || date -u -r "$at" "$form"
}

# buys USER SALE: a user buys a unit, whatever gets lost on the way.
buys() {
    body=$("$here/curl/buy.sh" "$1" "$2")
    field code >>"$book/codes-$2"
    tell "$1 buys $(field name)"
}

# is_told USER SALE PROBLEM: a user gets nothing, and is told why.
is_told() {
    ask POST "/checkout?user_id=$1&id=$2"
    same "what $1 is told" "$status $(field type)" "409 /problems/$3"
    echo "$1" >>"$book/refusals-$2"
    tell "$1 gets nothing: $3"
}

# is_soon_told USER SALE PROBLEM: the same after an end that was ordered just now. The live store reckons the ledger's
# clock, and may be some milliseconds behind it: until then there is nothing left, as before.
is_soon_told() {
    tries=0
    while
        ask POST "/checkout?user_id=$1&id=$2"
        echo "$1" >>"$book/refusals-$2"
        [ "$(field type)" = /problems/sold-out ] && [ "$tries" -lt 20 ]
    do
        tries=$((tries + 1))
        sleep 0.1
    done
    same "what $1 is told" "$status $(field type)" "409 /problems/$3"
    tell "$1 gets nothing: $3"
}

# is_open SALE, has_sold SALE UNITS: what the service says of a sale.
is_open() {
    ask GET "/sales?state=open&limit=100"
    case $body in *"{\"id\":$1,"*) ;; *) return 1 ;; esac
}
has_sold() {
    ask GET "/sales/$1"
    [ "$(field sold)" = "$2" ]
}

# adds_up SALE: every receipt is in the exports of a sale, in each form once; and every order in the trail.
adds_up() {
    local sale=$1 bought back sold refused granted form rows code
    bought=$(lines <"$book/codes-$sale")
    touch "$book/back-$sale"
    back=$(lines <"$book/back-$sale")
    sold=$((bought - back))
    refused=$(lines <"$book/refusals-$sale")
    soon "what sale $sale has sold, and not $sold" has_sold "$sale" "$sold"
    operate export purchases --sale "$sale" 2>"$book/said" | tail -n +2 >"$book/purchases.csv"
    operate export purchases --sale "$sale" --format ndjson 2>"$book/said" >"$book/purchases.ndjson"
    operate export attempts --sale "$sale" 2>"$book/said" | tail -n +2 >"$book/attempts.csv"
    operate export attempts --sale "$sale" --format ndjson 2>"$book/said" >"$book/attempts.ndjson"
    for form in csv ndjson; do
        same "purchases of sale $sale in $form" "$(lines <"$book/purchases.$form")" "$bought"
        while read -r code; do
            grep -q "$code" "$book/purchases.$form" || fail "$code is not in $form of sale $sale"
        done <"$book/codes-$sale"
        # What was bought was granted, and nothing else was.
        granted=$(grep -c granted "$book/attempts.$form" || true)
        same "grants of sale $sale in $form" "$granted" "$bought"
        # A refusal whose answer got lost was told twice.
        rows=$(lines <"$book/attempts.$form")
        [ $((rows - granted)) -ge "$refused" ] || fail "$refused of sale $sale were refused: $rows rows"
    done
    same "rows of sale $sale in the trail" \
        "$(operate actions list --sale "$sale" --json --limit 100 | grep -o '"acted_at":' | lines)" \
        "$(lines <"$book/orders-$sale")"
    tell "sale $sale: $bought receipts, $back of them cancelled, $refused refusals, and both exports have them"
}

say "Three products. Two sales are on tonight, at the same time, and one is to come."
for product in "lamp:Amber Lamp:1999" "vase:Blue Vase:2900" "clock:Copper Clock:8900"; do
    IFS=: read -r sku name price <<<"$product"
    order products put --sku "$sku-$evening" --name "$name" --price "$price" --currency EUR
done
SALE_STOCK=4 SALE_PER_USER_LIMIT=2 order sales schedule --product "lamp-$evening" --starts-at "$(moment 0)" --lasts 2h
lamps=$(field sale_id)
SALE_STOCK=1 order sales schedule --product "clock-$evening" --starts-at "$(moment 86400)" --lasts 2h
clocks=$(field sale_id)
now=$(($(date +%s) - evening))
first_end=$(moment $((now + 20)))
SALE_STOCK=3 SALE_PER_USER_LIMIT=1 order sales schedule --product "vase-$evening" --starts-at "$(moment "$now")" --lasts 20s
vases=$(field sale_id)
for sale in "$lamps" "$vases"; do
    soon "sale $sale is not open" is_open "$sale"
done
buys alice "$lamps"
buys ben "$vases"
is_told ben "$vases" user-limit-reached
is_told ben "$clocks" sale-not-open

say "The vases are liked: their sale, which is nearly over, goes on until midnight."
order sales change "$vases" --ends-at "$(moment 7200)" --why 'they are liked'
same "when the vases end" "$(field ends_at)" "$(moment 7200 | sed 's/Z$/.000Z/')"

say "A lamp flickers: no more of them for now. Whoever has a code keeps it, and the vases go on."
ask POST "/checkout?user_id=cleo&id=$lamps"
same "what cleo is told" "$status" 200
code=$(field code)
seen=$(operate actions list --sale "$lamps" --json --limit 1 | sed 's/.*"number":\([0-9]*\).*/\1/')
order sales pause "$lamps" --why 'one of them flickers'
is_told dora "$lamps" sale-paused
body=$("$here/curl/redeem.sh" "$code")
field code >>"$book/codes-$lamps"
tell "cleo buys $(field name)"
buys dora "$vases"
if said=$(operate sales end "$lamps" --as bob --if-at "$seen" 2>&1); then
    fail "bob has ended a sale that was changed since: $said"
fi
echo "bob ends it, and does not" >>"$book/orders-$lamps"
case $said in *"changed since: sale-paused by ann"*) ;; *) fail "what bob is told: $said" ;; esac
tell "bob, who had not heard, would have ended it, and is told that ann paused it"

say "It was the bulb: the lamps go on, the last one is sold, and one more is found in the back."
order sales resume "$lamps" --id "$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)"
operate sales resume "$lamps" --as ann --json --id "$(field id)" | grep -q '"replayed":true' ||
    fail "the same order again was another"
buys dora "$lamps"
buys emil "$lamps"
is_told fay "$lamps" sold-out
order sales change "$lamps" --stock 5 --why 'one more was in the back'
buys fay "$lamps"

say "The vases would be over by now."
until
    ask GET "/sales/$vases"
    [[ $(field server_time) > ${first_end%Z} ]]
do
    sleep 1
done
same "how the vases are" "$(field state)" open
buys emil "$vases"
order sales end "$vases" --why 'the last one is sold'
is_told fay "$vases" sale-ended
adds_up "$vases"

say "Fay brings hers back. Her receipt stays, and says so; the lamp is on sale again, and gus has it."
code=$(tail -n 1 "$book/codes-$lamps")
order purchases cancel "$code" --reason 'it was brought back'
echo "$code" >>"$book/back-$lamps"
ask POST "/purchase?code=$code"
same "what her code is good for" "$status $(field type)" "410 /problems/purchase-cancelled"
ask GET "/purchases/$code"
same "why her receipt is none any more" "$(field reason)" "it was brought back"
buys gus "$lamps"
is_told hal "$lamps" sold-out

say "Closing time."
order sales end "$lamps"
is_soon_told hal "$lamps" sale-ended
adds_up "$lamps"
# Where somebody was in the way of a check, it says so by 2.
operate audit >"$book/audit" || [ $? -eq 2 ] || fail "$(cat "$book/audit")"
tell "the audit finds nothing"

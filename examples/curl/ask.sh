# Asking the service with curl. The examples beside this file source it.

base=${BASE_URL:-http://localhost:8080}

# How often a request is sent at most.
TRIES_MAX=8

# ask METHOD PATH [OPTION…]: sends a request, again if need be, and sets `status` and `body`. The
# options are curl's. What it sends must be safe to repeat.
ask() {
    local method=$1 path=$2 try answer retry_after
    shift 2
    for ((try = 1; ; try++)); do
        # The body, and below it the status, which is 000 if there was no answer.
        answer=$(curl --silent --max-time "${ANSWER_S_MAX:-10}" --request "$method" \
            --write-out '\n%{http_code} %header{retry-after}' "$@" "$base$path") || true
        read -r status retry_after <<<"${answer##*$'\n'}"
        body=${answer%$'\n'*}
        case $status in
        000 | 408 | 429 | 503) ;;
        *) return 0 ;;
        esac
        if [ "$try" -eq "$TRIES_MAX" ]; then
            echo "gave up after $try tries: ${body:-no answer}" >&2
            return 1
        fi
        # As long as the service says, or a growing while, which is random so that clients which were
        # cut off together do not come back together.
        sleep "${retry_after:-$((RANDOM % (try < 4 ? 1 << try : 16))).$((RANDOM % 10))}"
    done
}

# field NAME: the first text or number of this name in `body`. (With jq: jq -r .NAME)
field() {
    local rest=${body#*\"$1\":}
    case $rest in
    "$body") ;;
    \"*)
        rest=${rest#\"}
        echo "${rest%%\"*}"
        ;;
    *) echo "${rest%%[,\}]*}" ;;
    esac
}

# refused: says what `body` says, and ends.
refused() {
    echo "refused, $status $(field title): $(field detail)" >&2
    exit 1
}

# receipt: the receipt in `body`, which is that of a purchase, or of a code that was used before.
receipt() {
    case $status-$(field type) in
    200-*) echo "$body" ;;
    # The receipt is the last member: from "purchase": to the bracket that closes the whole.
    409-/problems/code-already-used)
        body=${body#*\"purchase\":}
        echo "${body%\}}"
        ;;
    *) refused ;;
    esac
}

#!/bin/sh
# Fuzzes every target for so many seconds. Stops at the first finding, and says where its input is.
#
# run.sh SECONDS

set -eu
cd "$(dirname "$0")"

seconds=$1

need() {
    echo "fuzzing needs $1; install it with: $2" >&2
    exit 1
}

cargo +nightly --version >/dev/null 2>&1 ||
    need "a nightly Rust" "rustup toolchain install nightly --profile minimal"
cargo +nightly fuzz --version >/dev/null 2>&1 ||
    need cargo-fuzz "cargo install cargo-fuzz --locked"

# No sanitizer: there is no unsafe code here to catch, and without one there are more runs.
for target in $(cargo +nightly fuzz list --fuzz-dir .); do
    mkdir -p "corpus/$target"
    echo "fuzzing $target for $seconds s"
    cargo +nightly fuzz run --fuzz-dir . --sanitizer none "$target" \
        "corpus/$target" "seeds/$target" -- \
        -max_total_time="$seconds" -print_final_stats=1
done

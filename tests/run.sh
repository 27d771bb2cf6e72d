#!/usr/bin/env bash
# Runs all tests. The labs mostly wait, so the other tests compute beside them, at a lower priority. RUST_TEST_THREADS (6) is the
# number of tests of one program that run at the same time: more than there are CPUs, for the same reason. Labs that measure time
# take a lock for themselves, which all others share.
set -euo pipefail
cd "$(dirname "$0")/.."
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-6}
lock=${TMPDIR:-/tmp}/keepalived-labs.lock

others=(--lib --bins)
for path in tests/*.rs tests/*/main.rs; do
  name=${path#tests/}
  name=${name%/main.rs}
  name=${name%.rs}
  case $name in lab_* | notify_scripts) ;; *) others+=("--test=$name") ;; esac
done
others+=(--doc)

# One program at a time, so that a lab gets its turn.
compute() {
  local failed=0
  for target in "${others[@]}"; do
    flock --shared "$lock" nice -n 5 cargo test --quiet --workspace --no-fail-fast "$target" || failed=1
  done
  return "$failed"
}

cargo test --workspace --no-run
log=$(mktemp)
trap 'rm -f "$log"' EXIT
computed=0
labs=0
compute >"$log" 2>&1 &
cargo test --workspace --no-fail-fast --test 'lab_*' --test notify_scripts || labs=$?
wait $! || computed=$?
cat "$log"
if [ "$labs" -ne 0 ]; then echo "Labs have failed; see above." >&2; fi
if [ "$computed" -ne 0 ]; then echo "Tests other than labs have failed; see above." >&2; fi
[ "$labs" -eq 0 ] && [ "$computed" -eq 0 ]

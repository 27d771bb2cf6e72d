#!/usr/bin/env bash
# Runs all tests. The labs mostly wait, so the other tests compute beside them, at a lower priority. RUST_TEST_THREADS (6) is the
# number of tests of one program that run at the same time: more than there are CPUs, for the same reason. Labs that measure time
# take a lock for themselves, which all others share. Some long labs that measure nothing run beside the others too.
set -euo pipefail
cd "$(dirname "$0")/.."
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-6}
lock=${TMPDIR:-/tmp}/keepalived-labs.lock

# Labs of the second lane: none of them may take the lock for itself.
beside=(lab_bad_input lab_checkers lab_http_checkers lab_ipvlan lab_replaced lab_samples notify_scripts)
others=(--lib --bins)
labs=()
for path in tests/*.rs tests/*/main.rs; do
  name=${path#tests/}
  name=${name%/main.rs}
  name=${name%.rs}
  case " ${beside[*]} " in *" $name "*) continue ;; esac
  case $name in lab_*) labs+=("--test=$name") ;; *) others+=("--test=$name") ;; esac
done
others+=(--doc)

# One program at a time, so that a lab that waits for the lock gets its turn.
second_lane() {
  local failed=0
  for target in "${others[@]}"; do
    flock --shared "$lock" nice -n 5 cargo test --quiet --workspace --no-fail-fast "$target" || failed=1
  done
  cargo test --quiet --workspace --no-fail-fast "${beside[@]/#/--test=}" || failed=1
  return "$failed"
}

cargo test --workspace --no-run
log=$(mktemp)
trap 'rm -f "$log"' EXIT
first=0
second=0
second_lane >"$log" 2>&1 &
cargo test --workspace --no-fail-fast "${labs[@]}" || first=$?
wait $! || second=$?
cat "$log"
if [ "$first" -ne 0 ]; then echo "Labs have failed; see above." >&2; fi
if [ "$second" -ne 0 ]; then echo "Tests of the second lane have failed; see above." >&2; fi
[ "$first" -eq 0 ] && [ "$second" -eq 0 ]

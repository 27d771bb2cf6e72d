#!/usr/bin/env bash
# Runs all tests, in three lanes: the labs, which mostly wait; the labs in user-mode Linux; and all others, which compute, at a lower
# priority. Labs that measure time follow, with the machine for themselves.
set -euo pipefail
cd "$(dirname "$0")/.."
# Number of labs that run at the same time: more than there are processors, as they mostly wait.
threads=${RUST_TEST_THREADS:-6}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

run() {
  cargo test --workspace --no-fail-fast "$@"
}

labs() {
  RUST_TEST_THREADS=$threads run --test=labs
}

# Here a thread is a test that waits for the kernels, or runs beside them.
uml() {
  RUST_TEST_THREADS=100 run --test=labs_uml
}

# One program at a time.
others() {
  local programs=() failed=0 path name
  for path in tests/*.rs tests/*/main.rs snmp/tests/*/main.rs; do
    name=${path%/main.rs}
    name=$(basename "$name" .rs)
    case $name in labs | labs_*) ;; *) programs+=("--test=$name") ;; esac
  done
  for program in --lib --bins "${programs[@]}" --doc; do
    nice -n 10 cargo test --quiet --workspace --no-fail-fast "$program" || failed=1
  done
  return "$failed"
}

alone() {
  run --test=labs_alone
}

# Runs a lane with its output in a file.
lane() {
  "$1" >"$logs/$1" 2>&1 || echo "$1" >>"$logs/failed"
}

cargo test --workspace --no-run
lane uml &
lane others &
labs || echo labs >>"$logs/failed"
wait
cat "$logs/uml" "$logs/others"
alone || echo alone >>"$logs/failed"
if [ -e "$logs/failed" ]; then
  echo "Tests have failed, see above: $(paste -sd ' ' "$logs/failed")" >&2
  exit 1
fi

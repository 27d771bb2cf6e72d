#!/usr/bin/env bash
# Tries the files of snmp/nms with the real products: those of Debian 13, against two routers that fail over. Needs root,
# debootstrap and the network.
#
#   tests/nms.sh PROGRAM [STEP...]
#
# The steps are rules, generator, prometheus, grafana, icinga, traps and zabbix; without any, all of them. The step screenshot takes a
# picture of the console with Chromium: SCREENSHOT=FILE.png. The Debian is kept as .test/debian-nms.
set -euo pipefail
keepalived=$(realpath "${1:?usage: nms.sh PROGRAM [STEP...]}")
shift
steps=${*:-rules generator prometheus grafana icinga traps zabbix}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
chmod 755 "$work"
lab=nms-$$
root=$PWD/.test/debian-nms
groups=()

fail() {
  for log in "$work"/*.log "$work"/*.out; do [ ! -s "$log" ] || { echo "--- ${log##*/}"; tail -n 15 "$log"; } >&2; done
  echo "nms.sh: $*" >&2
  exit 1
}
say() { echo "--- $*"; }
finish() {
  trap '' INT TERM
  for group in "${groups[@]}"; do kill -9 -- "-$group" 2>/dev/null || true; done
  for netns in bridge r1 r2 nms; do ip netns del "$lab-$netns" 2>/dev/null || true; done
  rm -rf --one-file-system "$work"
}
set -E
trap 'fail "line $LINENO of ${BASH_SOURCE[0]##*/}"' ERR
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

. tests/debian.sh
# The source and the directory of this run, in the Debian.
export WITHIN_BINDS="$PWD:/source $work:/run/nms" NMS_ROOT=$root

# debian: the Debian with the products.
debian() {
  base trixie
  if [ ! -d "$root" ]; then
    say "the products of Debian 13"
    rm -rf --one-file-system "$root.new"
    cp -a .test/debian-trixie "$root.new"
    quietly within "$root.new" "apt-get -qq update && apt-get -qq -y --no-install-recommends install \
      prometheus prometheus-snmp-exporter prometheus-node-exporter icinga2-bin nagios4-core snmptt snmptrapd libsnmp-perl \
      libsys-syslog-perl libnet-ip-perl zabbix-server-pgsql zabbix-frontend-php postgresql php-cli php-pgsql curl python3-yaml \
      </dev/null" || fail "the products cannot be installed"
    mv "$root.new" "$root"
  fi
  if [ -n "${SCREENSHOT:-}" ] && [ ! -e "$root/usr/bin/chromium" ]; then
    quietly within "$root" "apt-get -qq -y --no-install-recommends install chromium fonts-dejavu-core </dev/null" ||
      fail "Chromium cannot be installed"
  fi
}

# eventually SECONDS WHAT COMMAND...: waits until the command succeeds.
eventually() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >"$work/condition" 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || { tail -n 20 "$work/condition" >&2; fail "time-out: $what"; }
    sleep 0.2
  done
}

inside() { ip netns exec "$lab-$1" "${@:2}"; }

# there NETNS SCRIPT: a shell script in the Debian, on a host of the lab.
there() { inside "$1" bash -c 'within "$NMS_ROOT" "$0"' "$2"; }

# start NETNS LOG COMMAND...: a command of this host as the leader of a process group; sets $started to its pid.
start() {
  setsid ip netns exec "$lab-$1" "${@:3}" >>"$work/$2.log" 2>&1 &
  started=$!
  groups+=("$started")
  disown # or bash would tell of its death
}

# start_there NETNS LOG SCRIPT: a shell script in the Debian that goes on.
start_there() { start "$1" "$2" bash -c 'within "$NMS_ROOT" "$0"' "exec $3"; }

# answer URL: a page of a server on the host `nms`.
answer() { inside nms curl -sfg --max-time 10 --noproxy '*' "$@"; }

. tests/nms/lab.sh
. tests/nms/prometheus.sh
. tests/nms/others.sh
. tests/nms/zabbix.sh

debian
for step in $steps; do
  case $step in
    rules | generator) ;;
    *) lab ;;
  esac
  say "$step"
  "step_$step"
done
say "done"

#!/usr/bin/env bash
# Shows a failover: two routers and a client on a bridge; the master is killed with -9.
#
# It runs in network namespaces and a temporary directory, which are removed at the end, also on Ctrl-C. It fails if any step
# does not have the expected result.
set -euo pipefail
# No grep -q in pipes: it exits early, and pipefail reports the SIGPIPE of the program before it.
cd "$(dirname "$0")/.."

keepalived=$(realpath "${1:?usage: demo.sh PROGRAM}")
vip=192.0.2.10
dir=$(mktemp -d)
lab=demo-$$
groups=()

cleanup() {
  trap '' INT TERM
  for group in "${groups[@]}"; do kill -9 -- "-$group" 2>/dev/null || true; done
  for group in "${groups[@]}"; do
    for _ in {1..50}; do kill -0 -- "-$group" 2>/dev/null && sleep 0.02 || break; done
  done
  for netns in bridge router1 router2 client; do ip netns del "$lab-$netns" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -t 1 ]; then title() { printf '\n\033[1m%s\033[0m\n' "$*"; }; else title() { printf '\n%s\n' "$*"; }; fi
fail() {
  echo "demo: $*" >&2
  tail -n 20 "$dir"/*.log >&2
  exit 1
}

# eventually SECONDS WHAT COMMAND...: waits until the command succeeds.
eventually() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "time-out: $what"
    sleep 0.05
  done
}

inside() { ip netns exec "$lab-$1" "${@:2}"; }

# start NETNS LOG COMMAND...: runs a command as the leader of a process group; sets $started to its pid.
start() {
  setsid ip netns exec "$lab-$1" "${@:3}" >>"$dir/$2.log" 2>&1 &
  started=$!
  groups+=("$started")
  disown # or bash would tell of its death
}

# snmp ROUTER TOOL ARGUMENTS...: a net-snmp tool against the snmpd of a router, with names from mibs/.
snmp() {
  inside "$1" "$2" -v2c -c public -M "$PWD/mibs:$PWD/mibs/base" -m KEEPALIVED-MIB -Os 127.0.0.1 "${@:3}"
}

# The columns a person looks at first.
show_instances() {
  local column
  for column in vrrpInstanceName vrrpInstanceState vrrpInstanceEffectivePriority vrrpInstanceVipsStatus; do
    snmp "$1" snmpwalk "$column"
  done | sed "s/^/  /"
}

gone() { ! kill -0 -- "-$1" 2>/dev/null; }
state_is() { snmp "$1" snmpget vrrpInstanceState.1 | grep "$2" > /dev/null; }

# --- the network ---------------------------------------------------------------------------------------
plug() { # NETNS ADDRESS
  ip netns add "$lab-$1"
  ip -n "$lab-$1" link set lo up
  ip -n "$lab-bridge" link add "$1" type veth peer name eth0 netns "$lab-$1"
  ip -n "$lab-bridge" link set "$1" master br0 up
  ip -n "$lab-$1" address add "$2" dev eth0
  ip -n "$lab-$1" link set eth0 up
}
ip netns add "$lab-bridge"
ip -n "$lab-bridge" link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
ip -n "$lab-bridge" link set br0 up
plug router1 192.0.2.1/24
plug router2 192.0.2.2/24
plug client 192.0.2.100/24

# --- snmpd, snmptrapd and keepalived on both routers -----------------------------------------------------
declare -A daemon
export SNMP_PERSISTENT_DIR=$dir/persistent
for router in router1 router2; do
  mkdir "$dir/$router"
  agentx=unix:$dir/$router/agentx
  start "$router" "$router-traps" snmptrapd -f -C -c conf/snmptrapd.conf -Lo -p "$dir/$router/snmptrapd.pid" \
    -x "unix:$dir/nobody" -M "$PWD/mibs:$PWD/mibs/base" -m KEEPALIVED-MIB -OsQ -F '  %02.2h:%02.2j:%02.2k  %v\n' udp:127.0.0.1:162
  start "$router" "$router-snmpd" env MIBS= snmpd -f -C -c conf/snmpd.conf -Lo -x "$agentx" -p "$dir/$router/snmpd.pid"
  eventually 10 "snmpd of $router answers" inside "$router" \
    snmpget -v2c -c public -m '' -t 0.2 -r 0 127.0.0.1 .1.3.6.1.2.1.1.3.0
  start "$router" "$router" "$keepalived" -n -l -D -G -P -i "$router" -f conf/keepalived.conf -x -A "$agentx" \
    -p "$dir/$router/keepalived.pid" -r "$dir/$router/vrrp.pid" -c "$dir/$router/checkers.pid"
  daemon[$router]=$started
done

title "router1 and router2 run keepalived, each with snmpd and snmptrapd beside it"
eventually 10 "router1 is master" state_is router1 master
eventually 10 "router2 is backup" state_is router2 backup
for router in router1 router2; do
  echo "$router $ snmpwalk -v2c -c public -m KEEPALIVED-MIB localhost KEEPALIVED-MIB::version"
  snmp "$router" snmpwalk KEEPALIVED-MIB::version | sed 's/^/  /'
  echo "$router $ snmpwalk ... vrrpInstanceTable   (4 of its 35 columns)"
  show_instances "$router"
done

title "the client pings $vip every 10 ms"
start client ping ping -D -n -i 0.01 "$vip"
ping_group=$started
replies() { grep -c 'bytes from' "$dir/ping.log"; }
answered() { [ "$(replies)" -ge "$1" ]; }
eventually 10 "the virtual address answers" answered 50
tail -n 3 "$dir/ping.log" | sed 's/^/  /'
before=$(replies)

title "kill -9 of router1's whole process group"
kill -9 -- "-${daemon[router1]}"
killed=$(date +%s.%N)
# A killed daemon leaves its addresses on the host. Like a router without power it must not answer, so its link goes down.
ip -n "$lab-router1" link set eth0 down
eventually 10 "router2 is master" state_is router2 master
eventually 10 "the virtual address answers again" answered $((before + 200))
kill -INT -- "-$ping_group"
eventually 5 "ping has ended" gone "$ping_group"

lost=$(sed -n 's/^\[\([0-9.]*\)\] .*bytes from.*/\1/p' "$dir/ping.log" |
  awk -v killed="$killed" 'last && $1 > killed - 1 && $1 - last > longest { longest = $1 - last } { last = $1 } END { printf "%.0f", longest * 1000 }')
echo "  the client got no answer for $lost ms (the bound of the RFC: 3 x 100 ms + 61 ms)"
[ "$lost" -lt 1000 ] || fail "the client lost more than a second"

title "the trap that router2's snmptrapd received"
trap_arrived() { grep -q 'vrrpInstanceStateChange.*vrrpInstanceState = master' "$dir/router2-traps.log"; }
eventually 10 "a trap tells of it" trap_arrived
grep 'vrrpInstanceState = master' "$dir/router2-traps.log" | tail -n 1 | tr '\t' '\n' |
  sed '2,$s/^/            /; s/mib-2.1.3.0/sysUpTime.0/; s/snmpModules.1.1.4.1.0/snmpTrapOID.0/'

title "router2 now"
show_instances router2
inside router2 ip -o -4 address show dev eth0 | sed 's/^/  /'
inside router2 ip -o -4 address show dev eth0 | grep " $vip/" > /dev/null || fail "router2 does not hold $vip"
echo

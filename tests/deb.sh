#!/usr/bin/env bash
# Tests a package as its users would install it. Needs root, debootstrap, lintian, user-mode Linux and the network.
#
#   tests/deb.sh PACKAGE.deb
#
# In Debian 12 and 13 it is installed, started by its unit's ExecStart with that Debian's snmpd and its default settings,
# walked by name, stopped and purged; no file may be left. In Debian 12 it is also installed over Debian's own keepalived, which
# is purged afterwards; that system is booted with systemd in user-mode Linux. Bare Debians are kept as .test/debian-NAME and
# copied for each run.
set -euo pipefail
deb=$(realpath "$1")
cd "$(dirname "$0")/.."
name=$(dpkg-deb -f "$deb" Package)
work=$(mktemp -d)
netns=ka-deb-$$

fail() { echo "deb.sh: $*" >&2; exit 1; }
say() { echo "--- $*"; }
finish() {
  ip netns delete "$netns" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap finish EXIT

. tests/debian.sh

# machine SUITE ROOT: a copy of a bare Debian with the package file, not installed.
machine() {
  base "$1"
  mkdir -p "$2"
  cp -a "$PWD/.test/debian-$1/." "$2"
  cp "$deb" "$2/package.deb"
}

# All files in a root except those of dpkg, apt, ldconfig and snmpd.
files() {
  (cd "$1" && find . -xdev \
    \( -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt -o -path ./etc/ld.so.cache \
    -o -path ./var/lib/snmp -o -path ./var/agentx -o -path ./proc -o -path ./sys -o -path ./dev -o -path ./run \) -prune \
    -o -type d -printf '%p %y %m %u %g\n' -o -printf '%p %y %m %u %g %s %l\n' | sort)
}

# is_enabled ROOT
is_enabled() { [ -L "$1/etc/systemd/system/multi-user.target.wants/keepalived.service" ]; }

# The steps of an administrator, with the samples of the package.
day='
  sample=/usr/share/doc/keepalived-rs/conf/keepalived.conf
  cp $sample /etc/keepalived/
  # As the unit of snmpd does. (No apostrophes here: this is a quoted text.)
  snmpd -f -Lf /run/snmpd.log -u Debian-snmp -g Debian-snmp -p /run/snmpd.pid & snmpd=$!

  . /etc/default/keepalived
  DAEMON_ARGS="$DAEMON_ARGS -i router1" KEEPALIVED_OPTIONS=
  # Splits the words of the unit at blanks, as systemd does.
  eval "$(sed -n "s/^ExecStart=//p" /usr/lib/systemd/system/keepalived.service) >/run/output 2>&1 &"
  daemon=$!
  patience=200
  until snmpwalk -v2c -c public localhost KEEPALIVED-MIB::vrrpAddressStatus 2>/run/errors | tee /run/walk |
    grep "vrrpAddressStatus.1.2 = INTEGER: set(1)" > /dev/null
  do
    patience=$((patience - 1))
    [ $patience -gt 0 ] && kill -0 $daemon || { cat /run/output /run/snmpd.log /run/walk /run/errors; exit 1; }
    sleep 0.1
  done
  snmpwalk -v2c -c public localhost KEEPALIVED-MIB::version > /run/walk 2>&1
  cat /run/walk
  [ "$(wc -l < /run/walk)" = 1 ]
  grep "^KEEPALIVED-MIB::version.0 = STRING: Keepalived v" /run/walk > /dev/null
  snmpwalk -v2c -c public localhost KEEPALIVED-MIB::vrrpInstanceState
  [ "$(snmptranslate .1.3.6.1.6.3.1.1.5.1 2>&1)" = SNMPv2-MIB::coldStart ]
  [ "$(snmpget -v2c -c public localhost SNMPv2-MIB::sysUpTime.0 2>&1 | wc -l)" = 1 ]
  ip -o address show dev eth0 | grep " 192.0.2.10/24 " > /dev/null
  keepalived -t -i router1
  genhash --release

  kill $daemon
  wait $daemon || { echo "it exited with $?"; cat /run/output; exit 1; }
  if ip -o address show dev eth0 | grep " 192.0.2.1[01]/24 "; then echo "addresses are left"; exit 1; fi
  kill $snmpd
  wait $snmpd || true
  rm -r /etc/keepalived/keepalived.conf
'

say "lintian"
lintian --fail-on error,warning "$deb" || fail "lintian complains"

for suite in bookworm trixie; do
  root=$work/$suite
  machine "$suite" "$root"
  files "$root" >"$work/before"
  say "$suite: install"
  quietly within "$root" 'apt-get -y --no-install-recommends install /package.deb' || fail "it cannot be installed"
  is_enabled "$root" || fail "the unit is not enabled"
  say "$suite: start, walk, stop"
  ip netns add "$netns"
  ip -n "$netns" link set lo up
  ip -n "$netns" link add eth0 type veth peer name other
  ip -n "$netns" link set other up
  ip -n "$netns" address add 192.0.2.1/24 dev eth0
  ip -n "$netns" link set eth0 up
  ip netns exec "$netns" bash -c 'within "$0" "$1"' "$root" "$day" || fail "the test script failed"
  ip netns delete "$netns"
  say "$suite: remove and purge"
  quietly within "$root" "apt-get -y remove $name" || fail "it cannot be removed"
  quietly within "$root" "apt-get -y --auto-remove purge $name" || fail "it cannot be purged"
  files "$root" >"$work/after"
  diff "$work/before" "$work/after" || fail "files are left (>) or missing (<)"
  [ -z "$(within "$root" "dpkg-query -W -f '\${Status}' $name 2>/dev/null || true")" ] || fail "dpkg still knows $name"
done

say "install over Debian's keepalived, then purge that"
root=$work/over
machine bookworm "$root"
quietly within "$root" 'apt-get -y --no-install-recommends install keepalived'
echo 'DAEMON_ARGS="--snmp --config-id router1"' >"$root/etc/default/keepalived"
quietly within "$root" 'apt-get -y -o Dpkg::Options::=--force-confold --no-install-recommends install /package.deb' ||
  fail "it cannot be installed over keepalived"
options() { grep -q 'config-id router1' "$root/etc/default/keepalived" || fail "the options were lost $1"; }
is_enabled "$root" || fail "the unit is not enabled"
options "by the installation"
quietly within "$root" 'apt-get -y purge keepalived' || fail "keepalived cannot be purged"
is_enabled "$root" || fail "the unit is not enabled after the purge of keepalived"
options "by the purge of keepalived"
[ ! -e "$root/etc/init.d/keepalived" ] || fail "keepalived is not purged"

say "boot it with systemd"
tests/deb-boot.sh "$root" "$work/boot"
say "done"

#!/usr/bin/env bash
# Installs a package of ours in a Debian of its own, starts it by its unit's ExecStart beside that Debian's snmpd, looks
# at it, stops it and purges it: nothing may be left. Wants root, debootstrap and the network.
#
#   tests/deb.sh PACKAGE.deb
#
# The bare Debian is kept as .test/debian, and copied for each run.
set -euo pipefail
deb=$(realpath "$1")
cd "$(dirname "$0")/.."
base=$PWD/.test/debian
work=$(mktemp -d)
root=$work/root
netns=ka-deb-$$

fail() { echo "deb.sh: $*" >&2; exit 1; }
say() { echo "--- $*"; }
finish() {
  ip netns delete "$netns" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap finish EXIT

# Runs a shell script in the Debian at $1. Its processes end with it, and nothing stays mounted.
within() {
  local debian=$1
  unshare --mount --pid --fork --kill-child sh -eu -c '
    mount -t proc proc "$0/proc"
    mount -t sysfs -o ro sysfs "$0/sys" 2>/dev/null || true
    mount --rbind /dev "$0/dev"
    exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive sh -eu -c "$1"
  ' "$debian" "$2"
}

# The archives and settings of this machine are good for the other one.
bootstrap() {
  local site release proxy=
  command -v debootstrap >/dev/null || fail "wants debootstrap"
  read -r site release < <(apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' 'Component: main')
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  say "a bare Debian $release"
  rm -rf --one-file-system "$base" "$base.new"
  env ${proxy:+http_proxy=$proxy} debootstrap --variant=minbase "$release" "$base.new" "$site" >"$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; fail "debootstrap has failed"; }
  apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Component: main' |
    sort -u >"$base.new/etc/apt/sources.list"
  apt-config dump | grep '^Acquire::' >"$base.new/etc/apt/apt.conf.d/90host"
  # Nothing is started by being installed.
  printf '#!/bin/sh\nexit 101\n' >"$base.new/usr/sbin/policy-rc.d"
  chmod +x "$base.new/usr/sbin/policy-rc.d"
  cp /etc/resolv.conf "$base.new/etc/resolv.conf"
  within "$base.new" 'apt-get -qq update; apt-get -qq -y --no-install-recommends install snmpd snmp iproute2' \
    >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "snmpd cannot be installed"; }
  mv "$base.new" "$base"
}

# Everything in the root but what belongs to dpkg, apt, ldconfig and snmpd.
files() {
  (cd "$root" && find . -xdev \
    \( -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt -o -path ./etc/ld.so.cache \
    -o -path ./var/lib/snmp -o -path ./proc -o -path ./sys -o -path ./dev \) -prune \
    -o -type d -printf '%p %y %m %u %g\n' -o -printf '%p %y %m %u %g %s %l\n' | sort)
}

[ -d "$base" ] || bootstrap
cp -a "$base" "$root"
files >"$work/before"

say "install"
cp "$deb" "$root/package.deb"
within "$root" 'apt-get -qq update; apt-get -y --no-install-recommends install /package.deb' >"$work/log" 2>&1 ||
  { cat "$work/log" >&2; fail "it cannot be installed"; }
rm "$root/package.deb"
name=$(dpkg-deb -f "$deb" Package)
grep -q '^ii' < <(within "$root" "dpkg-query -W -f '\${db:Status-Abbrev}' $name") || fail "$name is not installed"
[ -L "$root/etc/systemd/system/multi-user.target.wants/keepalived.service" ] || fail "the unit is not enabled"

say "start, walk, stop"
ip netns add "$netns"
ip -n "$netns" link set lo up
ip -n "$netns" link add eth0 type veth peer name other
ip -n "$netns" link set other up
ip -n "$netns" address add 192.0.2.1/24 dev eth0
ip -n "$netns" link set eth0 up
# What an administrator does, with the samples that came with it.
cat >"$work/day" <<'END'
  samples=/usr/share/doc/keepalived/conf
  mkdir /etc/keepalived
  cp $samples/keepalived.conf /etc/keepalived/
  echo 'DAEMON_ARGS="-i router1"' > /etc/default/keepalived
  mkdir -p /var/agentx
  snmpd -f -C -c $samples/snmpd.conf -Lf /run/snmpd.log -p /run/snmpd.pid & snmpd=$!

  . /etc/default/keepalived
  # The words of the unit are parted as systemd does, by blanks.
  eval "$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/keepalived.service) >/run/output 2>&1 &"
  daemon=$!
  walk() {
    snmpwalk -v2c -c public -M /usr/share/snmp/mibs:/usr/share/doc/keepalived/mibs-base -m KEEPALIVED-MIB \
      127.0.0.1 .1.3.6.1.4.1.9586.100.5 2>&1
  }
  patience=100
  until walk | tee /run/walk | grep 'vrrpAddressStatus.1.2 = INTEGER: set(1)' > /dev/null; do
    patience=$((patience - 1))
    [ $patience -gt 0 ] && kill -0 $daemon || { cat /run/output /run/snmpd.log /run/walk; exit 1; }
    sleep 0.1
  done
  grep -E 'version.0|vrrpInstanceState.1|vrrpAddressStatus' /run/walk
  grep -q 'vrrpInstanceState.1 = INTEGER: master(2)' /run/walk
  ip -o address show dev eth0 | grep ' 192.0.2.10/24 ' > /dev/null
  keepalived -t -i router1
  genhash --release

  kill $daemon
  wait $daemon || { echo "it ended with $?"; cat /run/output; exit 1; }
  if ip -o address show dev eth0 | grep ' 192.0.2.1[01]/24 '; then echo 'addresses are left'; exit 1; fi
  kill $snmpd
  wait $snmpd || true
  rm -r /etc/keepalived /etc/default/keepalived /run/snmpd.log /run/output /run/walk /var/agentx
END
export -f within
ip netns exec "$netns" bash -c 'within "$0" "$1"' "$root" "$(cat "$work/day")" || fail "it does not work"

say "remove and purge"
within "$root" "apt-get -qq -y remove $name" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "it cannot be removed"; }
within "$root" "apt-get -qq -y --auto-remove purge $name" >"$work/log" 2>&1 ||
  { cat "$work/log" >&2; fail "it cannot be purged"; }
files >"$work/after"
diff "$work/before" "$work/after" || fail "this is left (>) or missing (<)"
[ -z "$(within "$root" "dpkg-query -W -f '\${Status}' $name 2>/dev/null || true")" ] || fail "dpkg still knows $name"
say "nothing is left"

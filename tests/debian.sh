# Bare Debians for tests/deb.sh and tests/nms.sh, which source this file: .test/debian-NAME, from the package archive of this host.
# The script has `fail` and `say`, and a directory $work.

# within ROOT SCRIPT: runs a shell script in a Debian. Its processes are killed at its end, and nothing stays mounted.
# What $WITHIN_BINDS names, as pairs of SOURCE:TARGET, is there too.
within() {
  unshare --mount --pid --fork --kill-child sh -eu -c '
    mount -t proc proc "$0/proc"
    mount -t sysfs -o ro sysfs "$0/sys" 2>/dev/null || true
    mount --rbind /dev "$0/dev"
    for bind in ${WITHIN_BINDS:-}; do
      mkdir -p "$0${bind#*:}"
      mount --bind "${bind%%:*}" "$0${bind#*:}"
    done
    exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive sh -eu -c "$1"
  ' "$1" "$2"
}
export -f within

# Runs a command, and prints its output only if it fails.
quietly() { "$@" >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; return 1; }; }

# base SUITE: a bare Debian with snmpd.
base() {
  local suite=$1 site proxy=
  local base=$PWD/.test/debian-$suite
  [ ! -d "$base" ] || return 0
  read -r site < <(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Component: main')
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  say "a bare Debian $suite"
  rm -rf --one-file-system "$base.new"
  quietly env ${proxy:+http_proxy=$proxy} debootstrap --variant=minbase \
    --include=systemd-sysv,kmod,iproute2,snmpd,snmp "$suite" "$base.new" "$site" || fail "debootstrap has failed"
  echo "deb $site $suite main" >"$base.new/etc/apt/sources.list"
  apt-config dump | grep '^Acquire::' >"$base.new/etc/apt/apt.conf.d/90host"
  # Installing a package starts no service.
  printf '#!/bin/sh\nexit 101\n' >"$base.new/usr/sbin/policy-rc.d"
  chmod +x "$base.new/usr/sbin/policy-rc.d"
  cp /etc/resolv.conf "$base.new/etc/resolv.conf"
  printf "127.0.0.1 localhost\n::1 localhost\n" >"$base.new/etc/hosts"
  quietly within "$base.new" 'apt-get -qq update'
  mv "$base.new" "$base"
}

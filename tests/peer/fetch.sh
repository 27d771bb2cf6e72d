#!/usr/bin/env bash
# Fetches Debian's own keepalived, the peer of the labs, and unpacks it under .test/peer with those of
# its libraries that are not installed. Nothing is installed on the system; a second run does nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
peer=$PWD/.test/peer
daemon=$peer/usr/sbin/keepalived

run() { LD_LIBRARY_PATH=$(echo "$peer"/usr/lib/*-linux-gnu | tr ' ' ':') "$@"; }
complete() { [ -x "$daemon" ] && ! run ldd "$daemon" | grep 'not found' > /dev/null; }

# Downloads and unpacks one package, then whatever of its libraries is neither installed nor unpacked.
unpack() {
  local package=$1 deb library
  compgen -G "$package"_*.deb >/dev/null && return
  apt-get -qq -o APT::Sandbox::User=root download "$package" || { apt-get -qq update && apt-get -qq -o APT::Sandbox::User=root download "$package"; }
  deb=$(echo "$package"_*.deb)
  dpkg -x "$deb" "$peer"
  for library in $(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/^ *//; s/[ (|:].*//'); do
    [[ $library == lib* ]] || continue
    dpkg-query -W -f='${db:Status-Status}' "$library" 2>/dev/null | grep -x installed > /dev/null || unpack "$library"
  done
}

if ! complete; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$peer"
  cd "$work"
  unpack keepalived
  complete || { echo "fetch.sh: libraries are missing:" >&2; run ldd "$daemon" | grep 'not found' >&2; exit 1; }
fi
run "$daemon" -v 2>&1 | sed -n 1p

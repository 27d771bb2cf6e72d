#!/usr/bin/env bash
# Fetches keepalived, snmpd and snmptrapd of Debian 13, and unpacks them under .test/trixie with all their libraries. They are
# started by the loader there, so nothing of the system is used or changed; a second run does nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD/.test/trixie

run() {
  local program=$1 library
  shift
  library=$(dirname "$root"/usr/lib/*/ld-linux*.so.*)
  "$library"/ld-linux*.so.* --library-path "$library" "$root/usr/sbin/$program" "$@"
}

if [ ! -d "$root" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
  : >"$work/status"
  # The archive of this host, with a list and a state of its own: no package counts as installed.
  read -r site < <(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Component: main')
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site trixie main" >"$work/sources.list"
  private() {
    apt-get -qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
      -o "Dir::State::lists=$work/lists" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache" \
      -o APT::Sandbox::User=root "$@"
  }
  private update
  private --no-install-recommends --download-only -y install keepalived snmpd snmptrapd >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
  for deb in "$work"/cache/archives/{keepalived,snmpd,snmptrapd,lib*,zlib1g}_*.deb; do
    dpkg -x "$deb" "$work/root"
  done
  # keepalived looks for this file beside the program, too.
  cp "$work/root/etc/keepalived/keepalived.config-opts" "$work/root/usr/sbin/"
  mkdir -p .test
  mv "$work/root" "$root"
fi
run keepalived -v 2>&1 | sed -n 1p
run snmpd -v | sed -n 's/^NET-SNMP version: */snmpd /p'

#!/bin/sh
# Writes snmp.yml from generator.yml and the MIB modules, with the generator of Prometheus' snmp_exporter (Debian:
# prometheus-snmp-exporter). The result is for snmp_exporter 0.23 and later, whatever the version of the generator.
#
#   generate.sh [MIBS]     MIBS: directories of MIB modules, separated by colons; without it those of the source, ../../../mibs
set -eu
cd "$(dirname "$0")"
MIBDIRS=${1:-$PWD/../../../mibs:$PWD/../../../mibs/base}
generator=$(command -v prometheus-snmp-generator || command -v generator) || {
  echo "generate.sh: prometheus-snmp-generator is missing (Debian: apt install prometheus-snmp-exporter)" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp generator.yml "$work"

# generate: runs the generator on $work/generator.yml. It writes snmp.yml into the working directory.
generate() { (cd "$work" && MIBS=ALL MIBDIRS=$MIBDIRS "$generator" --fail-on-parse-errors generate) >"$work/log" 2>&1; }
if ! generate; then
  # Before 0.23 there were no `auths`, and the modules were the whole file.
  sed '/^auths:/,/^$/d' generator.yml >"$work/generator.yml"
  generate || { cat "$work/log" >&2; exit 1; }
  {
    sed -n '/^auths:/,/^$/{ /^$/d; p; }' generator.yml
    echo 'modules:'
    sed '/^#/d; s/^/  /' "$work/snmp.yml"
  } >"$work/wrapped.yml"
  mv "$work/wrapped.yml" "$work/snmp.yml"
fi
{
  echo '# Made from generator.yml and the MIB modules of keepalived-rs by generate.sh (in the source: `make nms`).'
  sed '/^#/d' "$work/snmp.yml"
} >snmp.yml

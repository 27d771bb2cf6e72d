#!/usr/bin/env bash
# Boots a Debian with our package in user-mode Linux, with systemd as process 1, and checks that the service works, that a package
# of another version takes over the running daemon, and that nothing is left after the removal.
#
#   tests/deb-boot.sh ROOT WORK
#
# ROOT is the file system of that system, with the package as /package.deb; it is changed. WORK is a directory for the console's
# output and for other packages.
set -euo pipefail
root=$(realpath "$1")
mkdir -p "$2"
work=$(realpath "$2")
fail() { echo "deb-boot.sh: $*" >&2; exit 1; }

# another NAME COMMAND: the package with another version, /NAME.deb, after a command that changes the program $program.
version=$(dpkg-deb -f "$root/package.deb" Version)
version=${version%-*}
next=${version%?}9
another() {
  local files=$work/$1
  dpkg-deb -R "$root/package.deb" "$files"
  sed -i "s/^Version: .*/Version: $next-1/" "$files/DEBIAN/control"
  program=$files/usr/sbin/keepalived
  eval "$2"
  dpkg-deb --root-owner-group --build "$files" "$root/$1.deb" >/dev/null
}
another broken 'truncate -s 4096 "$program"'
# The length of the text stays the same.
another next 'LC_ALL=C sed -i "s/keepalived-rs v$version/keepalived-rs v$next/g" "$program"'
echo "$next" >"$root/next"

mkdir -p "$root/lib/modules"
cp -a /usr/lib/uml/modules/. "$root/lib/modules/"
rm -f "$root/usr/sbin/policy-rc.d" "$root/report"
cp "$root/usr/share/doc/keepalived-rs/conf/keepalived.conf" "$root/etc/keepalived/keepalived.conf"
sed -i 's|^vrrp_instance.*|&\n    notify_master "/bin/sh -c \x27sleep 86399 \&\x27" root|' "$root/etc/keepalived/keepalived.conf"
sed -i 's/^agentaddress.*/agentaddress 127.0.0.1/' "$root/etc/snmp/snmpd.conf"
: >"$root/etc/fstab"
echo router1 >"$root/etc/hostname"

# The network is set up before the service, and lab-check runs after it. A file on hostfs that was replaced cannot be opened
# again through /proc/PID/exe, so the programs are on another file system.
cat >"$root/etc/systemd/system/lab-network.service" <<'END'
[Unit]
Before=network-online.target keepalived.service snmpd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link set lo up; ip link add eth0 type veth peer name other; ip link set other up; ip address add 192.0.2.1/24 dev eth0; ip link set eth0 up'
ExecStart=/bin/sh -c 'cp -a /usr/sbin /run/sbin; mount --bind /run/sbin /usr/sbin'
[Install]
WantedBy=multi-user.target
END
cat >"$root/etc/systemd/system/lab-check.service" <<'END'
[Unit]
After=keepalived.service snmpd.service
[Service]
Type=oneshot
ExecStart=/lab-check
[Install]
WantedBy=multi-user.target
END
cat >"$root/lab-check" <<'END'
#!/bin/bash
# Writes /report, with the last line "all is well" on success, and powers off.
export LC_ALL=C
exec >/report 2>&1
finish() {
  [ $? = 0 ] || { timeout 20 systemctl status keepalived snmpd; timeout 20 journalctl -b -u keepalived -n 50; echo 'something is wrong'; }
  systemctl --no-block poweroff -ff
}
trap finish EXIT
set -eu
until_() { for _ in $(seq 300); do eval "$1" >/dev/null 2>&1 && return; sleep 0.2; done; echo "failed: $1"; exit 1; }
until_ 'systemctl is-active keepalived'
until_ 'snmpwalk -v2c -c public localhost KEEPALIVED-MIB::vrrpInstanceState | grep -q "master(2)"'
snmpwalk -v2c -c public localhost KEEPALIVED-MIB::version
grep -q ^ip_vs /proc/modules || [ ! -e /lib/modules/$(uname -r)/kernel/net/netfilter/ipvs/ip_vs.ko ]
systemctl show -P StatusText keepalived

# A reload succeeds, and one of a broken configuration fails.
systemctl reload keepalived
until_ 'systemctl is-active keepalived'
printf 'vrrp_instance {\n' >> /etc/keepalived/keepalived.conf
if systemctl reload keepalived; then echo "a broken configuration was reloaded"; exit 1; fi
systemctl is-active keepalived
sed -i '$d' /etc/keepalived/keepalived.conf
systemctl reload keepalived
# The daemon itself refuses a reload with a new fault.
printf 'nonsense\n' >> /etc/keepalived/keepalived.conf
if systemctl reload keepalived; then echo "a new fault was reloaded"; exit 1; fi
until_ 'systemctl show -P StatusText keepalived | grep -q "Last reload refused: .*nonsense"'
sed -i '$d' /etc/keepalived/keepalived.conf
systemctl reload keepalived
until_ 'systemctl show -P StatusText keepalived | grep -q "^Running: "'
test -S /run/keepalived/control

# A package takes over the running daemon without a transition; one with a broken program fails visibly and changes nothing.
masters() { journalctl -b -u keepalived | grep 'Entering MASTER STATE' | grep -vc '(resuming'; }
pid=$(systemctl show -P MainPID keepalived)
before=$(masters)
ip -o monitor address >/run/addresses & monitor=$!
unchanged() {
  systemctl is-active keepalived
  [ "$(systemctl show -P MainPID keepalived)" = $pid ]
  [ "$(masters)" = $before ]
  if grep Deleted /run/addresses; then echo "addresses were removed"; exit 1; fi
  ip -o address show dev eth0 | grep ' 192.0.2.10/24 '
}
if dpkg -i /broken.deb >/run/dpkg 2>&1; then echo "a broken program was installed"; exit 1; fi
cat /run/dpkg
grep 'The new program cannot start; the old one runs on' /run/dpkg
grep 'Errors were encountered while processing' /run/dpkg
unchanged
/proc/$pid/exe --status | head -n 3
dpkg -i /next.deb >/run/dpkg 2>&1 || { cat /run/dpkg; exit 1; }
cat /run/dpkg
unchanged
keepalived --status | tee /run/status | head -n 3
grep "keepalived-rs v$(cat /next)" /run/status
[ "$(readlink /proc/$pid/exe)" = /usr/sbin/keepalived ]
until_ 'journalctl -b -u keepalived | grep "Upgrading .* to .*keepalived-rs v$(cat /next)"'
until_ 'journalctl -b -u keepalived | grep "Upgrade complete"'
systemctl reload keepalived
unchanged
kill $monitor

# With a drop-in it works as well, and reaches less of the system: systemd rates that from 0 to 100.
drop_in=/etc/systemd/system/keepalived.service.d/sample.conf
mkdir -p "${drop_in%/*}"
systemd-analyze security --no-pager keepalived | tail -n 1
for sample in hardened:44 vrrp:29; do
  cp /usr/share/doc/keepalived-rs/conf/systemd-${sample%:*}.conf $drop_in
  systemctl daemon-reload
  scripts=$(grep -l '8639[9]' /proc/[0-9]*/cmdline | wc -l)
  systemctl restart keepalived
  until_ 'ip -o address show dev eth0 | grep " 192.0.2.10/24 "'
  until_ 'snmpwalk -v2c -c public localhost KEEPALIVED-MIB::vrrpInstanceState | grep "master(2)"'
  until_ '[ $(grep -l "8639[9]" /proc/[0-9]*/cmdline | wc -l) -gt $scripts ]'
  systemctl reload keepalived
  keepalived --status >/dev/null
  systemd-analyze security --no-pager --threshold=${sample#*:} keepalived | tail -n 1
  systemd-analyze security --threshold=${sample#*:} keepalived >/dev/null
  if journalctl -u keepalived _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID keepalived) | grep 'Cannot '; then exit 1; fi
done
rm -r "${drop_in%/*}"
systemctl daemon-reload
systemctl restart keepalived

# systemd restarts a killed daemon, but does not keep restarting with a configuration with errors.
pid=$(systemctl show -P MainPID keepalived)
kill -9 $pid
until_ '[ "$(systemctl show -P MainPID keepalived)" != 0 ] && [ "$(systemctl show -P MainPID keepalived)" != '$pid' ] && systemctl is-active keepalived'
systemctl stop keepalived
# KillMode: what a notify script has started goes on.
grep -l '8639[9]' /proc/[0-9]*/cmdline >/dev/null
if ip -o address show dev eth0 | grep ' 192.0.2.1[01]/24 '; then echo 'addresses are left'; exit 1; fi
printf 'vrrp_instance {\n' >> /etc/keepalived/keepalived.conf
systemctl start keepalived && exit 1
sleep 3
[ "$(systemctl show -P NRestarts keepalived)" -le 1 ]
sed -i '$d' /etc/keepalived/keepalived.conf

# The removal stops the daemon, and nothing is left but what the administrator has written.
systemctl reset-failed keepalived
systemctl start keepalived
until_ 'ip -o address show dev eth0 | grep " 192.0.2.10/24 "'
dpkg -r keepalived-rs
if systemctl is-active keepalived || grep -lx 'keepalived.*' /proc/[0-9]*/comm; then echo 'it runs on'; exit 1; fi
if ip -o address show dev eth0 | grep ' 192.0.2.1[01]/24 '; then echo 'addresses are left'; exit 1; fi
dpkg -P keepalived-rs
left() { find /etc /usr /usr/sbin /var /run -xdev -name '*keepalived*' ! -path '/var/log/*' ! -path '/var/cache/*' ! -path '/var/lib/dpkg/*'; }
[ "$(left)" = "/etc/keepalived
/etc/keepalived/keepalived.conf" ] || { left; exit 1; }
echo 'all is well'
END
chmod +x "$root/lab-check"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
for unit in lab-network lab-check; do
  ln -sf "/etc/systemd/system/$unit.service" "$root/etc/systemd/system/multi-user.target.wants/"
done

# With a library for newer processors, and on one processor, as in tests/lab/src/uml.rs.
cc -O2 -shared -fPIC -o "$work/xstate.so" "$(dirname "$0")/uml/xstate.c"
LD_PRELOAD=$work/xstate.so timeout 300 taskset -c "$(taskset -pc $$ | sed 's/.*[ ,-]//')" linux.uml mem=512M root=/dev/root rootfstype=hostfs rootflags="$root" rw init=/sbin/init con=null con0=fd:0,fd:1 \
  systemd.mask=systemd-udevd.service systemd.show_status=no panic=1 </dev/null >"$work/console" 2>&1 || true
cat "$root/report" 2>/dev/null || true
if ! grep -q '^all is well$' "$root/report" 2>/dev/null; then
  tail -n 30 "$work/console" >&2
  fail "a check in the booted system failed"
fi

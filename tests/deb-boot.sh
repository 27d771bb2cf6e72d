#!/usr/bin/env bash
# Boots a Debian with our package in user-mode Linux, with systemd as process 1, and checks that the service works.
#
#   tests/deb-boot.sh ROOT WORK
#
# ROOT is the file system of that system; it is changed. WORK is a directory for the console's output.
set -euo pipefail
root=$(realpath "$1")
mkdir -p "$2"
work=$(realpath "$2")
fail() { echo "deb-boot.sh: $*" >&2; exit 1; }

mkdir -p "$root/lib/modules"
cp -a /usr/lib/uml/modules/. "$root/lib/modules/"
rm -f "$root/usr/sbin/policy-rc.d" "$root/report"
cp "$root/usr/share/doc/keepalived-rs/conf/keepalived.conf" "$root/etc/keepalived/keepalived.conf"
sed -i 's|^vrrp_instance.*|&\n    notify_master "/bin/sh -c \x27sleep 86399 \&\x27" root|' "$root/etc/keepalived/keepalived.conf"
sed -i 's/^agentaddress.*/agentaddress 127.0.0.1/' "$root/etc/snmp/snmpd.conf"
: >"$root/etc/fstab"
echo router1 >"$root/etc/hostname"

# The network is set up before the service, and lab-check runs after it.
cat >"$root/etc/systemd/system/lab-network.service" <<'END'
[Unit]
Before=network-online.target keepalived.service snmpd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link set lo up; ip link add eth0 type veth peer name other; ip link set other up; ip address add 192.0.2.1/24 dev eth0; ip link set eth0 up'
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
  [ $? = 0 ] || { systemctl status keepalived snmpd; journalctl -b -u keepalived -n 50; echo 'something is wrong'; }
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

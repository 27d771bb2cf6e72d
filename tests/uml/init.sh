#!/bin/sh
# Process 1 of a user-mode Linux: runs one command and powers off. The root is the host's file system, read only. Files
# are exchanged in the directory EXCHANGE of the kernel's command line: command (a shell script) in; output and status out.
export PATH=/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/run/tmp HOME=/run/tmp

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t tmpfs tmpfs /run
mkdir -p /run/bin /run/tmp /run/exchange /run/modules/lib/modules
# Mounted with sync, so that the files are complete when the kernel is killed.
mount -t hostfs hostfs /run/exchange -o "sync,$EXCHANGE"

# modprobe does not look in the module directory of this kernel.
ln -s "/usr/lib/uml/modules/$(uname -r)" /run/modules/lib/modules/
cat > /run/bin/modprobe <<'END'
#!/bin/sh
exec /sbin/modprobe -d /run/modules "$@"
END
chmod +x /run/bin/modprobe
echo /run/bin/modprobe > /proc/sys/kernel/modprobe

modprobe ipv6
ip link set lo up
/bin/sh /run/exchange/command > /run/exchange/output 2>&1
echo $? > /run/exchange/status
sync
echo o > /proc/sysrq-trigger
# An exit of process 1 would cause a panic.
while :; do sleep 1; done

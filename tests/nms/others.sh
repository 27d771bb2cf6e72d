# The steps of tests/nms.sh with Icinga, Nagios, snmptrapd and SNMPTT.

checks=/source/snmp/nms/icinga

# check STATUS TEXT ARGUMENTS...: the plugin ends with a status, and its output has a text.
check() {
  local status=0
  there nms "exec $checks/check_keepalived ${*:3}" >"$work/check" 2>&1 || status=$?
  [ "$status" = "$1" ] && grep -F -- "$2" "$work/check"
}

step_icinga() {
  eventually 60 "instances" check 0 'KEEPALIVED OK - gateway master, second backup | ' -H 192.0.2.1 -m instances
  eventually 60 "an instance that is elsewhere" check 1 'second is not master here but backup (master 192.0.2.2 has priority 150' \
    -H 192.0.2.1 --master second
  eventually 60 "groups" check 0 'OK - edge master' -H 192.0.2.1 -m groups
  eventually 60 "trackers" check 0 'OK - 2 trackers' -H 192.0.2.1 -m trackers
  eventually 60 "servers" check 0 'OK - 1 virtual servers, 2 of 2 real servers up' -H 192.0.2.1 -m servers
  eventually 60 "daemon" check 0 'OK - sessions with snmpd: VRRP process, checker process' -H 192.0.2.1 -m daemon
  eventually 60 "no agent" check 3 'UNKNOWN - Timeout' -H 192.0.2.99
  eventually 60 "options of snmpbulkwalk" check 0 'gateway master' -H 192.0.2.1 -- -v2c -c public
  script_fails r1
  stop_group "${server_group[8002]}"
  eventually 60 "the tracker is down" check 1 'the script well is down' -H 192.0.2.1 -m trackers
  eventually 60 "the server is down" check 1 '192.0.2.100 port 8002 of [192.0.2.10]:tcp:80 is down (' -H 192.0.2.1 -m servers
  stop_group "${server_group[8001]}"
  eventually 60 "all servers are down" check 2 'all real servers of [192.0.2.10]:tcp:80 are down' -H 192.0.2.1 -m servers

  kill -9 "$(cat "$work/r2/vrrp.pid")"
  eventually 60 "a restart" check 1 'the process VRRP was started again' -H 192.0.2.2 -m daemon

  say "  icinga2"
  mkdir -p "$work/icinga"
  chmod 777 "$work/icinga"
  cat >"$work/icinga/icinga2.conf" <<CONF
const PluginDir = "$checks"
const NodeName = "nms"
include <itl>
include <plugins>
template Service "generic-service" {
  check_interval = 2s
  retry_interval = 1s
}
object CheckerComponent "checker" { }
object PerfdataWriter "perfdata" {
  service_perfdata_path = "/run/nms/icinga/service"
  service_temp_path = "/run/nms/icinga/service.new"
  host_perfdata_path = "/run/nms/icinga/host"
  host_temp_path = "/run/nms/icinga/host.new"
  service_format_template = "\$host.name\$;\$service.name\$;\$service.state\$;\$service.output\$"
  rotation_interval = 2s
}
object Host "r1" {
  address = "192.0.2.1"
  check_command = "dummy"
  vars.keepalived = true
  vars.keepalived_master = [ "gateway" ]
  vars.snmp_community = "public"
}
include "/source/snmp/nms/icinga/keepalived.conf"
CONF
  local icinga="-c /run/nms/icinga/icinga2.conf -D DataDir=/run/nms/icinga -D CacheDir=/run/nms/icinga \
    -D LogDir=/run/nms/icinga -D InitRunDir=/run/nms/icinga -D SpoolDir=/run/nms/icinga -D RunAsUser=root -D RunAsGroup=root"
  there nms "icinga2 daemon -C $icinga" >"$work/icinga.log" 2>&1 || fail "icinga2 refuses the configuration"
  start_there nms icinga "icinga2 daemon $icinga"
  local text
  for text in 'r1;keepalived-instances;WARNING;.*gateway is not master here but backup' 'r1;keepalived-groups;OK;' \
    'r1;keepalived-trackers;WARNING;' 'r1;keepalived-servers;CRITICAL;' 'r1;keepalived-daemon;OK;'; do
    eventually 60 "icinga2 has $text" grep -rh "$text" "$work/icinga" --include='service*'
  done

  say "  nagios"
  cat >"$work/nagios.cfg" <<CONF
log_file=/run/nms/nagios.out
illegal_macro_output_chars=\`~\$&|'"<>
cfg_file=/etc/nagios4/objects/commands.cfg
cfg_file=/etc/nagios4/objects/contacts.cfg
cfg_file=/etc/nagios4/objects/timeperiods.cfg
cfg_file=/etc/nagios4/objects/templates.cfg
cfg_file=$checks/nagios.cfg
cfg_file=/run/nms/nagios-hosts.cfg
resource_file=/run/nms/nagios-resource.cfg
CONF
  echo "\$USER1\$=$checks" >"$work/nagios-resource.cfg"
  printf 'define host {\n use linux-server\n host_name r1\n address 192.0.2.1\n check_command check_keepalived!public!instances\n hostgroups keepalived\n}\n' >"$work/nagios-hosts.cfg"
  there nms 'nagios4 -v /run/nms/nagios.cfg' >"$work/nagios.log" 2>&1 || { cat "$work/nagios.log"; fail "nagios refuses the configuration"; }
  grep -E '^Total (Warnings|Errors): +0$' "$work/nagios.log" | wc -l | grep -qx 2 || fail "nagios has warnings"

  start_server 8001
  start_server 8002
  script_succeeds r1
  eventually 60 "r1 is master again" state_is r1 1 2
}

step_traps() {
  local mibs="-M +/source/mibs:/source/mibs/base -m +KEEPALIVED-MIB:KEEPALIVED-HA-MIB:VRRP-MIB:VRRPV3-MIB"
  # The handler: each notification is a line on standard output, which is that of snmptrapd.
  sed 's|@datadir@/doc/keepalived-rs/nms|/source/snmp/nms|' snmp/nms/traps/snmptrapd.conf >"$work/snmptrapd.conf"
  start_there nms trapd "env KEEPALIVED_TRAP_OUTPUT=stdout SNMP_PERSISTENT_DIR=/run/nms/trapd-data snmptrapd -f -C -c /run/nms/snmptrapd.conf \
    -Lf /run/nms/trapd.out -p /run/nms/trapd.pid -x unix:/run/nms/nobody $mibs udp:192.0.2.100:162"
  # SNMPTT, with what snmptt.conf says about snmptt.ini.
  sed -e 's/^net_snmp_perl_enable = .*/net_snmp_perl_enable = 1/; s/^#mibs_environment = .*/mibs_environment = ALL/' \
    -e 's/^syslog_enable = .*/syslog_enable = 0/; s/^syslog_system_enable = .*/syslog_system_enable = 0/' \
    -e 's|^log_file = .*|log_file = /run/nms/snmptt.out|; s|^/etc/snmp.*/snmptt.conf$|/source/snmp/nms/traps/snmptt.conf|' \
    -e 's/^unknown_trap_log_enable = .*/unknown_trap_log_enable = 1/; s|^unknown_trap_log_file = .*|unknown_trap_log_file = /run/nms/snmptt-unknown.out|' \
    "$root/etc/snmp/snmptt.ini" >"$work/snmptt.ini"
  printf 'authCommunity execute public\ntraphandle default /usr/sbin/snmptt --ini=/run/nms/snmptt.ini\n' >"$work/snmptt-trapd.conf"
  start_there nms snmptt "env MIBDIRS=/usr/share/snmp/mibs:/source/mibs:/source/mibs/base MIBS=ALL SNMP_PERSISTENT_DIR=/run/nms/snmptt-data snmptrapd -f -C \
    -c /run/nms/snmptt-trapd.conf -On -Lf /run/nms/snmptt-trapd.out -p /run/nms/snmptt.pid -x unix:/run/nms/nobody2 udp:192.0.2.100:1620"
  eventually 30 "snmptrapd listens" listening 162
  eventually 30 "the other snmptrapd listens" listening 1620
  script_fails r1
  stop_group "${server_group[8001]}"
  stop_group "${server_group[8002]}"
  eventually 60 "r2 is master" state_is r2 1 2
  eventually 60 "the quorum is lost" grep virtualServerQuorumStatus=notMet "$work/trapd.log"
  script_succeeds r1
  start_server 8001
  start_server 8002
  eventually 60 "r1 is master again" state_is r1 1 2
  inside r1 ip link set eth0 down
  sleep 2
  inside r1 ip link set eth0 up
  kill -9 "$(cat "$work/r2/vrrp.pid")"
  eventually 60 "the restart is told" grep haProcessRestarted "$work/trapd.log"
  sed 's/^vrrp_instance gateway/vrrip_instance gateway/' -i "$work/r2/keepalived.conf"
  "$keepalived" -i r2 -p "$work/r2/keepalived.pid" --reload >"$work/reload.log" 2>&1 && fail "the reload is not refused"
  sed 's/^vrrip_instance gateway/vrrp_instance gateway/' -i "$work/r2/keepalived.conf"
  local text
  for text in \
    'daemon.notice 192.0.2.2 vrrpInstanceStateChange: vrrpInstanceName="?gateway"? vrrpInstanceState=master .*routerId="?r2"?' \
    'daemon.notice 192.0.2.2 vrrpSyncGroupStateChange: vrrpSyncGroupName="?edge"? vrrpSyncGroupState=master' \
    'daemon.warning 192.0.2.1 realServerStateChange: .* realServerAddress=192.0.2.100 realServerPort=8002 realServerStatus=dead' \
    'daemon.crit 192.0.2.1 virtualServerQuorumStateChange: .*virtualServerQuorumStatus=notMet' \
    'daemon.warning 192.0.2.2 haProcessRestarted: haProcessName="?VRRP"? haProcessRestarts=' \
    'daemon.warning 192.0.2.2 haReloadRefused: haLastReloadReason=' \
    'daemon.notice 192.0.2.2 vrrpv3NewMaster:'; do
    eventually 60 "the handler writes: $text" grep -E "$text" "$work/trapd.log"
  done
  for text in \
    'Normal "VRRP" 192.0.2.2 - instance gateway of r2 is master; event at 20' \
    'Normal "VRRP" 192.0.2.2 - instance gateway of r2 is backup' \
    'Normal "VRRP" 192.0.2.2 - sync group edge of r2 is master' \
    'Major "LVS" 192.0.2.1 - real server .C0 00 02 64 ?. port 8002 of .C0 00 02 0A ?. port 80 is down, . of 2 are up; router r1' \
    'Critical "LVS" 192.0.2.1 - virtual server .C0 00 02 0A ?. port 80 has lost its quorum of 1, 0 of 2 real servers are up; router r1' \
    'Normal "LVS" 192.0.2.1 - virtual server .C0 00 02 0A ?. port 80: quorum met, . of 2 real servers are up' \
    'Major "daemon" 192.0.2.2 - the process VRRP was started again, . times' \
    'Warning "daemon" 192.0.2.2 - a reload was refused, the old configuration stays in force: ' \
    'Normal "VRRP" 192.0.2.2 - .* has become master of a virtual router: '; do
    eventually 60 "SNMPTT writes: $text" grep -E -- "$text" "$work/snmptt.out"
  done
  [ ! -s "$work/snmptt-unknown.out" ] || { cat "$work/snmptt-unknown.out"; fail "SNMPTT does not know a trap"; }
}
listening() { inside nms ss -Hlun "sport = :$1" | grep :; }

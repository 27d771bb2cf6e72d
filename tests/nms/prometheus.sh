# The steps of tests/nms.sh with Prometheus: its rules, the generator and snmp_exporter, node_exporter, the console, Grafana's queries.

kit=/source/snmp/nms/prometheus

step_rules() {
  in_debian "cd $kit
    promtool check rules keepalived-snmp.rules.yml keepalived-metrics.rules.yml
    promtool test rules keepalived-snmp.test.yml keepalived-metrics.test.yml
    promtool check config --syntax-only prometheus.yml" || fail "promtool refuses the rules"
}
# in_debian SCRIPT: in the Debian, without the lab.
in_debian() { quietly within "$root" "$1"; }

step_generator() {
  # What is committed is what the generator makes. Its versions break lines differently.
  in_debian "
    mkdir -p /run/nms/generated
    cp $kit/generator.yml $kit/generate.sh /run/nms/generated
    sh /run/nms/generated/generate.sh /source/mibs:/source/mibs/base
    python3 -c '
import sys, yaml
made, committed = (yaml.safe_load(open(name)) for name in sys.argv[1:])
if made != committed: sys.exit(\"snmp.yml is out of date: run make nms\")
' /run/nms/generated/snmp.yml $kit/snmp.yml" || fail "snmp.yml is not what the generator makes"
  # The module of snmp_exporter itself, from its own generator.yml, with our MIB files.
  in_debian "
    cd /run/nms/generated
    python3 -c '
import yaml
official = yaml.safe_load(open(\"/usr/share/doc/prometheus-snmp-exporter/examples/generator.yml\"))
modules = {\"keepalived\": official[\"modules\"][\"keepalived\"]}
yaml.safe_dump({\"auths\": official[\"auths\"], \"modules\": modules}, open(\"generator.yml\", \"w\"))
'
    MIBS=ALL MIBDIRS=/source/mibs:/source/mibs/base prometheus-snmp-generator --fail-on-parse-errors generate
    mv snmp.yml official.yml
    metrics=\$(grep -c '^    - name:' official.yml)
    [ \"\$metrics\" -ge 201 ] || { echo \"\$metrics metrics\"; exit 1; }" || fail "the official module is not generated from our MIBs"
}

# query EXPRESSION: the values of an instant query as lines `LABELS VALUE`, in order. LABELS is JSON.
query() {
  answer --get --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query |
    jq -r '.data.result[] | "\(.metric | tojson) \(.value[1])"' | sort
}
# says EXPRESSION VALUE: whether a query has one row with the value.
says() { [ "$(query "$1" | sed 's/.* //')" = "$2" ]; }
# alert NAME LABELS: whether the alert fires or is pending; LABELS is a part of a matcher.
alert() { [ "$(query "count(ALERTS{alertname=\"$1\"${2:+,$2}}) > 0" | wc -l)" = 1 ]; }

prometheus_lab() {
  [ ! -e "$work/prometheus" ] || return 0
  [ -e "$work/generated/official.yml" ] || step_generator
  mkdir "$work/prometheus" "$work/consoles"
  cp snmp/nms/prometheus/*.rules.yml "$work/prometheus"
  [ -z "${only_ours:-}" ] || echo 'groups: []' >"$work/prometheus/keepalived-metrics.rules.yml"
  # The times of the rules are for an interval of 15 s; here everything is shorter.
  sed -i -E 's/for: [0-9]+[sm]$/for: 2s/' "$work"/prometheus/*.rules.yml
  cp snmp/nms/prometheus/keepalived.html "$work/consoles"
  sed -e 's/interval: 15s/interval: 2s/; s/r1\.example/192.0.2.1/; s/r2\.example/192.0.2.2/' snmp/nms/prometheus/prometheus.yml \
    >"$work/prometheus/prometheus.yml"
  # The official module beside ours, over the same agents.
  [ -n "${only_ours:-}" ] || sed -n '/job_name: keepalived-snmp/,/replacement/p' "$work/prometheus/prometheus.yml" |
    sed 's/job_name: .*/job_name: official/; s/\[keepalived_rs\]/[keepalived]/' >>"$work/prometheus/prometheus.yml"
  local router
  for router in r1 r2; do
    mkdir "$work/$router/textfile"
    # The command of the unit, every second.
    local unit=snmp/nms/prometheus/keepalived-metrics.service
    sed -n "s|@sbindir@/keepalived|$keepalived -i $router -p $work/$router/keepalived.pid|; s|^ExecStart=/bin/sh -c '\(.*\)'\$|\1|p" \
      "$unit" >"$work/$router/metrics.sh"
    [ -s "$work/$router/metrics.sh" ] || fail "the unit has no command"
    start "$router" "$router-metrics" env "DIRECTORY=$work/$router/textfile" sh -c \
      "while :; do sh $work/$router/metrics.sh; sleep 1; done"
    start_there "$router" "$router-node" "prometheus-node-exporter --collector.disable-defaults --collector.textfile \
      --collector.textfile.directory=/run/nms/$router/textfile --web.listen-address=:9100"
  done
  start_there nms exporter "prometheus-snmp-exporter --config.file=$kit/snmp.yml --config.file=/run/nms/generated/modules.yml \
    --web.listen-address=127.0.0.1:9116"
  # Both files have auths of their own; the official ones are left out.
  sed '/^auths:/,/^modules:/{ /^modules:/!d }' "$work/generated/official.yml" >"$work/generated/modules.yml"
  start_there nms prometheus "prometheus --config.file=/run/nms/prometheus/prometheus.yml \
    --storage.tsdb.path=/run/nms/prometheus/data --web.listen-address=127.0.0.1:9090 \
    --web.console.templates=/run/nms/consoles --web.console.libraries=/run/nms/consoles"
  eventually 60 "Prometheus scrapes both routers by both exporters" says 'count(up == 1) == count(up)' "$([ -n "${only_ours:-}" ] && echo 4 || echo 6)"
}

step_prometheus() {
  prometheus_lab
  local metrics
  # Every metric of our module that the lab has rows for: all but those of BFD, processes and groups of virtual servers.
  eventually 60 "r1 is master" says 'vrrpInstanceState{job="keepalived-snmp",instance="192.0.2.1",vrrpInstanceName="gateway"}' 2
  answer 'http://127.0.0.1:9116/snmp?module=keepalived_rs&auth=public_v2&target=192.0.2.1' >"$work/scrape"
  metrics=$(sed -n 's/^# TYPE \([a-z][A-Za-z0-9]*\) .*/\1/p' "$work/scrape" | sort)
  grep -oE '^    - name: .*' snmp/nms/prometheus/snmp.yml | sed 's/.*: //' | sort >"$work/expected"
  comm -13 <(echo "$metrics") "$work/expected" >"$work/absent"
  grep -vE '^(vrrpBfd|vrrpProcess|haVrrpTarget|haCheckTarget|haLastReload)|^(haProcessLastRestart|haInstanceYieldedUntil|virtualServerNameOfGroup|virtualServerFwMark|haRealServerFailure|haRealServerLastChange|haInstanceLastHeard)$' "$work/absent" \
    >"$work/unexpected" && { cat "$work/unexpected" >&2; fail "metrics are absent"; }
  # The official module finds all of its metrics that the lab has rows for.
  answer 'http://127.0.0.1:9116/snmp?module=keepalived&auth=public_v2&target=192.0.2.1' >"$work/scrape-official"
  say "  $(echo "$metrics" | wc -l) metrics by our module, $(grep -c '^# TYPE [a-z][A-Za-z0-9]* ' "$work/scrape-official") by the official one"

  say "  a failover"
  query 'haInstanceBecameMaster{job="keepalived-snmp",vrrpInstanceName="gateway"}' >"$work/before"
  script_fails r1
  stop_group "${server_group[8002]}"
  eventually 60 "r2 is master, as SNMP shows it" \
    says 'vrrpInstanceState{job="keepalived-snmp",instance="192.0.2.2",vrrpInstanceName="gateway"}' 2
  eventually 60 "r2 is master, as the metrics show it" says 'keepalived_vrrp_state{instance="192.0.2.2:9100",iname="gateway"}' 2
  eventually 60 "the failover is told" alert KeepalivedFailover 'instance="192.0.2.2",vrrpInstanceName="gateway"'
  eventually 60 "the script alerts by SNMP" alert KeepalivedScriptFails 'vrrpScriptName="well",instance="192.0.2.1"'
  eventually 60 "the script alerts by the metrics" alert KeepalivedScriptFails 'name="well",instance="192.0.2.1:9100"'
  eventually 60 "the real server alerts by SNMP" alert KeepalivedRealServerDown \
    'realServerAddress="192.0.2.100",realServerPort="8002",haRealServerService=~".*192.0.2.10.*80"'
  eventually 60 "the real server alerts by the metrics" alert KeepalivedRealServerDown 'real_server=~".*8002.*"'
  query 'haInstanceCauseText{job="keepalived-snmp"}'

  say "  no keepalived, no snmpd, no metrics"
  stop_group "${router_group[r1]}"
  eventually 60 "the absence alerts by SNMP" alert KeepalivedAbsent 'instance="192.0.2.1"'
  eventually 60 "the absence alerts by the metrics" alert KeepalivedDown 'instance="192.0.2.1:9100"'
  start_keepalived r1
  eventually 60 "the alert ends" says 'count(ALERTS{alertname="KeepalivedAbsent"}) or vector(0)' 0

  say "  a router that is cut off"
  ip -n "$lab-bridge" link set r1 nomaster
  script_succeeds r1
  eventually 60 "r1 does not answer" alert KeepalivedAgentAbsent 'instance="192.0.2.1"'
  ip -n "$lab-bridge" link set r1 master br0
  eventually 60 "r1 is master again" state_is r1 1 2

  say "  two masters: r2 does not hear r1"
  inside r2 nft 'table ip deaf { chain input { type filter hook input priority 0; ip protocol 112 drop; }; }'
  eventually 60 "two masters alert by SNMP" alert KeepalivedTwoMasters 'vrrpInstanceName="gateway"'
  eventually 60 "two masters alert by the metrics" alert KeepalivedTwoMasters 'iname="gateway",ip_address="192.0.2.10/24"'
  inside r2 nft 'delete table ip deaf'
  eventually 60 "r2 is backup again" state_is r2 1 1

  say "  a reload that is refused"
  cp "$work/r2/keepalived.conf" "$work/good.conf"
  echo 'vrrip_instance x {' >>"$work/r2/keepalived.conf"
  "$keepalived" -i r2 -p "$work/r2/keepalived.pid" --reload >"$work/reload.log" 2>&1 && fail "the reload is not refused"
  eventually 60 "the refusal alerts" alert KeepalivedReloadRefused 'instance="192.0.2.2:9100"'
  eventually 60 "the refusal alerts by SNMP" alert KeepalivedReloadRefused 'instance="192.0.2.2"'
  cp "$work/good.conf" "$work/r2/keepalived.conf"
  say "  a process that dies"
  kill -9 "$(cat "$work/r2/vrrp.pid")"
  eventually 60 "the restart alerts" alert KeepalivedProcessRestarted 'instance="192.0.2.2:9100",process="VRRP"'
  eventually 60 "the restart alerts by SNMP" alert KeepalivedProcessRestarted 'instance="192.0.2.2",haProcessName="VRRP"'
  start_server 8002

  say "  the console"
  eventually 60 "no alert is left" says 'count(ALERTS{alertname=~"KeepalivedTwoMasters|KeepalivedNoMaster"}) or vector(0)' 0
  answer http://127.0.0.1:9090/consoles/keepalived.html >"$work/console.html" || fail "the console is refused"
  for text in '<td>gateway</td><td>192.0.2.1</td>' '>master</span>' '2</b><span>routers answer' '192.0.2.100 port 8002'; do
    grep -F "$text" "$work/console.html" >/dev/null || { cat "$work/console.html" >&2; fail "the console does not show '$text'"; }
  done
}

# A picture of the console after a failover and back, as Chromium shows it: SCREENSHOT=FILE.png.
step_screenshot() {
  : "${SCREENSHOT:?}"
  only_ours=1
  prometheus_lab
  sleep 45
  script_fails r1
  stop_group "${server_group[8002]}"
  eventually 60 "r2 is master" says 'vrrpInstanceState{instance="192.0.2.2",vrrpInstanceName="gateway"}' 2
  eventually 60 "the real server is down" alert KeepalivedRealServerDown 'realServerPort="8002"'
  sleep 40
  script_succeeds r1
  eventually 60 "r1 is master" says 'vrrpInstanceState{instance="192.0.2.1",vrrpInstanceName="gateway"}' 2
  sleep 25
  there nms "chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir=\$(mktemp -d) --hide-scrollbars --window-size=1290,1010 \
    --virtual-time-budget=10000 --screenshot=/run/nms/console.png \
    'http://127.0.0.1:9090/consoles/keepalived.html?minutes=2'" >"$work/chromium.log" 2>&1 || fail "no picture"
  cp "$work/console.png" "$SCREENSHOT"
}

# Each query of the dashboard, as Grafana would send it, has an answer without an error; Grafana itself is not in Debian.
step_grafana() {
  prometheus_lab
  jq -r '[.panels[] | .targets // [] | .[].expr] + [.annotations.list[].expr // empty] | .[]' snmp/nms/grafana/keepalived.json \
    >"$work/queries"
  local expression
  while read -r expression <&3; do
    expression=${expression//'$cluster'/.*}
    expression=${expression//'$instance'/.*}
    case $expression in
      # Counts of what is not there have no rows.
      count\(* | changes\(*) query "$expression" >"$work/answer" || fail "Prometheus refuses: $expression" ;;
      *) eventually 60 "there are rows: $expression" has_rows "$expression" ;;
    esac
  done 3<"$work/queries"
  say "  $(wc -l <"$work/queries") queries"
}
has_rows() { query "$1" | grep .; }

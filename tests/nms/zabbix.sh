# The step of tests/nms.sh with Zabbix 7.0: its server, its frontend and PostgreSQL import the template and watch r1 and r2.

# api METHOD PARAMETERS: the result of a call of Zabbix' API, as JSON.
api() {
  jq -nc --arg method "$1" --argjson params "$2" '{jsonrpc: "2.0", id: 1, $method, $params}' >"$work/request"
  answer -H 'Content-Type: application/json-rpc' ${zabbix_token:+-H "Authorization: Bearer $zabbix_token"} \
    --max-time 120 --data-binary "@$work/request" http://127.0.0.1:8080/api_jsonrpc.php >"$work/reply" || return 1
  jq -e '.result' "$work/reply" || { cat "$work/reply" >&2; return 1; }
}

# value ROUTER KEY: the last value of an item.
value() {
  api item.get "$(jq -nc --arg host "$1" --arg key "$2" '{$host, filter: {key_: $key}, output: ["lastvalue", "error", "state"]}')" |
    jq -r '.[] | if .state == "1" then "not supported: " + .error else .lastvalue end'
}
value_is() { [ "$(value "$1" "$2")" = "$3" ]; }
value_like() { value "$1" "$2" | grep -E -- "$3"; }
# problem TEXT: whether there is a problem of that name.
problem() { api problem.get '{"output": ["name"]}' | jq -r '.[].name' | grep -F -- "$1"; }

zabbix_server() {
  mkdir -p "$work/zabbix" "$work/pg"
  chmod 777 "$work/zabbix" "$work/pg"
  cat >"$root/etc/zabbix/zabbix.conf.php" <<'CONF'
<?php
$DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '127.0.0.1', 'PORT' => '5432', 'DATABASE' => 'zabbix', 'USER' => 'zabbix', 'PASSWORD' => '',
  'SCHEMA' => '', 'ENCRYPTION' => false, 'KEY_FILE' => '', 'CERT_FILE' => '', 'CA_FILE' => '', 'VERIFY_HOST' => false,
  'CIPHER_LIST' => '', 'VAULT' => ''];
$ZBX_SERVER_NAME = 'lab';
$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
CONF
  cat >"$work/zabbix_server.conf" <<CONF
LogType=console
PidFile=/run/nms/zabbix/server.pid
SocketDir=/run/nms/zabbix
DBHost=127.0.0.1
DBName=zabbix
DBUser=zabbix
AllowRoot=1
CacheUpdateFrequency=1
StartPingers=0
StartVMwareCollectors=0
CONF
  quietly there nms '
    pg=$(echo /usr/lib/postgresql/*/bin)
    su postgres -s /bin/sh -c "$pg/initdb -D /run/nms/pg/data -A trust -U zabbix --no-sync"' || fail "initdb"
  start_there nms postgres "su postgres -s /bin/sh -c 'exec /usr/lib/postgresql/*/bin/postgres -D /run/nms/pg/data -k /run/nms/pg \
    -h 127.0.0.1 -p 5432 -c fsync=off -c synchronous_commit=off'"
  eventually 60 "PostgreSQL runs" there nms 'psql -h 127.0.0.1 -U zabbix -c "select 1" postgres'
  quietly there nms '
    createdb -h 127.0.0.1 -U zabbix zabbix
    for part in schema images data; do zcat /usr/share/zabbix-server-pgsql/$part.sql.gz; done | psql -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -U zabbix zabbix' \
    || fail "the database of Zabbix cannot be made"
  start_there nms zabbix "zabbix_server -f -c /run/nms/zabbix_server.conf"
  start_there nms frontend "php -d post_max_size=16M -d max_execution_time=300 -d date.timezone=UTC -S 127.0.0.1:8080 -t /usr/share/zabbix"
  zabbix_token=
  eventually 60 "the frontend answers" api apiinfo.version '[]'
  zabbix_token=$(api user.login '{"username": "Admin", "password": "zabbix"}' | jq -r .)
}

step_zabbix() {
  zabbix_server
  say "  import"
  local every='{"createMissing": true, "updateExisting": true}' rules
  rules=$(jq -nc --argjson every "$every" '{template_groups: $every, templates: $every, items: $every, discoveryRules: $every,
    triggers: $every, valueMaps: $every}')
  import() {
    api configuration.import "$(jq -nc --rawfile source snmp/nms/zabbix/keepalived.yaml --argjson rules "$rules" '{format: "yaml", $rules, $source}')"
  }
  import >/dev/null || fail "Zabbix refuses the template"
  import >/dev/null || fail "Zabbix refuses the template the second time"

  say "  discovery"
  local template group router
  template=$(api template.get '{"filter": {"host": "keepalived by SNMP"}, "output": ["templateid"]}' | jq -r '.[0].templateid')
  group=$(api hostgroup.create '{"name": "Routers"}' | jq -r '.groupids[0]')
  for router in r1 r2; do
    api host.create "$(jq -nc --arg host "$router" --arg ip "192.0.2.${router#r}" --arg template "$template" --arg group "$group" '{$host,
      groups: [{groupid: $group}], templates: [{templateid: $template}],
      macros: [{macro: "{$KEEPALIVED.INTERVAL}", value: "1s"}],
      interfaces: [{type: 2, main: 1, useip: 1, $ip, dns: "", port: "161", details: {version: 2, community: "public"}}]}')" \
      >/dev/null || fail "the host cannot be made"
  done
  local server='192.0.2.10 tcp 80,192.0.2.100'
  eventually 120 "the version" value_like r1 keepalived.version 'keepalived-rs'
  eventually 120 "instances" value_is r1 'keepalived.instance.state[gateway]' 2
  eventually 60 "instances of r2" value_is r2 'keepalived.instance.state[gateway]' 1
  eventually 60 "the cause" value_like r1 'keepalived.instance.cause[gateway]' 'no advert from a master|preempting'
  eventually 60 "priorities" value_is r1 'keepalived.instance.priority[gateway]' 150
  eventually 60 "groups" value_is r1 'keepalived.group.state[edge]' 2
  eventually 60 "trackers" value_is r1 'keepalived.tracker.status[script,well]' 2
  eventually 60 "virtual servers" value_is r1 'keepalived.virtual_server.up[192.0.2.10 tcp 80]' 2
  eventually 60 "the quorum" value_is r1 'keepalived.virtual_server.quorum[192.0.2.10 tcp 80]' 1
  eventually 60 "octets" value_is r1 'keepalived.virtual_server.in[192.0.2.10 tcp 80]' 0
  eventually 60 "real servers" value_is r1 "keepalived.real_server.status[$server 8001]" 1
  eventually 60 "weights" value_is r1 "keepalived.real_server.weight[$server 8001]" 2
  eventually 60 "notifications" value_like r1 keepalived.vrrp.notifications.sent '^[1-9]'
  eventually 60 "notifications of the checkers" value_is r1 keepalived.check.notifications.dropped 0
  eventually 60 "processes" value_like r1 'keepalived.process.restarts[VRRP]' '^0$'

  say "  a failover"
  script_fails r1
  stop_group "${server_group[8001]}"
  stop_group "${server_group[8002]}"
  eventually 60 "r2 is master" value_is r2 'keepalived.instance.state[gateway]' 2
  local text
  for text in 'gateway: is no longer master' 'gateway: has become master' 'script well: down' \
    '192.0.2.10 tcp 80: 192.0.2.100 8001: down' '192.0.2.10 tcp 80: all real servers are down' '192.0.2.10 tcp 80: quorum lost'; do
    eventually 60 "the problem '$text'" problem "$text"
  done
  script_succeeds r1
  start_server 8001
  start_server 8002
  eventually 60 "r1 is master" value_is r1 'keepalived.instance.state[gateway]' 2

  no_unsupported
  say "  $(api item.get '{"countOutput": true, "templated": false, "host": "r1"}' | jq -r .) items of a router"
  say "  a router without virtual servers"
  sed -i '/^virtual_server/,$d' "$work/r2/keepalived.conf"
  "$keepalived" -i r2 -p "$work/r2/keepalived.pid" --reload >"$work/reload.log" 2>&1 || fail "the reload is refused"
  eventually 60 "its items are disabled" gone r2 'keepalived.virtual_server.up[192.0.2.10 tcp 80]'
  eventually 60 "its items are disabled" gone r2 "keepalived.real_server.status[$server 8001]"
  no_unsupported
}
# gone ROUTER KEY: whether the item is disabled.
gone() { api item.get "$(jq -nc --arg host "$1" --arg key "$2" '{$host, filter: {key_: $key, status: 1}}')" | jq -e length==1; }

# No enabled item of the routers may be unsupported.
no_unsupported() {
  local host
  for host in r1 r2; do
    api item.get "$(jq -nc --arg host "$host" '{$host, filter: {state: 1, status: 0}, output: ["key_", "error"]}')" | jq -r '.[] | "\(.key_): \(.error)"'
    api discoveryrule.get "$(jq -nc --arg host "$host" '{$host, filter: {state: 1, status: 0}, output: ["key_", "error"]}')" | jq -r '.[] | "\(.key_): \(.error)"'
  done >"$work/unsupported"
  [ ! -s "$work/unsupported" ] || { cat "$work/unsupported"; fail "items are not supported"; }
}

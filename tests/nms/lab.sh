# The lab of tests/nms.sh: the routers r1 and r2 with snmpd and keepalived, and the host `nms` with two web servers.

plug() { # NETNS ADDRESS
  ip netns add "$lab-$1"
  ip -n "$lab-$1" link set lo up
  ip -n "$lab-bridge" link add "$1" type veth peer name eth0 netns "$lab-$1"
  ip -n "$lab-bridge" link set "$1" master br0 up
  ip -n "$lab-$1" address add "$2" dev eth0
  ip -n "$lab-$1" link set eth0 up
}

# The configuration of a router: every kind of row that the NMS show.
configuration() { # ROUTER PRIORITY
  cat <<CONF
global_defs {
    router_id $1
    enable_traps
    script_user root
}
vrrp_script well {
    script "/usr/bin/test ! -e $work/$1/ill"
    interval 1
    weight -80
}
track_file load {
    file $work/$1/load
    init_file 0
}
vrrp_sync_group edge {
    sync_group_tracking_weight
    group {
        gateway
    }
}
vrrp_instance gateway {
    interface eth0
    virtual_router_id 51
    priority $2
    advert_int 0.5
    version 3
    track_script {
        well
    }
    track_file {
        load weight 1
    }
    virtual_ipaddress {
        192.0.2.10/24
    }
}
vrrp_instance second {
    interface eth0
    virtual_router_id 52
    priority $((250 - $2))
    advert_int 1
    version 2
    virtual_ipaddress {
        192.0.2.11/24
    }
}
virtual_server 192.0.2.10 80 {
    protocol TCP
    lb_algo rr
    lb_kind NAT
    delay_loop 1
    real_server 192.0.2.100 8001 {
        weight 2
        TCP_CHECK {
            connect_timeout 1
            retry 0
        }
    }
    real_server 192.0.2.100 8002 {
        TCP_CHECK {
            connect_timeout 1
            retry 0
        }
    }
}
CONF
}

declare -A router_group server_group
agent_answers() { inside "$1" snmpget -v2c -c public -m '' -t 0.5 -r 0 127.0.0.1 .1.3.6.1.2.1.1.3.0; }
# The state of an instance by the index, as a number.
state_is() { [ "$(inside "$1" snmpget -v2c -c public -m '' -Oqv 127.0.0.1 ".1.3.6.1.4.1.9586.100.5.2.3.1.4.$2")" = "$3" ]; }

start_keepalived() { # ROUTER
  start "$1" "$1" "$keepalived" -n -l -D -G -i "$1" -f "$work/$1/keepalived.conf" -x -A "unix:$work/$1/agentx" \
    -p "$work/$1/keepalived.pid" -r "$work/$1/vrrp.pid" -c "$work/$1/checkers.pid" -b "$work/$1/bfd.pid"
  router_group[$1]=$started
}

start_server() { # PORT
  start_there nms "server-$1" "python3 -m http.server --bind 192.0.2.100 $1 --directory /var/empty"
  server_group[$1]=$started
}

# lab: starts it, once.
lab() {
  [ ! -e "$work/r1" ] || return 0
  mkdir -p "$root/var/empty"
  ip netns add "$lab-bridge"
  ip -n "$lab-bridge" link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
  ip -n "$lab-bridge" link set br0 up
  plug r1 192.0.2.1/24
  plug r2 192.0.2.2/24
  plug nms 192.0.2.100/24
  start_server 8001
  start_server 8002
  local router
  for router in r1 r2; do
    mkdir "$work/$router"
    chmod 755 "$work/$router"
    configuration "$router" "$([ "$router" = r1 ] && echo 150 || echo 100)" >"$work/$router/keepalived.conf"
    cat >"$work/$router/snmpd.conf" <<CONF
agentAddress udp:161
rocommunity public
master agentx
agentXSocket unix:/run/nms/$router/agentx
sysName $router
trap2sink 192.0.2.100:162 public
trap2sink 192.0.2.100:1620 public
CONF
    start_there "$router" "$router-snmpd" "env MIBS= SNMP_PERSISTENT_DIR=/run/nms/$router/persistent \
      snmpd -f -C -c /run/nms/$router/snmpd.conf -LE 4 -p /run/nms/$router/snmpd.pid"
    eventually 30 "snmpd of $router answers" agent_answers "$router"
    start_keepalived "$router"
  done
  eventually 30 "r1 is master of gateway" state_is r1 1 2
  eventually 30 "r2 is backup of gateway" state_is r2 1 1
  eventually 30 "r2 is master of second" state_is r2 2 2
}

# The failover: r1's script fails, and r1 loses the master's state by its priority.
script_fails() { touch "$work/$1/ill"; }
script_succeeds() { rm -f "$work/$1/ill"; }

# stop_group PID: ends a process group that `start` has started.
stop_group() {
  kill -TERM -- "-$1" 2>/dev/null || true
  local patience=100
  while kill -0 -- "-$1" 2>/dev/null && [ "$patience" -gt 0 ]; do
    patience=$((patience - 1))
    sleep 0.1
  done
  kill -9 -- "-$1" 2>/dev/null || true
}

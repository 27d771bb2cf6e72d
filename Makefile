# `build`, `install` and `deb` need cargo, a C compiler, pkg-config, OpenSSL and PCRE2. `demo`, `test` and `bench` install the
# tools of the labs on Debian 12 or similar, and need root.

PREFIX ?= /usr/local
DESTDIR ?=
# Directories below share/zsh where Debian's zsh looks for functions of packages and of local installations.
ZSH_FUNCTIONS ?= $(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
PROGRAM = $(or $(CARGO_TARGET_DIR),target)/release/keepalived

# Directories where net-snmp looks for MIB modules and client settings, independent of PREFIX.
SNMPDIR ?= /usr/share/snmp
SYSCONFDIR ?= /etc
# Directory of the system bus, independent of PREFIX.
DBUSDIR ?= /usr/share/dbus-1
DATADIR = $(PREFIX)/share
DOCDIR = $(DATADIR)/doc/keepalived-rs

# Requirements of the build and of the labs: programs as program:package, libraries as module:package.
BUILD_TOOLS = cc:gcc pkg-config:pkg-config
LIBRARIES = libssl:libssl-dev libpcre2-8:libpcre2-dev
LAB_TOOLS = ip:iproute2 ping:iputils-ping snmpd:snmpd snmptrapd:snmptrapd snmpwalk:snmp \
  smilint:smitools linux.uml:user-mode-linux ipvsadm:ipvsadm modprobe:kmod openssl:openssl nginx:nginx-light \
  dnsmasq:dnsmasq-base aiosmtpd:python3-aiosmtpd tshark:tshark /usr/lib/frr/bfdd:frr \
  zsh:zsh fish:fish nft:nftables strace:strace dbus-daemon:dbus-daemon dbus-monitor:dbus-bin gdbus:libglib2.0-bin
DEB_TOOLS = debootstrap:debootstrap lintian:lintian
NMS_TOOLS = debootstrap:debootstrap jq:jq curl:curl ip:iproute2 nft:nftables snmpget:snmp
GENERATOR_TOOLS = prometheus-snmp-generator:prometheus-snmp-exporter

.PHONY: all setup tools lab-tools deb-tools nms-tools generator-tools build demo test soak bench manual nms nms-test \
  install install-only uninstall deb deb-test

all: build

# Installs missing programs and libraries.
tools: TOOLS = $(BUILD_TOOLS)
lab-tools: TOOLS = $(BUILD_TOOLS) $(LAB_TOOLS)
deb-tools: TOOLS = $(BUILD_TOOLS) $(DEB_TOOLS)
nms-tools: TOOLS = $(BUILD_TOOLS) $(NMS_TOOLS)
generator-tools: TOOLS = $(GENERATOR_TOOLS)
tools lab-tools deb-tools nms-tools generator-tools:
	@missing=; for tool in $(TOOLS); do \
	  command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool#*:}"; \
	done; \
	for library in $(LIBRARIES); do \
	  pkg-config --exists $${library%%:*} 2>/dev/null || missing="$$missing $${library#*:}"; \
	done; \
	if [ -z "$$missing" ]; then :; \
	elif command -v apt-get >/dev/null; then \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$missing; \
	else \
	  echo "These are missing (names of Debian):$$missing" >&2; exit 1; \
	fi

# Also unpacks C keepalived, the peer of the labs, under .test.
setup: lab-tools
	@tests/peer/fetch.sh

build: tools
	cargo build --release

# Shows a failover on the terminal.
demo: setup build
	@tests/demo.sh $(PROGRAM)

test: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@tests/run.sh

# The long forms of the labs, the labs of SNMP with snmpd of Debian 13, the package, and the files for network management systems.
soak: setup
	@tests/peer/fetch-trixie.sh
	LAB_SOAK=1 cargo test --release --test labs_alone --test config_bounds -- --nocapture --test-threads 1
	LAB_SOAK=1 cargo test --release --test labs -- --nocapture --test-threads 1 upgrade:: trap_targets:: mibs_beside_c::
	LAB_SOAK=1 cargo test --release --test labs_uml -- --nocapture check_mib::
	LAB_SNMPD=trixie cargo test --release --test labs -- --test-threads 1 snmp:: snmp_contexts:: snmp_reload:: trap_targets::
	LAB_SNMPD=trixie cargo test --release --test labs_alone -- --test-threads 1 snmpd_hurts::
	$(MAKE) deb-test
	$(MAKE) nms-test

# Takeover time, crashes, jitter, storms of links and routes, checkers and the cost of SNMP, compared with C keepalived; BENCH_N (20) repetitions,
# BENCH_ONLY=takeover|crowd|routes|crash|upgrade|bfd|jitter|scripts|storm|walk|managers|rows|lvs one of them; lvs with LAB_UML_ROAMS=1 on all CPUs.
bench: setup
	cargo bench --bench measure

# Generates the manual page and the completions from the program.
manual:
	UPDATE=1 cargo test --test manual

# Makes snmp/nms/prometheus/snmp.yml from generator.yml there and mibs/, with the generator of Prometheus' snmp_exporter.
nms: generator-tools
	@snmp/nms/prometheus/generate.sh

# Tries snmp/nms/ with Prometheus, Zabbix, Icinga and others in a Debian of their own (.test/debian-nms, created by debootstrap).
nms-test: nms-tools build
	@tests/nms.sh $(PROGRAM)

install: build install-only

# target/debian/keepalived-rs_*.deb
deb: build
	@packaging/debian/build.sh

# Tests the package with lintian, and in separate Debians (.test/debian-*, created by debootstrap).
deb-test: deb-tools deb
	@tests/deb.sh "$$(ls -t target/debian/*.deb | head -n 1)"

# The files for network management systems; those that are programs are executable.
NMS_FILES = $(shell find snmp/nms -type f | sort)
NMS_PROGRAMS = $(shell find snmp/nms -type f -perm -u+x)

# All installed files, as mode:source:target.
FILES = \
  755:$(PROGRAM):$(PREFIX)/sbin/keepalived \
  755:$(dir $(PROGRAM))genhash:$(PREFIX)/bin/genhash \
  644:man/keepalived.8:$(DATADIR)/man/man8/keepalived.8 \
  644:man/keepalived.conf.5:$(DATADIR)/man/man5/keepalived.conf.5 \
  644:man/genhash.1:$(DATADIR)/man/man1/genhash.1 \
  $(foreach program,keepalived genhash,\
    644:completions/$(program).bash:$(DATADIR)/bash-completion/completions/$(program) \
    644:completions/_$(program):$(DATADIR)/zsh/$(ZSH_FUNCTIONS)/_$(program) \
    644:completions/$(program).fish:$(DATADIR)/fish/vendor_completions.d/$(program).fish) \
  644:conf/keepalived.service:$(PREFIX)/lib/systemd/system/keepalived.service \
  644:mibs/KEEPALIVED-MIB.txt:$(SNMPDIR)/mibs/KEEPALIVED-MIB.txt \
  644:mibs/KEEPALIVED-HA-MIB.txt:$(SNMPDIR)/mibs/KEEPALIVED-HA-MIB.txt \
  644:conf/snmp-client.conf:$(SNMPDIR)/snmp.conf \
  644:conf/snmpd-keepalived.conf:$(SYSCONFDIR)/snmp/snmpd.conf.d/keepalived.conf \
  644:conf/org.keepalived.Vrrp1.conf:$(DBUSDIR)/system.d/org.keepalived.Vrrp1.conf \
  644:README.md:$(DOCDIR)/README.md \
  $(foreach file,$(wildcard docs/*),644:$(file):$(DOCDIR)/$(file)) \
  $(foreach file,mibs/VRRP-MIB.txt mibs/VRRPV3-MIB.txt $(wildcard mibs/base/*.txt),644:$(file):$(DATADIR)/keepalived-rs/mibs/$(notdir $(file))) \
  $(foreach file,$(filter-out conf/snmp-client.conf conf/snmpd-keepalived.conf conf/org.keepalived.Vrrp1.conf,$(wildcard conf/*.conf conf/*.conf.*)),\
    644:$(file):$(DOCDIR)/conf/$(notdir $(file))) \
  $(foreach file,$(NMS_FILES),$(if $(filter $(file),$(NMS_PROGRAMS)),755,644):$(file):$(DOCDIR)/$(patsubst snmp/%,%,$(file)))

# Installs the programs as they are built.
install-only:
	@set -e; for file in $(FILES); do \
	  mode=$${file%%:*}; source=$${file#*:}; target=$(DESTDIR)$${source#*:}; source=$${source%%:*}; \
	  install -D -m $$mode "$$source" "$$target"; \
	  if [ $$mode = 644 ]; then sed -i 's|@sbindir@|$(PREFIX)/sbin|g; s|@datadir@|$(DATADIR)|g' "$$target"; fi; \
	  echo "$$target"; \
	done

# Removes the files of `make install` with the same PREFIX; the configuration stays.
uninstall:
	@for file in $(FILES); do target=$${file#*:}; echo "rm $(DESTDIR)$${target#*:}"; rm -f "$(DESTDIR)$${target#*:}"; done
	@for directory in $(DATADIR)/keepalived-rs/mibs $(DATADIR)/keepalived-rs $(DOCDIR)/conf $(DOCDIR)/docs \
	  $(patsubst snmp/%,$(DOCDIR)/%,$(shell find snmp/nms -depth -type d)) $(DOCDIR); do \
	  rmdir "$(DESTDIR)$$directory" 2>/dev/null || true; \
	done

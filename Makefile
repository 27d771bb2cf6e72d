# What a person does with this tree. Everything but `build` and `install` needs root and Debian 12 (or like).

PREFIX ?= /usr/local
DESTDIR ?=
PROGRAM = $(or $(CARGO_TARGET_DIR),target)/release/keepalived

# Programs and libraries the build, the labs and the demo need, as program:package.
TOOLS = cc:gcc pkg-config:pkg-config ip:iproute2 ping:iputils-ping snmpd:snmpd snmptrapd:snmptrapd snmpwalk:snmp \
  smilint:smitools linux.uml:user-mode-linux ipvsadm:ipvsadm modprobe:kmod openssl:openssl nginx:nginx-light \
  dnsmasq:dnsmasq-base aiosmtpd:python3-aiosmtpd tshark:tshark /usr/lib/frr/bfdd:frr
# Libraries to build with.
LIBRARIES = libssl-dev libpcre2-dev

.PHONY: all setup tools build demo test soak bench manual install install-only deb deb-test

all: build

# Programs that are missing are installed, those that are there are left alone.
tools:
	@missing=; for tool in $(TOOLS); do \
	  command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool#*:}"; \
	done; \
	for library in $(LIBRARIES); do \
	  dpkg-query -W -f '$${db:Status-Abbrev}' $$library 2>/dev/null | grep -q '^ii' || missing="$$missing $$library"; \
	done; \
	if [ -n "$$missing" ]; then \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$missing; \
	fi

# ... and C keepalived, the peer of the labs, is unpacked under .test.
setup: tools
	@tests/peer/fetch.sh

build: tools
	cargo build --release

# Failover you can watch.
demo: build
	@tests/demo.sh $(PROGRAM)

# Labs wait more than they work, so more of them run at once than there are processors; those that measure
# time keep the others away by themselves.
test: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUST_TEST_THREADS=6 cargo test --workspace

# The long forms of the labs, and the package.
soak: setup
	LAB_SOAK=1 cargo test --release --test lab_snmpd_hurts --test lab_hostile -- --nocapture --test-threads 1
	$(MAKE) deb-test

# Takeover time, crashes, jitter, storms of links, checkers and the cost of SNMP, beside C keepalived; BENCH_N (20) repetitions,
# BENCH_ONLY=takeover|crowd|crash|bfd|jitter|scripts|storm|walk|lvs one of them; lvs with LAB_UML_ROAMS=1 on all processors.
bench: setup
	cargo bench --bench measure

# The manual page and the completions that are made from the program.
manual:
	UPDATE=1 cargo test --test manual

install: build install-only

# target/debian/keepalived-rs_*.deb; wants cargo-deb (`cargo install cargo-deb`).
deb: build
	rm -rf target/deb
	$(MAKE) install-only DESTDIR=target/deb PREFIX=/usr
	strip target/deb/usr/sbin/keepalived target/deb/usr/bin/genhash
	cargo deb --no-build --no-strip --output target/debian/

# The package in a Debian of its own (.test/debian, made by debootstrap): install, start, walk, stop, purge.
deb-test:
	@command -v debootstrap >/dev/null || $(MAKE) tools TOOLS=debootstrap:debootstrap LIBRARIES=
	@command -v cargo-deb >/dev/null || cargo install cargo-deb --locked
	$(MAKE) deb
	@tests/deb.sh "$$(ls -t target/debian/*.deb | head -n 1)"

# ... of what is built already.
install-only:
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/sbin/keepalived
	install -D -m 755 $(dir $(PROGRAM))genhash $(DESTDIR)$(PREFIX)/bin/genhash
	install -D -m 644 man/keepalived.8 $(DESTDIR)$(PREFIX)/share/man/man8/keepalived.8
	install -D -m 644 man/keepalived.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/keepalived.conf.5
	install -D -m 644 man/genhash.1 $(DESTDIR)$(PREFIX)/share/man/man1/genhash.1
	install -D -m 644 completions/keepalived.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/keepalived
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@sbindir@|$(PREFIX)/sbin|' conf/keepalived.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/keepalived.service
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/keepalived.service
	install -D -m 644 mibs/KEEPALIVED-MIB.txt $(DESTDIR)$(PREFIX)/share/snmp/mibs/KEEPALIVED-MIB.txt
	install -d $(DESTDIR)$(PREFIX)/share/doc/keepalived/mibs-base $(DESTDIR)$(PREFIX)/share/doc/keepalived/conf
	install -m 644 mibs/base/*.txt $(DESTDIR)$(PREFIX)/share/doc/keepalived/mibs-base
	install -m 644 conf/*.conf conf/*.conf.* $(DESTDIR)$(PREFIX)/share/doc/keepalived/conf

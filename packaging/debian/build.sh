#!/usr/bin/env bash
# Creates target/debian/keepalived-rs_*.deb from the built programs. Run it in the top directory. It needs only dpkg and the
# tools of the build.
set -euo pipefail
here=$(dirname "$0")
root=target/deb
rm -rf "$root"
make --no-print-directory install-only DESTDIR="$root" PREFIX=/usr SYSCONFDIR=/etc >/dev/null
doc=$root/usr/share/doc/keepalived-rs

strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/sbin/keepalived" "$root/usr/bin/genhash"
gzip -9n "$root"/usr/share/man/*/*
install -d "$root/etc/keepalived"
install -D -m 644 conf/keepalived.default "$root/etc/default/keepalived"
install -m 644 "$here/copyright" "$doc/copyright"
install -D -m 644 "$here/lintian-overrides" "$root/usr/share/lintian/overrides/keepalived-rs"
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
gzip -9n >"$doc/changelog.Debian.gz" <<END
keepalived-rs ($version-1) unstable; urgency=medium

  * New upstream release; see changelog.gz.

 -- $(sed -n 's/^Maintainer: //p' "$here/control.in")  $(date -R -r CHANGELOG.md)
END
chmod 644 "$doc"/changelog*.gz

# The packages of the libraries, in the versions of the build host or later.
depends=$(ldd "$root/usr/sbin/keepalived" "$root/usr/bin/genhash" | sed -n 's/.* => \(\/[^ ]*\).*/\1/p' | sort -u |
  while read -r library; do
    package=$(dpkg-query -S "$library" 2>/dev/null || dpkg-query -S "/usr$library")
    dpkg-query -W -f '${Package} ${source:Upstream-Version}\n' "${package%%: *}"
  done | sort -u | while read -r package upstream; do
    # Point releases have the same interface.
    echo "$package (>= $(grep -oE '^[0-9]+\.[0-9]+' <<<"$upstream"))"
  done | paste -s -d, | sed 's/,/, /g')

install -d "$root/DEBIAN"
sed "s|@version@|$version|; s|@architecture@|$(dpkg --print-architecture)|; s|@depends@|$depends|; \
  s|@size@|$(du -sk --exclude=DEBIAN "$root" | cut -f 1)|" "$here/control.in" >"$root/DEBIAN/control"
install -m 644 "$here/conffiles" "$here/triggers" "$root/DEBIAN"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN"
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
mkdir -p target/debian
dpkg-deb --root-owner-group --build "$root" target/debian/

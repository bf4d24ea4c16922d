#!/bin/sh
# Installs the service: the program with its symbols apart, its unit for systemd, its account and its settings.
# With the argument `remove` takes away again what it installed, but for settings and data.
#
#   PREFIX       where to, /usr/local
#   SYSCONFDIR   where its settings are, /etc; those that are there stay as they are
#   DESTDIR      a directory in the place of /, for whoever makes a package
#   BUILT        a program that is built already

set -eu
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
sysconfdir=${SYSCONFDIR:-/etc}
destdir=${DESTDIR:-}
bindir=$prefix/bin
docdir=$prefix/share/doc/flashsale
units=$prefix/lib/systemd/system
accounts=$prefix/lib/sysusers.d

for dir in "$prefix" "$sysconfdir"; do
    case $dir in
    /*) ;;
    *)
        echo "error: $dir is to begin with a /: it is where the service finds it" >&2
        exit 2
        ;;
    esac
done

case ${1:-} in
'') ;;
remove)
    rm -f "$destdir$bindir/flashsale" "$destdir$bindir/.debug/flashsale.debug" "$destdir$units/flashsale.service" \
        "$destdir$accounts/flashsale.conf"
    rm -rf "$destdir$docdir"
    echo "removed from $destdir$prefix; $sysconfdir/flashsale and /var/lib/flashsale are kept" >&2
    exit
    ;;
*)
    echo "usage: $0 [remove]" >&2
    exit 2
    ;;
esac

built=${BUILT:-}
if [ -z "$built" ]; then
    crates/testing/dev-servers/deps.sh compiler
    cargo build --locked --release -p app --bin flashsale
    built=${CARGO_TARGET_DIR:-target}/release/flashsale
fi

# The program is replaced at once and never half: one that runs goes on as it is.
install -d "$destdir$bindir/.debug"
symbols=$destdir$bindir/.debug/flashsale.debug
objcopy --only-keep-debug "$built" "$symbols.new"
chmod 0644 "$symbols.new"
mv -f "$symbols.new" "$symbols"
objcopy --strip-unneeded --add-gnu-debuglink="$symbols" "$built" "$destdir$bindir/flashsale.new"
chmod 0755 "$destdir$bindir/flashsale.new"
mv -f "$destdir$bindir/flashsale.new" "$destdir$bindir/flashsale"

install -d "$destdir$units" "$destdir$accounts" "$destdir$docdir" "$destdir$sysconfdir/flashsale"
sed -e "s|@bindir@|$bindir|" -e "s|@sysconfdir@|$sysconfdir|" -e "s|@docdir@|$docdir|" \
    packaging/flashsale.service >"$destdir$units/flashsale.service"
chmod 0644 "$destdir$units/flashsale.service"
install -m 0644 packaging/sysusers.conf "$destdir$accounts/flashsale.conf"
install -m 0644 docs/*.md LICENSE CHANGELOG.md "$destdir$docdir"
settings=$destdir$sysconfdir/flashsale/env
[ -e "$settings" ] || install -m 0644 packaging/env "$settings"

[ -z "$destdir" ] || exit 0
cat >&2 <<END

Installed in $prefix. To make the account and start the service, now and with the machine:

    systemd-sysusers
    systemctl daemon-reload
    systemctl enable --now flashsale

Its settings are in $sysconfdir/flashsale/env.
END

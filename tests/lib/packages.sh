# packages.sh - the one place that names packages (Debian 12), and how to come by them without disturbing the machine.
# Sourced, after common.sh.
#
# Two ways. Compilers, libraries and python3 are installed with apt, saying so first. Mail and name servers are never installed: a
# package of theirs would push another MTA out, or start and enable a service. Where the machine has none, their packages are
# unpacked below build/unpacked and run from there.

packages_build=(autoconf automake gcc make libc6-dev pkg-config libconfuse-dev libidn2-dev libjansson-dev libldns-dev
    libmilter-dev libsqlite3-dev libssl-dev zlib1g-dev)
packages_demo=(python3)
packages_test=(clang libclang-rt-14-dev clang-format libcmocka-dev libspf2-dev m4 mandoc openssl python3
    python3-authres python3-dkim python3-nacl python3-spf libsasl2-modules libsasl2-modules-db)

# What to unpack, a program that tells whether the machine has it installed ("-" to unpack always), by name.
unpack_postfix=(/usr/lib/postfix/sbin/master postfix)
unpack_unbound=(/usr/sbin/unbound unbound)
unpack_opendkim=(/usr/sbin/opendkim opendkim)
unpack_sendmail=(- sendmail-bin sendmail-cf sendmail-base sasl2-bin)

package_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# What of these is not installed; a machine without dpkg is asked nothing: its configure says what it misses.
packages_missing() {
    local p
    command -v dpkg-query >/dev/null || return 0
    for p in "$@"; do package_installed "$p" || printf '%s ' "$p"; done
}

have_apt() { command -v apt-get >/dev/null && command -v dpkg >/dev/null; }

# Apt's lists are fetched when there are none; old ones do unless they fail.
apt_refresh() { quietly "$builds/apt.log" apt-get -q -o DPkg::Lock::Timeout=300 update; }
apt_lists() { compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || apt_refresh; }

apt_install() {
    quietly "$builds/apt.log" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 install "$@"
}

# need_packages PACKAGE...: installs what is missing, after saying so. False, after saying what is missing, where it cannot.
need_packages() {
    local missing
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    if ! have_apt || [ "$(id -u)" != 0 ] || [ -n "${MAILSEAL_NO_INSTALL:-}" ]; then
        warn "missing, and not to be installed from here (needs root and apt): $missing"
        return 1
    fi
    say "Installing with apt: $missing"
    mkdir -p "$builds"
    apt_lists || return 1
    # shellcheck disable=SC2086
    apt_install $missing || { apt_refresh && apt_install $missing; }
}

# The packages below and the libraries they need that the machine lacks. Only a simulation: nothing is installed or removed.
unpack_closure() {
    local name=$1
    shift
    printf '%s\n' "$@"
    LC_ALL=C apt-get -s --no-install-recommends install "$@" | awk '$1 == "Inst" && $2 ~ /^lib/ && $3 !~ /^\[/ { print $2 }'
}

# need_program NAME: the row unpack_NAME above. Afterwards the program is installed, or lies below build/unpacked/NAME.
need_program() {
    local -n row=unpack_$1
    local probe=${row[0]} into=$builds/unpacked/$1 deb
    [ -x "$probe" ] || [ -d "$into" ] && return 0
    if ! have_apt; then
        warn "missing: $1, and no apt to fetch it with"
        return 1
    fi
    say "Unpacking below ${into#"$top"/} (not installing): ${row[*]:1}"
    rm -rf "$into.new"
    mkdir -p "$into.new/debs"
    apt_lists || return 1
    mapfile -t debs < <(unpack_closure "$1" "${row[@]:1}" | sort -u)
    unpack_fetch "$into.new/debs" "${debs[@]}" || { apt_refresh && unpack_fetch "$into.new/debs" "${debs[@]}"; } || return 1
    for deb in "$into.new/debs"/*.deb; do dpkg-deb -x "$deb" "$into.new"; done
    rm -r "$into.new/debs"
    # A setgid program would ignore LD_LIBRARY_PATH, and needs a group that is not there.
    find "$into.new" -type f -perm /6000 -exec chmod u-s,g-s {} +
    mv "$into.new" "$into"
}

unpack_fetch() {
    local into=$1
    shift
    (cd "$into" && quietly "$builds/apt.log" apt-get -q -o APT::Sandbox::User=root download "$@")
}

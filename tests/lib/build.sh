# build.sh - builds outside the source directory, and only what is out of date. Sourced, after common.sh.

# build_configure NAME [CONFIGURE ARGUMENTS]: build/NAME, configured with these arguments.
build_configure() {
    local dir=$builds/$1 want
    shift
    mkdir -p "$dir"
    if [ ! -x "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ] ||
        [ "$top/Makefile.am" -nt "$top/Makefile.in" ]; then
        (cd "$top" && quietly "$dir/autoreconf.log" autoreconf -fi) || return 1
    fi
    want=$(printf '%s\n' "$@")
    if [ -f "$dir/Makefile" ] && [ "$dir/config.status" -nt "$top/configure" ] &&
        [ "$(cat "$dir/configured" 2>/dev/null)" = "$want" ]; then
        return 0
    fi
    (cd "$dir" && quietly "$dir/configure.log" "$top/configure" "$@") || return 1
    printf '%s\n' "$want" >"$dir/configured"
}

# build_make NAME [MAKE ARGUMENTS]: make in build/NAME, on every processor.
build_make() {
    local dir=$builds/$1
    shift
    quietly "$dir/make.log" make -C "$dir" -j"$(nproc)" --no-print-directory "$@"
}

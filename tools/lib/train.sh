# Sourced by the scripts. Makes a start-up cache (AOT cache): classes already parsed and linked.
#
# The JVM drops the cache, and the one of the JDK with it, when the options that shape modules or heap differ from those
# it was made with, or when a jar has changed; then it starts slower than without any. So both always use jvm.flags.

# Runs the program for its start-up: boots a guest of a few bytes where there is a KVM. How it ends does not matter.
training=(selftest)

# train CACHE JAVA OPTION...: the options are those that the program is started with.
train() {
    local cache=$1
    shift
    rm -f -- "$cache"
    timeout 120 "$1" -XX:AOTCacheOutput="$cache.new" "${@:2}" -m jcrosvm.app/jcrosvm.app.Main "${training[@]}" \
        >"$cache.log" 2>&1 </dev/null || true
    if [[ ! -s $cache.new ]]; then
        cat -- "$cache.log" >&2
        return 1
    fi
    rm -- "$cache.log"
    mv -- "$cache.new" "$cache"
}

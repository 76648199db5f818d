# Sourced by the scripts. Makes a start-up cache (AOT cache): classes already parsed and linked.
#
# The JVM drops the cache, and the one of the JDK with it, when the options that shape modules or heap differ from those
# it was made with, or when a jar has changed; then it starts slower than without any. So both always use jvm.flags.

# Runs the program for its start-up: boots a guest of a few bytes where there is a KVM. How it ends does not matter.
training=(selftest)

# Runs a program for two minutes at most, without options that are meant for other Java programs.
undisturbed() {
    env -u JAVA_TOOL_OPTIONS -u JDK_JAVA_OPTIONS -u _JAVA_OPTIONS timeout 120 "$@"
}

# train CACHE JAVA OPTION...: the options are those that the program is started with.
train() {
    local cache=$1
    shift
    rm -f -- "$cache"
    undisturbed "$1" -XX:AOTCacheOutput="$cache.new" "${@:2}" -m jcrosvm.app/jcrosvm.app.Main "${training[@]}" \
        >"$cache.log" 2>&1 </dev/null || true
    if [[ ! -s $cache.new ]]; then
        cat -- "$cache.log" >&2
        return 1
    fi
    rm -- "$cache.log"
    mv -- "$cache.new" "$cache"
}

# list_invokers JAVA OPTION...: prints what method handles the program makes, as lines of the file lib/classlist of a
# runtime. A cache that is trained with them holds their code; without, it is made anew in each start, in 10 to 20 ms.
list_invokers() {
    undisturbed "$1" -Djava.lang.invoke.MethodHandle.TRACE_RESOLVE=true "${@:2}" -m jcrosvm.app/jcrosvm.app.Main \
        "${training[@]}" 2>/dev/null </dev/null |
        sed -nE 's/^.*(\[(LF|SPECIES)_RESOLVE\] [^ ]+( [^ (]+)*).*$/@lambda-form-invoker \1/p' | LC_ALL=C sort -u
}

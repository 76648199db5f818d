# Sourced by the scripts, after jdk.sh; expects $root (the source tree) and $jdk.

# Sets the array $maven: the one on the PATH if it is new enough, else the wrapper (which fetches one).
find_maven() {
    local version
    maven=("$root/mvnw")
    if type -P mvn >/dev/null; then
        version=$(JAVA_HOME=$jdk mvn -v 2>/dev/null | sed -n 's/.*Apache Maven \([0-9]*\.[0-9]*\).*/\1/p')
        if [[ $version =~ ^([0-9]+)\.([0-9]+)$ ]] && ((BASH_REMATCH[1] > 3 || BASH_REMATCH[2] >= 8)); then
            maven=(mvn)
        fi
    fi
}

# Runs Maven on the source tree. The output goes to the file $1, the rest are Maven's arguments.
# Every version is fixed, so that Maven asks the network for what the local repository lacks and for nothing else: there
# is no need to forbid it the network, nor to guess from its words why it failed. -U: what could not be fetched the last
# time may be there now.
run_maven() {
    local log=$1
    shift
    (
        cd -- "$root"
        export JAVA_HOME=$jdk
        exec "${maven[@]}" -B -q -ntp -U -Dstyle.color=never "$@" >"$log" 2>&1 </dev/null
    )
}

# Shows a log of Maven's without colours and what is noise.
show_log() {
    sed -e $'s/\033\\[[0-9;]*m//g' "$1" |
        grep -vE '^(WARNING: |See (dump|/)|\[ERROR\] *(\[Help|To see the full|Re-run Maven|For more info|$)|$)' || true
}

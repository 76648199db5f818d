# Plain sh: sourced by ./jcrosvm, and part of the launcher that tools/package makes. Where the JVM would end its start with
# several lines or a stack trace, one line says what is wrong. Starts no process if all is well: a start is counted in
# milliseconds.

refuse() {
    echo "jcrosvm: error: $1" >&2
    exit 1
}

# at_least LIMIT LEAST MESSAGE
at_least() {
    [ "$1" = unlimited ] || [ "$1" -ge "$2" ] || refuse "$3"
}

# The JVM does not start there; and from another folder relative paths would mean something else.
# A folder that may not be looked into is fine, which takes the program to tell: shells do not always.
[ . -ef "${PWD:-}" ] || env pwd >/dev/null 2>&1 || refuse "the working directory does not exist any more: change to another one"

[ -r /proc/self/limits ] || refuse "/proc is not mounted: the JVM needs it"
while read -r _ name more soft hard _; do
    case $name-$more in
        address-space)
            # The JVM reserves 2 GiB, most of which it never uses.
            at_least "$soft" 3000000000 \
                "the limit on address space (ulimit -v) is $soft bytes: 3 GB and the guest's memory are needed"
            ;;
        open-files)
            # The JVM raises the soft limit itself.
            at_least "$hard" 64 "the limit on open files (ulimit -Hn) is $hard: 64 are needed"
            ;;
    esac
done </proc/self/limits

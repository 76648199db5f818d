# Sourced by the scripts. Finds a Java Development Kit without starting one.

jdk_needed=25

# Sets $jdk to the first folder among the usual ones that holds a new enough JDK.
find_jdk() {
    local candidate line major
    local on_path
    on_path=$(type -P javac || true)
    if [[ -n $on_path ]]; then
        on_path=$(readlink -f -- "$on_path")
        on_path=${on_path%/bin/javac}
    fi
    for candidate in "${JAVA_HOME:-}" "$on_path" \
        /usr/lib/jvm/* /usr/lib64/jvm/* /usr/java/* /opt/* /opt/*/* /usr/local/* /usr/local/lib/jvm/* \
        "${SDKMAN_DIR:-${HOME:-}/.sdkman}"/candidates/java/* "${HOME:-}"/.jdks/* \
        "${HOME:-}"/.asdf/installs/java/* "${HOME:-}"/.local/share/mise/installs/java/* \
        /Library/Java/JavaVirtualMachines/*/Contents/Home; do
        [[ -n $candidate && -r $candidate/release && -x $candidate/bin/java && -x $candidate/bin/javac ]] || continue
        while IFS= read -r line; do
            [[ $line == JAVA_VERSION=* ]] || continue
            major=${line#JAVA_VERSION=}
            major=${major//\"/}
            major=${major%%[!0-9]*}
            if [[ -n $major ]] && ((major >= jdk_needed)); then
                jdk=$candidate
                return 0
            fi
        done <"$candidate/release"
    done
    return 1
}

# As find_jdk, but ends the script with one line when there is none.
need_jdk() {
    if ! find_jdk; then
        echo "jcrosvm needs a JDK $jdk_needed or newer: install one (apt install openjdk-$jdk_needed-jdk-headless," \
            "or https://adoptium.net) and set JAVA_HOME if it is in an unusual place" >&2
        exit 1
    fi
}

# The JVM names files in the locale's encoding. One that the host does not have, which ssh may bring along, is the C locale
# to it, in which names outside ASCII cannot be opened.
utf8_locale() {
    export LC_ALL=C.UTF-8
}

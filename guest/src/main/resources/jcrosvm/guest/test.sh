# Functions for the scripts of test guests, on an initramfs or a disk.

# Prints a marker.
mark() {
    echo "@@ $*"
}

# Prints the clocks: seconds since 1970 and since the start.
clocks() {
    mark "CLOCKS $(date +%s) $(cut -d ' ' -f 1 /proc/uptime)"
}

# Ends the guest with a kernel panic.
panic() {
    mark PANIC
    echo c >/proc/sysrq-trigger
}

# Waits for ever; a power button ends the guest.
idle() {
    mark IDLE
    while :; do sleep 1000; done
}

# Executes lines from the console, until one says "end"; after each the marker RAN and its exit code.
serve() {
    stty -echo # before anything is typed: an echo would mix with the markers
    mark SERVING
    while IFS= read -r line && [ "$line" != end ]; do
        eval "$line"
        mark "RAN $?"
    done
}

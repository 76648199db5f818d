# Sourced wherever a guest may be ended: there is no service manager to ask, so the kernel is told directly, and this
# shell takes its own programs before those in PATH, but functions before both. A halted machine would only hang.
drain() {
    # What was printed must be out before the kernel's last words: setting a terminal waits for its output.
    stty sane </dev/console 2>/dev/null
    sync
}
poweroff() {
    drain
    busybox poweroff -f
}
halt() {
    poweroff
}
reboot() {
    drain
    busybox reboot -f
}

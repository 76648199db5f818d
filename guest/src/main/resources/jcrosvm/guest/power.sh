# Sourced wherever a guest may be ended: there is no service manager to ask, so the kernel is told directly, and this
# shell takes its own programs before those in PATH, but functions before both. A halted machine would only hang.
poweroff() {
    sync
    busybox poweroff -f
}
halt() {
    poweroff
}
reboot() {
    sync
    busybox reboot -f
}

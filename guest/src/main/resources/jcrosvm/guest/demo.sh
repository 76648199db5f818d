# What the demo runs where there is no terminal.
. /lib/power.sh
run() {
    echo "# $*"
    "$@"
    echo
}
run uname -a
run head -n 5 /proc/cpuinfo
run free -m
run ip -4 addr show dev eth0
run poweroff

#!/bin/busybox sh
. /lib/prepare.sh
parameter() {
    sed -n "s/^\(.* \)\{0,1\}jcrosvm\.$1=\([^ ]*\).*$/\2/p" /proc/cmdline
}
# An address from the machine's own network, where it has one.
if [ -e /sys/class/net/eth0 ]; then
    ip link set lo up
    ip link set eth0 up
    udhcpc -q -n -t 3 -i eth0 -s /lib/lease.sh >/dev/null 2>&1
fi
case $(parameter demo) in
    script)
        sh /lib/demo.sh
        ;;
    *)
        rows=$(parameter rows)
        columns=$(parameter columns)
        [ -z "$rows" ] || stty rows "$rows" columns "$columns"
        echo
        echo "Linux $(uname -r) in a virtual machine. Leave it with: poweroff"
        cd /root
        # A shell has job control only on a terminal that it owns.
        ENV=/etc/shellrc setsid cttyhack sh
        ;;
esac
poweroff

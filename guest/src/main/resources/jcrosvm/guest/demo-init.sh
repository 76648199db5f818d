#!/bin/busybox sh
. /lib/prepare.sh
parameter() {
    sed -n "s/^\(.* \)\{0,1\}jcrosvm\.$1=\([^ ]*\).*$/\2/p" /proc/cmdline
}
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

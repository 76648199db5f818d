#!/bin/busybox sh
# Init of test guests. Every marker is a line of its own that starts with "@@ ", which nothing else prints.
. /lib/prepare.sh
. /lib/test.sh
dmesg -n "${console_level:-4}"
if [ -n "$(ls /dev/input 2>/dev/null)" ]; then
    acpid -c /etc/acpi -a /etc/acpi/actions -M /etc/acpi/events -l /dev/null -p /run/acpid.pid
    # It goes into the background first and opens the buttons then: one that is pressed before would be lost.
    for try in $(seq 500); do
        [ -s /run/acpid.pid ] && break
        sleep 0.01
    done
fi
mark READY
sh -c '. /lib/power.sh; . /lib/test.sh; . /test/script'
mark "DONE $?"
poweroff

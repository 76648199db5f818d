#!/bin/busybox sh
# Init of test guests. Every marker is a line of its own that starts with "@@ ", which nothing else prints.
. /lib/prepare.sh
. /lib/test.sh
dmesg -n "${console_level:-4}"
if [ -n "$(ls /dev/input 2>/dev/null)" ]; then
    acpid -c /etc/acpi -a /etc/acpi/actions -M /etc/acpi/events -l /dev/null -p /run/acpid.pid
fi
mark READY
sh -c '. /lib/test.sh; . /test/script'
mark "DONE $?"
poweroff

#!/bin/sh
# Run by acpid. The console is not its terminal.
echo "@@ POWER-BUTTON" >/dev/console
. /lib/power.sh
poweroff

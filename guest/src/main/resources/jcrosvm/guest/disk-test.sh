#!/bin/sh
# Run by systemd, as the last of all services.
. /run/jcrosvm/test.sh
export HOME=/root LANG=C.UTF-8
cd /root
mark "UP $(systemctl is-system-running --wait)"
# Through a pipe, since on a terminal it prints more than text.
systemctl --failed --no-legend --plain | cat
mark READY
sh -c '. /run/jcrosvm/test.sh; . /run/jcrosvm/script'
mark "DONE $?"
systemctl poweroff

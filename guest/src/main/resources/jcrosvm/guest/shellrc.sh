# Of the interactive shell.
. /lib/power.sh
PS1='\u@\h:\w\$ '
alias ll='ls -l'

#!/bin/sh
# What udhcpc runs: takes the address that it was given.
case $1 in
    bound | renew)
        ip addr replace "$ip/${mask:-24}" dev "$interface"
        [ -z "$router" ] || ip route replace default via "${router%% *}"
        : >/etc/resolv.conf
        for server in $dns; do
            echo "nameserver $server" >>/etc/resolv.conf
        done
        ;;
esac

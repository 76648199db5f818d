#!/bin/busybox sh
# Init of guests whose root is on /dev/vda: hands over to the init there, or sets the packages there up.
. /lib/prepare.sh
fail() {
    echo "@@ FAILED $*"
    poweroff
}
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -b /dev/vda ] && break
    sleep 1
done
mkdir -p /root-disk
mount -t ext4 /dev/vda /root-disk || fail "there is no file system on /dev/vda"
case " $(cat /proc/cmdline) " in
    *" jcrosvm.disk=setup "*)
        for each in dev proc sys run tmp; do
            mount --bind "/$each" "/root-disk/$each" || fail "there is no /$each on the disk"
        done
        cp /lib/disk-setup.sh /run/disk-setup.sh
        chroot /root-disk /bin/sh /run/disk-setup.sh || fail "the packages cannot be set up"
        umount /root-disk/tmp /root-disk/run /root-disk/sys /root-disk/proc /root-disk/dev
        umount /root-disk || fail "the disk is still in use"
        echo "@@ SET-UP"
        poweroff
        ;;
esac
# Units that systemd is to find, and what they run.
[ ! -d /lib/run ] || cp -R /lib/run/. /run
umount /dev/pts /dev/shm 2>/dev/null
for each in dev proc sys run; do
    mount --move "/$each" "/root-disk/$each"
done
exec switch_root /root-disk /sbin/init

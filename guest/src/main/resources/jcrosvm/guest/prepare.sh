# Sourced by the init scripts of guests: mounts, programs, modules.
. /lib/power.sh
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /root /var/run
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
# Kernels that mount it by themselves do so only without an initramfs.
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
hostname jcrosvm
if [ -r /lib/modules/order ]; then
    while read -r module; do
        insmod "/lib/modules/$module.ko" || echo "cannot load the kernel module $module"
    done </lib/modules/order
fi

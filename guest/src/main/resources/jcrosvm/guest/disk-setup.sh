# Runs once under chroot in a new root disk, whose packages are unpacked: lets dpkg set them up.
set -e
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true DEBCONF_NOWARNINGS=yes
unset ENV TERM

# No service starts here.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

# Of the scripts that run before a package is unpacked, on a new system these alone have something to do.
for package in base-passwd base-files; do
    DPKG_MAINTSCRIPT_PACKAGE=$package DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_ARCH=$(dpkg --print-architecture) \
        "/var/lib/dpkg/info/$package.preinst" install
done
dpkg --force-unsafe-io --no-triggers --configure -a
dpkg --force-unsafe-io --triggers-only -a
[ -z "$(dpkg --audit)" ]

systemctl enable systemd-networkd.service serial-getty@ttyS0.service
systemctl disable systemd-networkd-wait-online.service
# Work in the background that costs more than it is worth on a disk that is thrown away.
systemctl disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer 2>/dev/null || true

for modules in /usr/lib/modules/*; do
    depmod "${modules##*/}"
done

rm -f /usr/sbin/policy-rc.d /var/log/dpkg.log /var/log/alternatives.log /var/lib/dpkg/status-old

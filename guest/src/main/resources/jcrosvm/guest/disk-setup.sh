# Runs once under chroot in a new root disk, whose packages are unpacked: lets dpkg set them up.
set -e
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true DEBCONF_NOWARNINGS=yes
unset ENV TERM

# No service starts here.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

# Of the scripts that run before a package is unpacked, on a new system these alone have something to do. Not every release
# has both.
for package in base-passwd base-files; do
    [ -e "/var/lib/dpkg/info/$package.preinst" ] || continue
    DPKG_MAINTSCRIPT_PACKAGE=$package DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_ARCH=$(dpkg --print-architecture) \
        "/var/lib/dpkg/info/$package.preinst" install
done
dpkg --force-unsafe-io --no-triggers --configure -a
dpkg --force-unsafe-io --triggers-only -a
[ -z "$(dpkg --audit)" ]

systemctl --quiet enable systemd-networkd.service
# There is no screen to log in at; and nobody waits for a disk's upkeep that is thrown away after use.
systemctl --quiet disable getty@tty1.service systemd-networkd-wait-online.service apt-daily.timer \
    apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer || true

for modules in /usr/lib/modules/*; do
    depmod "${modules##*/}"
done

# systemd would do at the first start what was done just now.
touch /etc/.updated /var/.updated

rm -f /usr/sbin/policy-rc.d /var/log/dpkg.log /var/log/alternatives.log /var/lib/dpkg/status-old

package jcrosvm.guest;

import java.util.List;
import java.util.stream.Stream;
import jcrosvm.guest.ext4.Ext4Image;

/**
 * What a {@link DebianDisk} is made of.
 *
 * @param name tells it from others in the cache
 * @param release code name, such as "trixie"
 * @param kernel that boots it, of any release
 * @param size bytes of the disk, a multiple of {@link Ext4Image#SIZE_UNIT}
 * @param packages in apt's words; what they depend on comes along
 * @param leftOut folders of the kernel's modules that have nothing for a virtual machine, each with a slash at its end
 */
public record DiskRecipe(
        String name, String release, DebianKernel kernel, long size, List<String> packages, List<String> leftOut) {
    private static final String SSH = "openssh-server";

    /** The least that systemd and a login need, from the console and by ssh. */
    private static final List<String> SYSTEM = List.of(
            "?essential", // one of apt's patterns
            "apt",
            "dbus",
            "debian-archive-keyring",
            "e2fsprogs",
            "iproute2",
            "iputils-ping",
            "kmod",
            "less",
            "login",
            "nano",
            "netbase",
            SSH,
            "passwd",
            "procps",
            "systemd-resolved",
            "systemd-sysv",
            "udev");

    /** The disk of {@code demo --disk}. */
    public static final DiskRecipe DEMO =
            new DiskRecipe("trixie", "trixie", DebianKernel.CLOUD_6_12, 32 * Ext4Image.SIZE_UNIT, SYSTEM, List.of());

    /** Debian 12 with its generic kernel, compilers and interpreters: what the tests work in. */
    public static final DiskRecipe WORK = new DiskRecipe(
            "work",
            "bookworm",
            DebianKernel.GENERIC_6_1,
            32 * Ext4Image.SIZE_UNIT,
            Stream.concat(
                            // Making a host's RSA key takes minutes of search on a processor made of software.
                            SYSTEM.stream().filter(name -> !name.equals(SSH)),
                            Stream.of(
                                    "gcc",
                                    "libc6-dev",
                                    "nodejs",
                                    "openjdk-17-jre-headless",
                                    "openssl",
                                    "python3",
                                    "stress-ng",
                                    "usr-is-merged", // needs no conversion
                                    "xz-utils"))
                    .toList(),
            // Setting the disk up includes reading all of its modules.
            List.of(
                    "kernel/drivers/gpu/",
                    "kernel/drivers/infiniband/",
                    "kernel/drivers/media/",
                    "kernel/drivers/net/ethernet/",
                    "kernel/drivers/net/wireless/",
                    "kernel/drivers/scsi/",
                    "kernel/drivers/staging/",
                    "kernel/drivers/usb/",
                    "kernel/sound/"));

    /** Whether a file of the kernel's directory of modules goes to the disk. */
    boolean hasModule(String path) {
        return leftOut.stream().noneMatch(path::startsWith);
    }
}

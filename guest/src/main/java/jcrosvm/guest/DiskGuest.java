package jcrosvm.guest;

/**
 * The initramfs and parameters of guests with a root disk at /dev/vda: as a machine for once that sets its packages up,
 * and as what the user boots.
 */
final class DiskGuest {
    static final DebianKernel KERNEL = DebianKernel.CLOUD_6_12;

    private static final String PARAMETERS = "console=ttyS0 quiet loglevel=3 panic=-1 root=/dev/vda rw";

    private final Guests guests;

    DiskGuest(Guests guests) {
        this.guests = guests;
    }

    /** Sets the packages on the disk up, says so on COM1 by a line "@@ SET-UP", and powers off. */
    GuestImage setup() {
        return image("jcrosvm.disk=setup");
    }

    /**
     * Boots what is on the disk.
     *
     * @param more kernel parameters
     */
    GuestImage boot(String more) {
        return image(more);
    }

    private GuestImage image(String mode) {
        GuestKernel kernel = guests.kernel(KERNEL);
        // virtio-net only because there would be a wait for udev to find it.
        Initramfs content = GuestScripts.base(guests.busybox())
                .init(GuestScripts.text("disk-init.sh"))
                .file("/lib/disk-setup.sh", 0644, GuestScripts.text("disk-setup.sh"))
                .modules(kernel.modules().loadOrder(java.util.List.of("virtio_blk", "virtio_net")));
        return new GuestImage(
                kernel.image(),
                content.writeIfChanged(guests.directory().resolve("disk.cpio")),
                PARAMETERS + " " + mode);
    }
}

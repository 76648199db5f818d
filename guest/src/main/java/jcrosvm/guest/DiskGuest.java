package jcrosvm.guest;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The initramfs and parameters of guests with a root disk at /dev/vda: as a machine for once that sets its packages up,
 * and as what the user boots.
 */
final class DiskGuest {
    private static final String PARAMETERS = "console=ttyS0 quiet loglevel=3 panic=-1 root=/dev/vda rw";
    // virtio-net only because there would be a wait for udev to find it; crc32c_generic is one that ext4 asks for by
    // another name.
    private static final List<String> MODULES =
            List.of("virtio_pci", "virtio_blk", "virtio_net", "crc32c_generic", "ext4");

    /** What is below /lib/run, disk-init.sh copies to /run. */
    private static final String RUN = "/lib/run/jcrosvm";

    private final Guests guests;
    private final DebianKernel kernel;

    DiskGuest(Guests guests, DebianKernel kernel) {
        this.guests = guests;
        this.kernel = kernel;
    }

    /**
     * Sets the packages on the disk up, says so on COM1 by a line "@@ SET-UP", and powers off.
     *
     * @param target where the initramfs goes
     */
    GuestImage setup(Path target) {
        initramfs().write(target);
        return image(target, "jcrosvm.disk=setup");
    }

    /**
     * Boots what is on the disk.
     *
     * @param more kernel parameters
     */
    GuestImage boot(String more) {
        Path file = guests.directory().resolve("disk-" + kernel.directory() + ".cpio");
        return image(initramfs().writeIfChanged(file), more);
    }

    /**
     * Boots what is on the disk and lets systemd run a script, whose unit lies in the memory of /run.
     *
     * @param files for the script, by their names
     * @param target where the initramfs goes
     */
    GuestImage running(String script, Map<String, byte[]> files, Path target) {
        Initramfs content = initramfs();
        files.forEach((name, bytes) -> content.file(RUN + "/" + name, 0644, bytes));
        content.file(RUN + "/test.sh", 0644, GuestScripts.text("test.sh"))
                .file(RUN + "/script", 0644, script + "\n")
                .file(RUN + "/main", 0755, GuestScripts.text("disk-test.sh"))
                .file("/lib/run/systemd/system/jcrosvm-test.service", 0644, GuestScripts.text("disk-test.service"))
                .symlink(
                        "/lib/run/systemd/system/multi-user.target.wants/jcrosvm-test.service",
                        "../jcrosvm-test.service")
                .write(target);
        // The script has the console.
        return image(target, "systemd.show_status=false systemd.mask=serial-getty@ttyS0.service");
    }

    private Initramfs initramfs() {
        KernelModules available = guests.kernel(kernel).modules();
        return GuestScripts.base(guests.busybox())
                .init(GuestScripts.text("disk-init.sh"))
                .file("/lib/disk-setup.sh", 0644, GuestScripts.text("disk-setup.sh"))
                .modules(available.loadOrder(
                        MODULES.stream().filter(available::has).toList()));
    }

    private GuestImage image(Path initramfs, String more) {
        return new GuestImage(guests.kernel(kernel).image(), initramfs, PARAMETERS + " " + more);
    }
}

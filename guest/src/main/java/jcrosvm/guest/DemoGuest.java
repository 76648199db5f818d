package jcrosvm.guest;

import java.nio.file.Path;
import java.util.List;

/** The guest of {@code jcrosvm demo}: a Debian cloud kernel and busybox, on COM1. */
public final class DemoGuest {
    private static final DebianKernel KERNEL = DebianKernel.CLOUD_6_12;
    private static final String PARAMETERS = "console=ttyS0 quiet loglevel=1 panic=-1";

    private static final List<String> NETWORK = List.of("virtio_pci", "virtio_net", "af_packet");

    private final Guests guests;

    public DemoGuest(Guests guests) {
        this.guests = guests;
    }

    /** A guest that prints what it is (kernel, processor, memory) and powers off. */
    public GuestImage script() {
        return image("jcrosvm.demo=script");
    }

    /**
     * A guest with a shell on its console; it powers off when the shell ends.
     *
     * @param terminal what the user's terminal is, as in {@code TERM}; empty if it is not known
     * @param rows of the terminal; 0 if they are not known
     * @param columns of the terminal; 0 if they are not known
     */
    public GuestImage shell(String terminal, int rows, int columns) {
        // A parameter without a dot that the kernel does not know becomes a variable of init's environment.
        String type = terminal.matches("[A-Za-z0-9][A-Za-z0-9+._-]*") ? terminal : "vt102";
        String size = rows > 0 && columns > 0 ? " jcrosvm.rows=" + rows + " jcrosvm.columns=" + columns : "";
        return image("TERM=" + type + " jcrosvm.demo=shell" + size);
    }

    private GuestImage image(String mode) {
        GuestKernel kernel = guests.kernel(KERNEL);
        Initramfs content = GuestScripts.base(guests.busybox())
                .init(GuestScripts.text("demo-init.sh"))
                .file("/lib/demo.sh", 0644, GuestScripts.text("demo.sh"))
                .file("/lib/lease.sh", 0755, GuestScripts.text("lease.sh"))
                .file("/etc/shellrc", 0644, GuestScripts.text("shellrc.sh"))
                .file("/etc/passwd", 0644, "root::0:0:root:/root:/bin/sh\n")
                .directory("/root", 0700)
                .modules(kernel.modules().loadOrder(NETWORK));
        Path file = content.writeIfChanged(guests.directory().resolve("demo.cpio"));
        return new GuestImage(kernel.image(), file, PARAMETERS + " " + mode);
    }
}

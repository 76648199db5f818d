package jcrosvm.guest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The scripts that run in guests; they lie beside the classes. */
final class GuestScripts {
    private GuestScripts() {}

    /** What every guest starts from: busybox, the way to switch off, and /lib/prepare.sh. */
    static Initramfs base(Path busybox) {
        return new Initramfs()
                .file("/bin/busybox", 0755, busybox)
                .file("/lib/prepare.sh", 0644, text("prepare.sh"))
                .file("/lib/power.sh", 0644, text("power.sh"))
                // Linux makes this one only where it was built with no initramfs of its own.
                .characterDevice("/dev/console", 0600, 5, 1);
    }

    static String text(String name) {
        try (InputStream in = GuestScripts.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("this build lacks the script " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalStateException("cannot read the script " + name, e);
        }
    }
}

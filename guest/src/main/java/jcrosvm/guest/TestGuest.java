package jcrosvm.guest;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest for a test: it runs a shell script on COM1 and powers off.
 *
 * <p>Markers on the console tell how far it is, each a line that starts with {@code "@@ "}: READY before the script,
 * DONE and its exit code after it. The script may use {@code mark WORD...}, {@code clocks} (prints CLOCKS, seconds since
 * 1970, seconds since the start), {@code panic}, {@code idle} (prints IDLE and waits for ever) and {@code serve} (prints
 * SERVING, then executes lines from the console, each answered by RAN and its exit code, until the line "end").
 * {@code poweroff} and {@code reboot} work at once. The buttons are listened to: the power button prints POWER-BUTTON
 * and powers off, the sleep button prints SLEEP-BUTTON.
 */
public final class TestGuest {
    /** What the kernel is told: console on COM1, and an immediate reset after a panic. */
    public static final String PARAMETERS = "console=ttyS0 quiet panic=-1";

    private static final List<String> BUTTONS = List.of("button", "evdev");
    private static final List<String> PANIC = List.of("pvpanic_mmio", "pvpanic_pci");

    private final Guests guests;
    private final DebianKernel kernel;
    private final String script;
    private final List<String> modules = new ArrayList<>(BUTTONS);
    private final Initramfs initramfs;

    /**
     * A guest that runs a script.
     *
     * @param script for busybox sh
     */
    public TestGuest(Guests guests, DebianKernel kernel, String script) {
        this.guests = guests;
        this.kernel = kernel;
        this.script = script;
        this.initramfs = GuestScripts.base(guests.busybox());
    }

    /** Loads modules before the script; those that the kernel has built in are fine too. */
    public TestGuest modules(String... names) {
        modules.addAll(List.of(names));
        return this;
    }

    /** Adds a file to the guest. */
    public TestGuest file(String path, int permissions, byte[] content) {
        initramfs.file(path, permissions, content);
        return this;
    }

    /** Adds a tree of programs, as {@link Guests#programs} makes them. */
    public TestGuest tree(String path, Path root) {
        initramfs.tree(path, root);
        return this;
    }

    /**
     * Writes the initramfs.
     *
     * @param file where to
     */
    public GuestImage write(Path file) {
        GuestKernel image = guests.kernel(kernel);
        KernelModules available = image.modules();
        List<String> wanted = new ArrayList<>(modules);
        PANIC.stream().filter(available::has).forEach(wanted::add);
        initramfs
                .init(GuestScripts.text("test-init.sh"))
                .file("/lib/test.sh", 0644, GuestScripts.text("test.sh"))
                .file("/test/script", 0644, script + "\n")
                .file("/etc/acpi/actions", 0644, GuestScripts.text("acpi-actions.conf"))
                .file("/etc/acpi/events", 0644, GuestScripts.text("acpi-events.map"))
                .file("/etc/acpi/power-button", 0755, GuestScripts.text("power-button.sh"))
                .file("/etc/acpi/sleep-button", 0755, GuestScripts.text("sleep-button.sh"))
                .modules(available.loadOrder(wanted))
                .write(file);
        return new GuestImage(image.image(), file, PARAMETERS);
    }
}

package jcrosvm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import jcrosvm.guest.DebianDisk;
import jcrosvm.guest.DiskCopy;
import jcrosvm.guest.DiskRecipe;
import jcrosvm.guest.DiskSession;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.guest.LauncherMachine;

/**
 * Writes a Debian that says when it is up and switches itself off into a folder: {@code DebianGuest DIR LAUNCHER}. The
 * files are kernel, initrd, parameters and disk.raw.
 */
final class DebianGuest {
    private static final String SCRIPT = "serve";

    private DebianGuest() {}

    public static void main(String[] args) throws IOException {
        Path folder = Files.createDirectories(Path.of(args[0]));
        Guests guests = Guests.ofUser(System.err::println);
        LauncherMachine machine = new LauncherMachine(Path.of(args[1]));
        DebianDisk disk = new DebianDisk(guests, DiskRecipe.WORK, machine, System.err::println);
        try (DiskSession session = disk.open((base, _) -> DiskCopy.RAW.make(base, folder))) {
            GuestImage image = session.running(SCRIPT, Map.of());
            Files.copy(image.kernel(), folder.resolve("kernel"), StandardCopyOption.REPLACE_EXISTING);
            Files.copy(image.initramfs(), folder.resolve("initrd"), StandardCopyOption.REPLACE_EXISTING);
            Files.writeString(folder.resolve("parameters"), image.parameters() + "\n");
        }
    }
}

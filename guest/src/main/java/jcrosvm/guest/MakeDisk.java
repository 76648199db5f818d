package jcrosvm.guest;

import java.nio.file.Path;
import jcrosvm.base.VmmException;

/**
 * Program that makes the disk of {@link DiskRecipe#WORK} unless it is in the cache, in a machine of a launcher's:
 * {@code java jcrosvm.guest.MakeDisk LAUNCHER}.
 */
public final class MakeDisk {
    private MakeDisk() {}

    public static void main(String[] args) {
        try {
            if (args.length != 1) {
                throw new VmmException("usage: MakeDisk LAUNCHER");
            }
            Guests guests = Guests.ofUser(System.err::println);
            DebianDisk disk =
                    new DebianDisk(guests, DiskRecipe.WORK, new LauncherMachine(Path.of(args[0])), System.err::println);
            System.out.println("disk " + disk.base());
        } catch (VmmException e) {
            System.err.println("guests: " + e.getMessage());
            System.exit(1);
        }
    }
}

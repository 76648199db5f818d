package jcrosvm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.guest.TinyGuest;

/** Writes the guests of the benchmarks into a folder: {@code GuestImages DIR EXITS}. */
final class GuestImages {
    /** Between the RAM of a small guest and the devices below 4 GiB, in every machine of the comparison. */
    private static final int HOLE = 0xc000_0000;

    private GuestImages() {}

    public static void main(String[] args) throws IOException {
        Path folder = Files.createDirectories(Path.of(args[0]));
        int exits = Integer.parseInt(args[1]);
        Files.write(folder.resolve("first-byte.elf"), TinyGuest.firstByte());
        Files.write(folder.resolve("first-byte.rom"), TinyGuest.firstByteRom());
        Files.write(folder.resolve("halted.elf"), TinyGuest.halted());
        Files.write(folder.resolve("port-writes.elf"), TinyGuest.portWrites(exits));
        Files.write(folder.resolve("memory-writes.elf"), TinyGuest.memoryWrites(exits, HOLE));
    }
}

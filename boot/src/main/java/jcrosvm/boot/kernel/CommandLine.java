package jcrosvm.boot.kernel;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;

/** The kernel command line. */
public final class CommandLine {
    /** Longest command line in bytes, without its terminating zero. */
    public static final int MAX = MemoryLayout.COMMAND_LINE_SIZE - 1;

    private CommandLine() {}

    /**
     * Linux's: what the machine needs precedes what the user says, because the last one wins.
     *
     * @param machine such as {@code console=ttyS0}
     */
    public static String linux(List<String> machine, List<String> user) {
        List<String> all = new ArrayList<>();
        // A panicked guest reboots at once, which the machine reports; waiting would look like a hang.
        all.add("panic=-1");
        all.addAll(machine);
        all.addAll(user);
        return String.join(" ", all);
    }

    /**
     * Puts it at {@link MemoryLayout#COMMAND_LINE}.
     *
     * @param limit the kernel's own, in bytes; 0 for none
     * @throws VmmException if it is too long
     */
    public static void write(GuestMemory memory, String line, long limit) {
        byte[] text = line.getBytes(StandardCharsets.UTF_8);
        long max = limit > 0 ? Math.min(MAX, limit) : MAX;
        if (text.length > max) {
            throw new VmmException("kernel command line: %d bytes, at most %d are possible; shorten --params"
                    .formatted(text.length, max));
        }
        if (line.indexOf('\0') >= 0) {
            throw new VmmException("kernel command line: a zero byte cannot be part of it");
        }
        memory.fill(MemoryLayout.COMMAND_LINE, MemoryLayout.COMMAND_LINE_SIZE, (byte) 0);
        memory.write(MemoryLayout.COMMAND_LINE, text);
    }
}

package jcrosvm.hypervisor.soft.oracle;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;

/**
 * The processor that runs the test, and where it is no oracle: ours follows AMD's, and has linear addresses of 48 bits.
 * docs/conformance.md lists the cases.
 */
public final class HostProcessor {
    private static final int OUR_LINEAR_BITS = 48;

    private static final List<String> CPUINFO = cpuinfo();
    private static final boolean INTEL = value("vendor_id").equals("GenuineIntel");
    /** CPUID's features by Linux's names. */
    private static final Set<String> FEATURES = Set.of(value("flags").split(" "));

    private HostProcessor() {}

    private static List<String> cpuinfo() {
        try {
            return Files.readAllLines(Path.of("/proc/cpuinfo"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the first processor's line of this name says. */
    private static String value(String name) {
        return CPUINFO.stream()
                .filter(line -> line.startsWith(name))
                .findFirst()
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .orElseThrow(() -> new IllegalStateException("/proc/cpuinfo has no " + name));
    }

    static boolean has(String feature) {
        return FEATURES.contains(feature);
    }

    /**
     * Whether Linux hears of a locked access to two cache lines. It then may make the thread wait, and so may a
     * hypervisor below it: 10 to 100 ms for each.
     */
    public static boolean seesSplitLocks() {
        return has("split_lock_detect") || has("bus_lock_detect");
    }

    /** Whether the host's undefined flags and results are others than the interpreter's, which are AMD's. */
    public static boolean hasOtherUndefined() {
        return INTEL;
    }

    /** Whether this host executes the instruction otherwise than AMD's processors do. */
    public static boolean differs(Insn insn) {
        // F3 with REX.B and 90 is XCHG on AMD's processors and PAUSE on Intel's.
        return INTEL && insn.op == Op.XCHG && (insn.opcode & 0xff) == 0x90 && insn.has(Insn.PREFIX_REP);
    }

    /** Whether DR6 has a bit 16 (RTM) that KVM may show as zero; ours has no transactions, so it reads as one. */
    static boolean hasOtherDr6() {
        return has("rtm");
    }

    /**
     * Whether this host takes a base of a descriptor table for canonical which is not with 48 bits. A processor with
     * LA57 compares 57 of them, whatever CR4.LA57 says.
     */
    static boolean takesBase(long base) {
        return signExtended(base, linearBits()) && !signExtended(base, OUR_LINEAR_BITS);
    }

    /** Of the processor, not of the page tables in use, which "la57" among the features would tell. */
    private static int linearBits() {
        String virtual = value("address sizes").split(",")[1].strip();
        return Integer.parseInt(virtual.substring(0, virtual.indexOf(' ')));
    }

    private static boolean signExtended(long address, int bits) {
        int unused = Long.SIZE - bits;
        return address << unused >> unused == address;
    }
}

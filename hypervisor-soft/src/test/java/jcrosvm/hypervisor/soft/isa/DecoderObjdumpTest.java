package jcrosvm.hypervisor.soft.isa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Lengths and names against binutils. */
@EnabledOnOs(OS.LINUX)
final class DecoderObjdumpTest {
    private static final byte[] PREFIXES = HexFormat.of().parseHex("6667f2f3f02e363e266465");
    private static final int SLOT = 32;

    /** Names of conditions that binutils prefers. */
    private static final Map<String, String> CONDITIONS = Map.of(
            "a", "nbe", "ae", "nb", "e", "z", "ne", "nz", "g", "nle", "ge", "nl", "pe", "p", "po", "np", "c", "b");

    private static final Map<String, String> ALIASES = Map.ofEntries(
            Map.entry("cdq", "cwd"),
            Map.entry("cqo", "cwd"),
            Map.entry("cwde", "cbw"),
            Map.entry("cdqe", "cbw"),
            Map.entry("fwait", "wait"),
            Map.entry("movabs", "mov"),
            Map.entry("movq", "movd"),
            Map.entry("pinsrq", "pinsrd"),
            Map.entry("pextrq", "pextrd"),
            Map.entry("jecxz", "jcxz"),
            Map.entry("jrcxz", "jcxz"),
            Map.entry("popaw", "popa"),
            Map.entry("pushaw", "pusha"),
            Map.entry("sal", "shl"),
            Map.entry("xlatb", "xlat"),
            Map.entry("prefetch", "prefetchw"),
            Map.entry("prefetchwt1", "prefetchw"));

    // What this processor lacks is a reserved NOP (MPX, CLDEMOTE, shadow stacks), or the prefix has no meaning.
    private static final Set<String> NOPS = Set.of("rdsspd", "rdsspq", "cldemote", "prefetchit0", "prefetchit1");
    private static final Pattern COMPARE = Pattern.compile("cmp(eq|lt|le|unord|neq|nlt|nle|ord)(ps|pd|ss|sd)");
    private static final Pattern SUFFIX = Pattern.compile("(w|d|q|64|\\(8087|\\(287)?");

    /** Encodings that exist for us and not for binutils: see {@link #extra}. */
    private static final Set<String> UNDOCUMENTED =
            Set.of("salc", "fcom2", "fcomp3", "fcomp5", "fstp1", "fstp8", "fstp9", "fxch4", "fxch7");

    private static final Set<String> NAMES = new HashSet<>();

    static {
        Decoder.forms().forEach(form -> NAMES.add(form.mnemonic()));
    }

    private final Map<String, String> differences = new TreeMap<>();
    private int compared;

    @Test
    void programsOfTheHost() throws IOException {
        Objdump.assumeInstalled();
        List<Path> files = List.of(Path.of("/lib/x86_64-linux-gnu/libc.so.6"), Path.of("/usr/bin/bash"));
        Insn insn = new Insn();
        for (Path file : files) {
            if (Files.exists(file)) {
                Objdump.file(file, line -> {
                    byte[] code = Arrays.copyOf(line.bytes(), Decoder.MAX_LENGTH);
                    compare(line, code, Decoder.decode(code, 0, code.length, 8, insn), insn);
                });
            }
        }
        assumeTrue(compared > 0, "needs one of " + files);
        System.out.println("Decoder: " + compared + " instructions of programs");
        assertThat(differences).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4, 8})
    void randomBytes(int codeSize) throws IOException {
        Objdump.assumeInstalled();
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("Decoder: random bytes, code size " + codeSize + ", tests.seed=" + seed);
        Random random = new Random(seed);
        int count = 15_000;
        byte[] code = new byte[SLOT * count];
        Arrays.fill(code, (byte) 0x90); // lets objdump find the next slot again
        for (int i = 0; i < count; i++) {
            fill(random, code, SLOT * i, codeSize);
        }
        Map<Long, Objdump.Line> lines = new HashMap<>();
        Objdump.raw(code, codeSize).forEach(line -> lines.put(line.address(), line));
        Insn insn = new Insn();
        for (int i = 0; i < count; i++) {
            Objdump.Line line = lines.get((long) SLOT * i);
            assertThat(line).as("objdump's line at %x", SLOT * i).isNotNull();
            int from = SLOT * i;
            compare(line, code, Decoder.decode(code, from, from + Decoder.MAX_LENGTH, codeSize, insn), insn);
        }
        assertThat(differences).isEmpty();
    }

    /** Prefixes and maps more often than chance would have them. */
    private static void fill(Random random, byte[] code, int from, int codeSize) {
        byte[] bytes = new byte[Decoder.MAX_LENGTH];
        random.nextBytes(bytes);
        int at = 0;
        for (int i = random.nextInt(4); i > 1; i--) {
            bytes[at++] = PREFIXES[random.nextInt(PREFIXES.length)];
        }
        if (codeSize == 8 && random.nextInt(3) == 0) {
            bytes[at++] = (byte) (0x40 | random.nextInt(16));
        }
        int map = random.nextInt(7);
        if (map >= 3) {
            bytes[at++] = 0x0f;
        }
        if (map >= 5) {
            bytes[at] = (byte) (map == 5 ? 0x38 : 0x3a);
        }
        System.arraycopy(bytes, 0, code, from, bytes.length);
    }

    private void compare(Objdump.Line line, byte[] code, int length, Insn insn) {
        compared++;
        String theirs = line.mnemonic();
        boolean absent = theirs.equals("(bad)");
        if (line.bytes()[0] == (byte) 0x9b || theirs.startsWith("rex") || PrefixThenWait.in(line.bytes())) {
            return; // WAIT and the x87 instruction after it are one line; REX before another prefix is a line alone
        }
        if (length == Decoder.TOO_LONG) {
            return;
        }
        String ours = insn.form.mnemonic();
        String difference = null;
        if (insn.op == Op.UNDEFINED || absent) {
            if (insn.op == Op.UNDEFINED && !absent && !hidden(theirs, insn)) {
                difference = "only objdump knows " + theirs;
            } else if (absent && insn.op != Op.UNDEFINED && !extra(insn)) {
                difference = "only we know " + ours;
            }
        } else if (length != line.bytes().length) {
            difference = "length " + length + " of " + theirs;
        } else if (!same(ours, theirs, insn)) {
            difference = ours + " for " + theirs;
        }
        if (difference != null) {
            differences.putIfAbsent(difference, HexFormat.of().formatHex(line.bytes()) + " " + line.text());
        }
    }

    /** Exists for binutils, not for this processor. */
    private static boolean hidden(String theirs, Insn insn) {
        return insn.has(Insn.PREFIX_LOCK) // binutils does not look whether it is allowed
                || theirs.equals("aadd")
                || !NAMES.contains(theirs) && !baseKnown(theirs)
                // no such segment, control or debug register
                || theirs.equals("mov")
                // binutils ignores prefixes or the mode here; the SDM has NP, or 64-bit mode only
                || Set.of("pmovmskb", "fxsave", "fxrstor", "fxsave64", "fxrstor64", "ldmxcsr", "stmxcsr", "sfence")
                        .contains(theirs)
                || Set.of(
                                "swapgs",
                                "xgetbv",
                                "xsetbv",
                                "vmcall",
                                "monitor",
                                "mwait",
                                "clac",
                                "stac",
                                "rdfsbase",
                                "rdgsbase",
                                "wrfsbase",
                                "wrgsbase",
                                "lfence",
                                "mfence")
                        .contains(theirs);
    }

    private static boolean baseKnown(String theirs) {
        return NAMES.stream()
                .anyMatch(name -> theirs.startsWith(name)
                        && SUFFIX.matcher(theirs.substring(name.length())).matches());
    }

    /** Exists for us: undocumented x87 twins, ignored prefixes, any rm of a fence, reserved NOPs with MPX's operands. */
    private static boolean extra(Insn insn) {
        return insn.op == Op.SYSENTER // binutils has them of Intel alone, AMD's processors outside long mode
                || insn.op == Op.SYSEXIT
                || UNDOCUMENTED.contains(insn.form.mnemonic())
                || insn.op == Op.NOP
                || insn.op == Op.FENCE
                || insn.op == Op.WBINVD
                || (insn.op == Op.BSF || insn.op == Op.BSR) && insn.has(Insn.PREFIX_REPNE);
    }

    private static boolean same(String ours, String theirs, Insn insn) {
        if (ours.equals(theirs)
                || ours.equals(ALIASES.get(theirs))
                || COMPARE.matcher(theirs).matches()) {
            return true;
        }
        if (theirs.startsWith(ours)
                && SUFFIX.matcher(theirs.substring(ours.length())).matches()) {
            return true;
        }
        String stem = switch (insn.op) {
            case JCC -> "j";
            case SETCC -> "set";
            case CMOVCC -> "cmov";
            default -> "";
        };
        if (!stem.isEmpty()) {
            return ours.equals(stem + CONDITIONS.get(theirs.substring(stem.length())));
        }
        return switch (insn.op) {
            case NOP -> theirs.startsWith("bnd") || NOPS.contains(theirs) || theirs.equals("xchg");
            case XCHG -> theirs.equals("pause"); // binutils: F3 with REX.B too
            case WBINVD -> theirs.equals("wbnoinvd");
            case SIMD -> ours.equals("pclmulqdq") && theirs.startsWith("pclmul") || theirs.equals(ours + "q");
            default -> false;
        };
    }

    /** Prefixes before WAIT. */
    private static final class PrefixThenWait {
        static boolean in(byte[] bytes) {
            int i = 0;
            while (i < bytes.length - 1 && isPrefix(bytes[i])) {
                i++;
            }
            return bytes[i] == (byte) 0x9b;
        }

        private static boolean isPrefix(byte b) {
            for (byte prefix : PREFIXES) {
                if (b == prefix) {
                    return true;
                }
            }
            return (b & 0xf0) == 0x40;
        }
    }
}

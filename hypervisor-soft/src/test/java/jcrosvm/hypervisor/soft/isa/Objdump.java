package jcrosvm.hypervisor.soft.isa;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** Disassembly by binutils, the oracle for lengths and names. */
final class Objdump {
    /** @param text without prefixes; {@code (bad)} for what does not exist */
    record Line(long address, byte[] bytes, String text) {
        String mnemonic() {
            int space = text.indexOf(' ');
            return space < 0 ? text : text.substring(0, space);
        }
    }

    private static final Set<String> PREFIXES = Set.of(
            "lock",
            "rep",
            "repz",
            "repnz",
            "repe",
            "repne",
            "bnd",
            "notrack",
            "data16",
            "data32",
            "addr16",
            "addr32",
            "cs",
            "ds",
            "es",
            "ss",
            "fs",
            "gs",
            "xacquire",
            "xrelease");

    private Objdump() {}

    static void assumeInstalled() {
        assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/objdump")), "needs /usr/bin/objdump (apt-get install binutils)");
    }

    /** Raw bytes as code. */
    static List<Line> raw(byte[] code, int codeSize) throws IOException {
        Path file = Files.createTempFile("jcrosvm", ".bin");
        try {
            Files.write(file, code);
            String machine = switch (codeSize) {
                case 2 -> "i8086";
                case 4 -> "i386";
                default -> "i386:x86-64";
            };
            List<Line> lines = new ArrayList<>();
            run(lines::add, "-D", "-b", "binary", "-m", machine, file.toString());
            return lines;
        } finally {
            Files.delete(file);
        }
    }

    static void file(Path file, Consumer<Line> each) throws IOException {
        run(each, "-d", file.toString());
    }

    private static void run(Consumer<Line> each, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("/usr/bin/objdump", "-w", "-z", "-M", "intel,amd64"));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (BufferedReader in =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.ISO_8859_1))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                String[] parts = line.split("\t");
                if (parts.length >= 3) {
                    String address = parts[0].strip();
                    each.accept(new Line(
                            Long.parseUnsignedLong(address.substring(0, address.length() - 1), 16),
                            bytes(parts[1]),
                            withoutPrefixes(parts[2].strip())));
                }
            }
        }
    }

    private static byte[] bytes(String hex) {
        byte[] bytes = new byte[(hex.strip().length() + 1) / 3];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) Integer.parseInt(hex, 3 * i, 3 * i + 2, 16);
        }
        return bytes;
    }

    private static String withoutPrefixes(String text) {
        String rest = text;
        if (rest.contains("(bad)")) {
            return "(bad)";
        }
        for (; ; ) {
            int space = rest.indexOf(' ');
            String word = space < 0 ? rest : rest.substring(0, space);
            if (space < 0 || !PREFIXES.contains(word) && !word.startsWith("rex")) {
                return rest;
            }
            rest = rest.substring(space + 1).strip();
        }
    }
}

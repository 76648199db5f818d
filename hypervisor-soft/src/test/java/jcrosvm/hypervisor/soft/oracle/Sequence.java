package jcrosvm.hypervisor.soft.oracle;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.StringJoiner;
import jcrosvm.hypervisor.soft.cpu.Rflags;

/** Code that is put together instruction by instruction, and which flags mean nothing behind it. */
final class Sequence {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final List<String> names = new ArrayList<>();
    private final List<Integer> ends = new ArrayList<>();
    /** Flags that mean nothing before each piece. */
    private final List<Integer> undefinedBefore = new ArrayList<>();
    /** Where it will run. */
    final long address;

    int undefined;
    /** Some of it may run more than once. */
    boolean loops;

    Sequence(long address) {
        this.address = address;
    }

    int length() {
        return bytes.size();
    }

    byte[] bytes() {
        return bytes.toByteArray();
    }

    void add(String what, byte[] code, int length) {
        bytes.write(code, 0, length);
        names.add(what);
        undefinedBefore.add(undefined);
        ends.add(bytes.size());
    }

    void add(String what, String hex) {
        int n = 0;
        byte[] code = new byte[hex.length() / 2];
        for (int i = 0; i < hex.length(); i++) {
            if (hex.charAt(i) != ' ') {
                code[n++] = (byte) Integer.parseInt(hex, i, i + 2, 16);
                i++;
            }
        }
        add(what, code, n);
    }

    /** Appends what was made apart, for its place behind this one. */
    void add(Sequence other) {
        for (int end : other.ends) {
            ends.add(length() + end);
        }
        names.addAll(other.names);
        undefinedBefore.addAll(other.undefinedBefore);
        loops |= other.loops;
        bytes.writeBytes(other.bytes());
    }

    static String hex(int value) {
        return HexFormat.of().toHexDigits((byte) value);
    }

    static String little(long value, int bytes) {
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < bytes; i++) {
            s.append(hex((int) (value >> 8 * i)));
        }
        return s.toString();
    }

    /** Flags that mean something where a piece begins; none elsewhere and at one that sets them again and again. */
    int definedAt(int offset) {
        for (int i = 0, from = 0; i < names.size(); from = ends.get(i++)) {
            if (from == offset) {
                boolean compares =
                        names.get(i).startsWith("cmps") || names.get(i).startsWith("scas");
                return compares ? 0 : Rflags.ARITHMETIC & ~undefinedBefore.get(i);
            }
        }
        return 0;
    }

    /** mov register, value. */
    void set(int register, long value) {
        add("mov", hex(0x48 | register >> 3) + hex(0xb8 | register & 7) + little(value, 8));
    }

    /** mov [address], value through one of the first eight registers but rSP. */
    void store(int through, long address, int value) {
        set(through, address);
        add("mov", "c7" + hex(0x80 | through) + little(0, 4) + little(value, 4));
    }

    /** Flags that mean nothing are given a meaning before they are looked at. */
    void defineFlags(int read, Random random) {
        if ((undefined & read) != 0) {
            add("cmp", "4839" + hex(0xc0 | random.nextInt(64)));
            undefined = 0;
        }
    }

    @Override
    public String toString() {
        StringJoiner text = new StringJoiner("; ");
        byte[] code = bytes();
        for (int i = 0, from = 0; i < names.size(); from = ends.get(i++)) {
            text.add(names.get(i) + " " + HexFormat.of().formatHex(code, from, ends.get(i)));
        }
        return text.toString();
    }
}

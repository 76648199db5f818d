package jcrosvm.hypervisor.soft.oracle;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.StringJoiner;

/** Code that is put together instruction by instruction, and which flags mean nothing behind it. */
final class Sequence {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final List<String> names = new ArrayList<>();
    private final List<Integer> ends = new ArrayList<>();
    /** Where it will run. */
    final long address;

    int undefined;

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
        bytes.writeBytes(other.bytes());
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

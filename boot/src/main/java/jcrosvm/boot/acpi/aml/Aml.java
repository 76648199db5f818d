package jcrosvm.boot.acpi.aml;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Terms of ACPI Machine Language as bytes. Names are paths such as {@code \_SB_.PC00}; segments are padded. */
public final class Aml {
    private static final int ZERO = 0x00;
    private static final int ONE = 0x01;
    private static final int NAME = 0x08;
    private static final int BYTE_PREFIX = 0x0a;
    private static final int WORD_PREFIX = 0x0b;
    private static final int DWORD_PREFIX = 0x0c;
    private static final int STRING_PREFIX = 0x0d;
    private static final int QWORD_PREFIX = 0x0e;
    private static final int SCOPE = 0x10;
    private static final int BUFFER = 0x11;
    private static final int PACKAGE = 0x12;
    private static final int METHOD = 0x14;
    private static final int DUAL_NAME = 0x2e;
    private static final int MULTI_NAME = 0x2f;
    private static final int EXTENDED = 0x5b;
    private static final int DEVICE = 0x82;
    private static final int LOCAL0 = 0x60;
    private static final int ARGUMENT0 = 0x68;
    private static final int STORE = 0x70;
    private static final int AND = 0x7b;
    private static final int OR = 0x7d;
    private static final int CREATE_DWORD_FIELD = 0x8a;
    private static final int NOT = 0x92;
    private static final int EQUAL = 0x93;
    private static final int IF = 0xa0;
    private static final int ELSE = 0xa1;
    private static final int RETURN = 0xa4;
    private static final int SERIALIZED = 8;

    private Aml() {}

    /** Terms one after the other. */
    public static byte[] list(byte[]... terms) {
        return list(List.of(terms));
    }

    public static byte[] list(List<byte[]> terms) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        terms.forEach(all::writeBytes);
        return all.toByteArray();
    }

    private static byte[] bytes(int... values) {
        byte[] result = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = (byte) values[i];
        }
        return result;
    }

    /** The shortest form of an unsigned number. */
    public static byte[] integer(long value) {
        if (value == 0) {
            return bytes(ZERO);
        }
        if (value == 1) {
            return bytes(ONE);
        }
        if (value >>> 8 == 0) {
            return bytes(BYTE_PREFIX, (int) value);
        }
        ByteBuffer out = ByteBuffer.allocate(9).order(ByteOrder.LITTLE_ENDIAN);
        if (value >>> 16 == 0) {
            out.put((byte) WORD_PREFIX).putShort((short) value);
        } else if (value >>> 32 == 0) {
            out.put((byte) DWORD_PREFIX).putInt((int) value);
        } else {
            out.put((byte) QWORD_PREFIX).putLong(value);
        }
        return Arrays.copyOf(out.array(), out.position());
    }

    public static byte[] string(String text) {
        return list(bytes(STRING_PREFIX), text.getBytes(StandardCharsets.US_ASCII), bytes(0));
    }

    /** The number that stands for a PNP id such as {@code PNP0A08} (ACPI 6.3, 19.6.34). */
    public static byte[] eisaId(String id) {
        int vendor = (id.charAt(0) - 0x40) << 10 | (id.charAt(1) - 0x40) << 5 | (id.charAt(2) - 0x40);
        int product = Integer.parseInt(id.substring(3).toLowerCase(Locale.ROOT), 16);
        return integer(Integer.reverseBytes(vendor << 16 | product) & 0xffff_ffffL);
    }

    /** A reference to an object. */
    public static byte[] path(String name) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int start = 0;
        while (start < name.length() && (name.charAt(start) == '\\' || name.charAt(start) == '^')) {
            out.write(name.charAt(start++));
        }
        String[] segments = name.substring(start).split("\\.", -1);
        if (segments.length == 2) {
            out.write(DUAL_NAME);
        } else if (segments.length > 2) {
            out.write(MULTI_NAME);
            out.write(segments.length);
        }
        for (String segment : segments) {
            if (!isSegment(segment)) {
                throw new IllegalArgumentException("AML name " + name);
            }
            out.writeBytes((segment + "___").substring(0, 4).getBytes(StandardCharsets.US_ASCII));
        }
        return out.toByteArray();
    }

    private static boolean isSegment(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!(c >= 'A' && c <= 'Z' || c == '_' || i > 0 && c >= '0' && c <= '9')) {
                return false;
            }
        }
        return !text.isEmpty() && text.length() <= 4;
    }

    public static byte[] name(String name, byte[] value) {
        return list(bytes(NAME), path(name), value);
    }

    public static byte[] scope(String name, byte[]... terms) {
        return list(bytes(SCOPE), sized(list(path(name), list(terms))));
    }

    public static byte[] device(String name, byte[]... terms) {
        return list(bytes(EXTENDED, DEVICE), sized(list(path(name), list(terms))));
    }

    /** A method that only one thread runs at a time, as one that creates names must be. */
    public static byte[] method(String name, int arguments, byte[]... terms) {
        return list(bytes(METHOD), sized(list(path(name), bytes(arguments | SERIALIZED), list(terms))));
    }

    /** At most 255 elements. */
    public static byte[] pack(List<byte[]> elements) {
        if (elements.size() > 255) {
            throw new IllegalArgumentException(elements.size() + " package elements");
        }
        return list(bytes(PACKAGE), sized(list(bytes(elements.size()), list(elements))));
    }

    public static byte[] pack(byte[]... elements) {
        return pack(List.of(elements));
    }

    public static byte[] buffer(byte[] content) {
        return list(bytes(BUFFER), sized(list(integer(content.length), content)));
    }

    public static byte[] argument(int number) {
        return bytes(ARGUMENT0 + number);
    }

    public static byte[] local(int number) {
        return bytes(LOCAL0 + number);
    }

    public static byte[] store(byte[] value, byte[] target) {
        return list(bytes(STORE), value, target);
    }

    /** {@code target = left & right} */
    public static byte[] and(byte[] left, byte[] right, byte[] target) {
        return list(bytes(AND), left, right, target);
    }

    /** {@code target = left | right} */
    public static byte[] or(byte[] left, byte[] right, byte[] target) {
        return list(bytes(OR), left, right, target);
    }

    public static byte[] equal(byte[] left, byte[] right) {
        return list(bytes(EQUAL), left, right);
    }

    public static byte[] not(byte[] condition) {
        return list(bytes(NOT), condition);
    }

    public static byte[] when(byte[] condition, byte[]... terms) {
        return list(bytes(IF), sized(list(condition, list(terms))));
    }

    /** Follows a {@link #when}. */
    public static byte[] otherwise(byte[]... terms) {
        return list(bytes(ELSE), sized(list(terms)));
    }

    public static byte[] give(byte[] value) {
        return list(bytes(RETURN), value);
    }

    /** Names 32 bits of a buffer. */
    public static byte[] createDwordField(byte[] buffer, int offset, String name) {
        return list(bytes(CREATE_DWORD_FIELD), buffer, integer(offset), path(name));
    }

    /** The content behind its length, which counts itself (PkgLength, 20.2.4). */
    private static byte[] sized(byte[] content) {
        int more = content.length + 1 < 1 << 6
                ? 0
                : content.length + 2 < 1 << 12 ? 1 : content.length + 3 < 1 << 20 ? 2 : 3;
        int length = content.length + 1 + more;
        byte[] prefix = new byte[1 + more];
        if (more == 0) {
            prefix[0] = (byte) length;
        } else {
            prefix[0] = (byte) (more << 6 | (length & 15));
            for (int i = 1; i <= more; i++) {
                prefix[i] = (byte) (length >> (4 + 8 * (i - 1)));
            }
        }
        return list(prefix, content);
    }
}

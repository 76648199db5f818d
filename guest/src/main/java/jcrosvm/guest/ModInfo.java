package jcrosvm.guest;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import jcrosvm.base.VmmException;

/** Reads the section .modinfo of a 64-bit little-endian ELF object: NUL-separated {@code key=value} strings. */
final class ModInfo {
    private static final int ELF_MAGIC = 0x464c457f;
    private static final int ELFCLASS64 = 2;
    private static final int ELFDATA2LSB = 1;
    private static final int SECTION_HEADER = 64;

    private ModInfo() {}

    /**
     * Returns the keys and values; of a key that stands there more than once, the first.
     *
     * @param name of the module, for messages
     * @throws VmmException if the image is no such object or has no .modinfo
     */
    static Map<String, String> parse(String name, byte[] image) {
        try {
            return parse(image);
        } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
            throw new VmmException(name + " is not a kernel module: " + e.getMessage(), e);
        }
    }

    private static Map<String, String> parse(byte[] image) {
        ByteBuffer elf = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        if (image.length < 64 || elf.getInt(0) != ELF_MAGIC || elf.get(4) != ELFCLASS64 || elf.get(5) != ELFDATA2LSB) {
            throw new IllegalArgumentException("no 64-bit ELF object");
        }
        int headers = Math.toIntExact(offset(elf.getLong(0x28), image.length));
        int size = Short.toUnsignedInt(elf.getShort(0x3a));
        int count = Short.toUnsignedInt(elf.getShort(0x3c));
        int namesIndex = Short.toUnsignedInt(elf.getShort(0x3e));
        if (size != SECTION_HEADER || namesIndex >= count) {
            throw new IllegalArgumentException("section headers are damaged");
        }
        ByteBuffer names = section(elf, headers, namesIndex);
        for (int i = 0; i < count; i++) {
            int nameOffset = elf.getInt(headers + i * size);
            if (string(names, nameOffset).equals(".modinfo")) {
                return strings(section(elf, headers, i));
            }
        }
        throw new IllegalArgumentException("it has no section .modinfo");
    }

    private static ByteBuffer section(ByteBuffer elf, int headers, int index) {
        int header = headers + index * SECTION_HEADER;
        long start = offset(elf.getLong(header + 0x18), elf.limit());
        long length = offset(elf.getLong(header + 0x20), elf.limit() - start);
        return elf.slice((int) start, (int) length);
    }

    private static long offset(long value, long limit) {
        if (value < 0 || value > limit) {
            throw new IllegalArgumentException("a section lies outside of the file");
        }
        return value;
    }

    private static Map<String, String> strings(ByteBuffer section) {
        Map<String, String> values = new HashMap<>();
        for (int at = 0; at < section.limit(); ) {
            int end = at;
            while (end < section.limit() && section.get(end) != 0) {
                end++;
            }
            String text = text(section, at, end);
            int equals = text.indexOf('=');
            if (equals > 0) {
                values.putIfAbsent(text.substring(0, equals), text.substring(equals + 1));
            }
            at = end + 1;
        }
        return values;
    }

    private static String string(ByteBuffer section, int start) {
        int end = start;
        while (section.get(end) != 0) {
            end++;
        }
        return text(section, start, end);
    }

    private static String text(ByteBuffer section, int start, int end) {
        byte[] bytes = new byte[end - start];
        section.get(start, bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }
}

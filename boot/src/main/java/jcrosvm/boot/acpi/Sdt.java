package jcrosvm.boot.acpi;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** System description tables: the header that all have, and the checksum. */
final class Sdt {
    static final int HEADER_SIZE = 36;
    static final int LENGTH = 4;
    static final int CHECKSUM = 9;
    static final int MAX_SIZE = 1 << 20;

    private static final String OEM_ID = "JCROSV";
    private static final String OEM_TABLE_ID = "JCROSVM ";
    private static final int CREATOR = 'J' | 'C' << 8 | 'V' << 16 | 'M' << 24;

    private Sdt() {}

    static String oemId() {
        return OEM_ID;
    }

    /** A whole table with its header and checksum. */
    static byte[] of(String signature, int revision, byte[] body) {
        ByteBuffer table = ByteBuffer.allocate(HEADER_SIZE + body.length).order(ByteOrder.LITTLE_ENDIAN);
        table.put(ascii(signature));
        table.putInt(table.capacity());
        table.put((byte) revision);
        table.put((byte) 0);
        table.put(ascii(OEM_ID));
        table.put(ascii(OEM_TABLE_ID));
        table.putInt(1);
        table.putInt(CREATOR);
        table.putInt(1);
        table.put(body);
        byte[] bytes = table.array();
        bytes[CHECKSUM] = checksum(bytes, 0, bytes.length);
        return bytes;
    }

    static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    static String signature(byte[] table) {
        return new String(table, 0, 4, StandardCharsets.US_ASCII);
    }

    /** What makes the sum of all bytes zero, if the checksum's own place holds zero. */
    static byte checksum(byte[] bytes, int from, int to) {
        int sum = 0;
        for (int i = from; i < to; i++) {
            sum += bytes[i];
        }
        return (byte) -sum;
    }
}

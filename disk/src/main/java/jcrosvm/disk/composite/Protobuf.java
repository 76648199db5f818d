package jcrosvm.disk.composite;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import jcrosvm.disk.DiskException;

/** As much of the Protocol Buffers encoding as a composite disk's list needs. */
final class Protobuf {
    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int BYTES = 2;
    private static final int FIXED32 = 5;

    private Protobuf() {}

    /** Writes a message; numbers that are 0 are left out, as protobuf's version 3 does. */
    static final class Writer {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        private void varint(long value) {
            long rest = value;
            while ((rest & ~0x7fL) != 0) {
                out.write((int) rest & 0x7f | 0x80);
                rest >>>= 7;
            }
            out.write((int) rest);
        }

        Writer number(int field, long value) {
            if (value != 0) {
                varint((long) field << 3 | VARINT);
                varint(value);
            }
            return this;
        }

        Writer bytes(int field, byte[] value) {
            varint((long) field << 3 | BYTES);
            varint(value.length);
            out.writeBytes(value);
            return this;
        }

        Writer text(int field, String value) {
            return bytes(field, value.getBytes(StandardCharsets.UTF_8));
        }

        byte[] toBytes() {
            return out.toByteArray();
        }
    }

    /** Reads a message field by field: {@link #next}, then the value or {@link #skip}. */
    static final class Reader {
        private final byte[] bytes;
        private final int end;
        private int at;
        private int type;

        Reader(byte[] bytes, int from, int length) {
            this.bytes = bytes;
            at = from;
            end = from + length;
        }

        private static DiskException damaged() {
            return new DiskException("its list of parts is damaged");
        }

        private long varint() {
            long value = 0;
            for (int shift = 0; shift < 64; shift += 7) {
                if (at == end) {
                    throw damaged();
                }
                byte b = bytes[at++];
                value |= (b & 0x7fL) << shift;
                if (b >= 0) {
                    return value;
                }
            }
            throw damaged();
        }

        /** The next field's number; 0 at the end of the message. */
        int next() {
            if (at == end) {
                return 0;
            }
            long tag = varint();
            type = (int) tag & 7;
            long field = tag >>> 3;
            if (field < 1 || field > 0x1fff_ffff) {
                throw damaged();
            }
            return (int) field;
        }

        long number() {
            if (type != VARINT) {
                throw damaged();
            }
            return varint();
        }

        Reader message() {
            if (type != BYTES) {
                throw damaged();
            }
            long length = varint();
            if (length < 0 || length > end - at) {
                throw damaged();
            }
            Reader reader = new Reader(bytes, at, (int) length);
            at += (int) length;
            return reader;
        }

        String text() {
            Reader content = message();
            return new String(bytes, content.at, content.end - content.at, StandardCharsets.UTF_8);
        }

        void skip() {
            switch (type) {
                case VARINT -> varint();
                case BYTES -> message();
                case FIXED64, FIXED32 -> {
                    int size = type == FIXED64 ? 8 : 4;
                    if (end - at < size) {
                        throw damaged();
                    }
                    at += size;
                }
                default -> throw damaged();
            }
        }
    }
}

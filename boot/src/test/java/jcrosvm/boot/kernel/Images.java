package jcrosvm.boot.kernel;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Small synthetic kernels. */
final class Images {
    static final long LINUX_BASE = 0xffff_ffff_8000_0000L;
    static final int TEXT = 0x100_0000;
    static final int SETUP_SECTORS = 3;
    static final int KERNEL_POSITION = (SETUP_SECTORS + 1) * 512;

    private Images() {}

    static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    static byte[] content(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i * 31 + (i >> 8) + 1);
        }
        return bytes;
    }

    /** One PT_LOAD of content at file position 0x1000 and, if {@code pvhEntry} is not 0, a PVH note. */
    static byte[] elf64(long entry, long virtual, long physical, int fileSize, long memorySize, long pvhEntry) {
        ByteBuffer out = buffer(0x1000 + fileSize);
        out.putInt(0x464c457f).put((byte) 2).put((byte) 1).put((byte) 1);
        out.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
        out.putLong(24, entry).putLong(32, 64);
        out.putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) (pvhEntry == 0 ? 1 : 2));
        out.putInt(64, 1).putInt(68, 5);
        out.putLong(72, 0x1000).putLong(80, virtual).putLong(88, physical);
        out.putLong(96, fileSize).putLong(104, memorySize).putLong(112, 0x1000);
        if (pvhEntry != 0) {
            out.putInt(120, 4).putInt(124, 4);
            out.putLong(128, 0x800).putLong(152, 44).putLong(160, 44).putLong(168, 4);
            note(out, 0x800, 6, 4, 0x12345678);
            note(out, 0x814, 18, 8, pvhEntry);
        }
        out.put(0x1000, content(fileSize));
        return out.array();
    }

    private static void note(ByteBuffer out, int at, int type, int size, long value) {
        out.putInt(at, 4).putInt(at + 4, size).putInt(at + 8, type);
        out.put(at + 12, "Xen\0".getBytes(StandardCharsets.US_ASCII));
        out.putInt(at + 16, (int) value);
    }

    static byte[] vmlinux(int size) {
        return elf64(TEXT + 0x10, LINUX_BASE + TEXT, TEXT, size, size + 0x3000, 0);
    }

    static byte[] elf32(int entry, int physical, int fileSize, int memorySize, boolean multiboot) {
        ByteBuffer out = buffer(0x1000 + fileSize);
        out.putInt(0x464c457f).put((byte) 1).put((byte) 1).put((byte) 1);
        out.putShort(16, (short) 2).putShort(18, (short) 3).putInt(20, 1);
        out.putInt(24, entry).putInt(28, 52);
        out.putShort(40, (short) 52).putShort(42, (short) 32).putShort(44, (short) 1);
        out.putInt(52, 1).putInt(56, 0x1000).putInt(60, physical).putInt(64, physical);
        out.putInt(68, fileSize).putInt(72, memorySize).putInt(76, 5).putInt(80, 0x1000);
        out.put(0x1000, content(fileSize));
        if (multiboot) {
            multibootHeader(out, 0x1000, 0);
        }
        return out.array();
    }

    static void multibootHeader(ByteBuffer out, int at, int flags, int... fields) {
        out.putInt(at, 0x1badb002).putInt(at + 4, flags).putInt(at + 8, -(0x1badb002 + flags));
        for (int i = 0; i < fields.length; i++) {
            out.putInt(at + 12 + 4 * i, fields[i]);
        }
    }

    /** A bzImage of boot protocol 2.15, relocatable, with a 64-bit entry. */
    static ByteBuffer bzImage(byte[] payload, int unpackedSize) {
        ByteBuffer out = buffer(KERNEL_POSITION + 0x400 + payload.length + 4);
        out.put(0x1f1, (byte) SETUP_SECTORS).putShort(0x1fe, (short) 0xaa55);
        out.put(0x200, (byte) 0xeb)
                .put(0x201, (byte) 0x6a)
                .putInt(0x202, 0x53726448)
                .putShort(0x206, (short) 0x20f);
        out.put(0x211, (byte) 1)
                .putInt(0x214, 0x100000)
                .putInt(0x22c, 0x7fffffff)
                .putInt(0x230, 0x200000);
        out.put(0x234, (byte) 1).putShort(0x236, (short) 3).putInt(0x238, 2047);
        out.putInt(0x248, 0x400).putInt(0x24c, payload.length + 4);
        out.putLong(0x258, TEXT).putInt(0x260, 0x100000);
        out.put(KERNEL_POSITION, content(0x400));
        out.put(KERNEL_POSITION + 0x400, payload);
        out.putInt(KERNEL_POSITION + 0x400 + payload.length, unpackedSize);
        return out;
    }

    /** A Zstandard or LZ4 frame needs no compressor when nothing is compressed. */
    static byte[] storedZstd(byte[] content) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(
                buffer(6).putInt(0xfd2fb528).put((byte) 0).put((byte) 0x58).array());
        for (int at = 0; at < content.length; ) {
            int n = Math.min(128 << 10, content.length - at);
            int header = n << 3 | (at + n == content.length ? 1 : 0);
            out.write(header);
            out.write(header >> 8);
            out.write(header >> 16);
            out.writeBytes(Arrays.copyOfRange(content, at, at + n));
            at += n;
        }
        return out.toByteArray();
    }
}

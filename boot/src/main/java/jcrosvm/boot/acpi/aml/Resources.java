package jcrosvm.boot.acpi.aml;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Resource descriptors (ACPI 6.3, 6.4). */
public final class Resources {
    private static final int FIXED_MIN_MAX = 0x0c;
    private static final int MEMORY = 0;
    private static final int IO = 1;
    private static final int BUS = 2;
    private static final int ENTIRE_RANGE = 3;
    private static final int READ_WRITE = 1;

    private Resources() {}

    /** A buffer of descriptors, ready to be a _CRS. */
    public static byte[] template(byte[]... descriptors) {
        return Aml.buffer(Aml.list(Aml.list(descriptors), new byte[] {0x79, 0}));
    }

    /** Ports at a fixed place, decoded with 16 bits. */
    public static byte[] io(int port, int length) {
        return start(8).put((byte) 0x47)
                .put((byte) 1)
                .putShort((short) port)
                .putShort((short) port)
                .put((byte) 1)
                .put((byte) length)
                .array();
    }

    /** An edge-triggered, active-high interrupt. */
    public static byte[] irq(int number) {
        return start(3).put((byte) 0x22).putShort((short) (1 << number)).array();
    }

    /** A level-triggered, active-high, shared interrupt of any number (ACPI 6.5, 6.4.3.6). */
    public static byte[] levelInterrupt(int gsi) {
        return start(9).put((byte) 0x89)
                .putShort((short) 6)
                .put((byte) 0x09)
                .put((byte) 1)
                .putInt(gsi)
                .array();
    }

    /** Memory at a fixed place. */
    public static byte[] memory(long address, long size) {
        return start(12)
                .put((byte) 0x86)
                .putShort((short) 9)
                .put((byte) 1)
                .putInt((int) address)
                .putInt((int) size)
                .array();
    }

    /** Bus numbers that a host bridge passes on; both ends inclusive. */
    public static byte[] busWindow(int first, int last) {
        return word(BUS, 0, first, last);
    }

    public static byte[] ioWindow(int first, int last) {
        return word(IO, ENTIRE_RANGE, first, last);
    }

    private static byte[] word(int type, int flags, int first, int last) {
        return start(16)
                .put((byte) 0x88)
                .putShort((short) 13)
                .put((byte) type)
                .put((byte) FIXED_MIN_MAX)
                .put((byte) flags)
                .putShort((short) 0)
                .putShort((short) first)
                .putShort((short) last)
                .putShort((short) 0)
                .putShort((short) (last - first + 1))
                .array();
    }

    /** A window of uncached memory below 4 GiB. */
    public static byte[] memoryWindow32(long first, long last) {
        return start(26)
                .put((byte) 0x87)
                .putShort((short) 23)
                .put((byte) MEMORY)
                .put((byte) FIXED_MIN_MAX)
                .put((byte) READ_WRITE)
                .putInt(0)
                .putInt((int) first)
                .putInt((int) last)
                .putInt(0)
                .putInt((int) (last - first + 1))
                .array();
    }

    public static byte[] memoryWindow64(long first, long last) {
        return start(46)
                .put((byte) 0x8a)
                .putShort((short) 43)
                .put((byte) MEMORY)
                .put((byte) FIXED_MIN_MAX)
                .put((byte) READ_WRITE)
                .putLong(0)
                .putLong(first)
                .putLong(last)
                .putLong(0)
                .putLong(last - first + 1)
                .array();
    }

    private static ByteBuffer start(int size) {

        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}

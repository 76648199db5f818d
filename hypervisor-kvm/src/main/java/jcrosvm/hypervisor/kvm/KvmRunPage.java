package jcrosvm.hypervisor.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Offsets within struct kvm_run, the page that a vCPU shares with the kernel. */
final class KvmRunPage {
    static final long REQUEST_INTERRUPT_WINDOW = 0;
    static final long IMMEDIATE_EXIT = 1;
    static final long EXIT_REASON = 8;
    static final long READY_FOR_INTERRUPT = 12;

    static final long IO_DIRECTION = 32;
    static final long IO_SIZE = 33;
    static final long IO_PORT = 34;
    static final long IO_COUNT = 36;
    static final long IO_DATA_OFFSET = 40;

    static final long MMIO_ADDRESS = 32;
    static final long MMIO_DATA = 40;
    static final long MMIO_LENGTH = 48;
    static final long MMIO_IS_WRITE = 52;

    static final long DEBUG_EXCEPTION = 32;
    static final long DEBUG_PC = 40;
    static final long DEBUG_DR6 = 48;
    static final long FAIL_REASON = 32;
    static final long SUBERROR = 32;
    static final long SUBERROR_COUNT = 36;
    static final long SUBERROR_DATA = 40;
    static final long SYSTEM_EVENT_TYPE = 32;
    static final long EOI_VECTOR = 32;

    private KvmRunPage() {}

    /** A little-endian value of 1, 2, 4 or 8 bytes, zero-extended; other sizes byte by byte. */
    static long load(MemorySegment page, long at, int size) {
        return switch (size) {
            case 1 -> page.get(ValueLayout.JAVA_BYTE, at) & 0xFFL;
            case 2 -> page.get(ValueLayout.JAVA_SHORT_UNALIGNED, at) & 0xFFFFL;
            case 4 -> page.get(ValueLayout.JAVA_INT_UNALIGNED, at) & 0xFFFF_FFFFL;
            case 8 -> page.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
            default -> {
                long value = 0;
                for (int i = 0; i < size; i++) {
                    value |= (page.get(ValueLayout.JAVA_BYTE, at + i) & 0xFFL) << (8 * i);
                }
                yield value;
            }
        };
    }

    static void store(MemorySegment page, long at, int size, long value) {
        switch (size) {
            case 1 -> page.set(ValueLayout.JAVA_BYTE, at, (byte) value);
            case 2 -> page.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, (short) value);
            case 4 -> page.set(ValueLayout.JAVA_INT_UNALIGNED, at, (int) value);
            case 8 -> page.set(ValueLayout.JAVA_LONG_UNALIGNED, at, value);
            default -> {
                for (int i = 0; i < size; i++) {
                    page.set(ValueLayout.JAVA_BYTE, at + i, (byte) (value >>> (8 * i)));
                }
            }
        }
    }
}

package jcrosvm.hypervisor.soft.mmu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import jcrosvm.base.io.Mapping;
import jcrosvm.base.io.WideAtomics;
import org.jspecify.annotations.Nullable;

/**
 * A range of guest-physical memory over host memory. Offsets count from its first byte; every access is within the
 * bounds of its segment.
 *
 * <p>Aligned accesses are single ones and keep the order that x86 promises: loads acquire, stores release.
 */
final class Slot {
    static final int PAGE_SHIFT = 12;
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final VarHandle ALIGNED_SHORT = ValueLayout.JAVA_SHORT.varHandle();
    private static final VarHandle ALIGNED_INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle ALIGNED_LONG = ValueLayout.JAVA_LONG.varHandle();
    private static final VarHandle ELEMENT = MethodHandles.arrayElementVarHandle(long[].class);

    final long address;
    final long size;
    final boolean readOnly;
    final MemorySegment host;
    /** Where generated code finds the first byte. */
    final long hostAddress;

    /** One bit a page, or null while nothing is logged. */
    private volatile long @Nullable [] dirty;
    /**
     * For each page a long with one bit for 64 bytes: these hold code that a processor keeps in another form. A 512th of
     * the memory at most, which is not the heap's: the host gives it page by page when code is found there.
     */
    private final MemorySegment code;

    Slot(long address, MemorySegment host, boolean readOnly) {
        this.address = address;
        this.size = host.byteSize();
        this.host = host;
        this.readOnly = readOnly;
        hostAddress = host.address();
        code = Mapping.anonymous((size >>> PAGE_SHIFT) * Long.BYTES + Mapping.PAGE - 1 & -Mapping.PAGE)
                .segment();
    }

    @Override
    public String toString() {
        return "0x%x+0x%x".formatted(address, size);
    }

    boolean contains(long physical) {
        return Long.compareUnsigned(physical - address, size) < 0;
    }

    long load(long offset, int bytes) {
        switch (bytes) {
            case 8:
                return (offset & 7) == 0 ? (long) ALIGNED_LONG.getAcquire(host, offset) : host.get(LONG, offset);
            case 4:
                int i = (offset & 3) == 0 ? (int) ALIGNED_INT.getAcquire(host, offset) : host.get(INT, offset);
                return Integer.toUnsignedLong(i);
            case 2:
                short s = (offset & 1) == 0 ? (short) ALIGNED_SHORT.getAcquire(host, offset) : host.get(SHORT, offset);
                return Short.toUnsignedLong(s);
            default:
                return Byte.toUnsignedLong(host.get(BYTE, offset));
        }
    }

    void store(long offset, int bytes, long value) {
        switch (bytes) {
            case 8:
                if ((offset & 7) == 0) {
                    ALIGNED_LONG.setRelease(host, offset, value);
                } else {
                    host.set(LONG, offset, value);
                }
                break;
            case 4:
                if ((offset & 3) == 0) {
                    ALIGNED_INT.setRelease(host, offset, (int) value);
                } else {
                    host.set(INT, offset, (int) value);
                }
                break;
            case 2:
                if ((offset & 1) == 0) {
                    ALIGNED_SHORT.setRelease(host, offset, (short) value);
                } else {
                    host.set(SHORT, offset, (short) value);
                }
                break;
            default:
                host.set(BYTE, offset, (byte) value);
                break;
        }
    }

    /** Within a page. */
    boolean compareAndSet(long offset, int bytes, long expected, long value) {
        if (bytes == 8 && (offset & 7) == 0) {
            return ALIGNED_LONG.compareAndSet(host, offset, expected, value);
        }
        if ((offset & 7) + bytes > 8) {
            return WideAtomics.compareAndSet(host, offset, bytes, expected, value);
        }
        // Through the aligned eight bytes around: neighbours that change meanwhile only cause another try.
        long at = offset & -8;
        int shift = (int) (offset & 7) << 3;
        long mask = (1L << (bytes << 3)) - 1;
        while (true) {
            long old = (long) ALIGNED_LONG.getVolatile(host, at);
            if ((old >>> shift & mask) != (expected & mask)) {
                return false;
            }
            long replaced = old & ~(mask << shift) | (value & mask) << shift;
            if (ALIGNED_LONG.compareAndSet(host, at, old, replaced)) {
                return true;
            }
        }
    }

    /** Of 16 aligned bytes. */
    boolean compareAndSet(long offset, long expectedLow, long expectedHigh, long low, long high) {
        return WideAtomics.compareAndSet(host, offset, expectedLow, expectedHigh, low, high);
    }

    // Dirty log

    void logDirty(boolean on) {
        dirty = on ? new long[(int) ((size >>> PAGE_SHIFT) + 63 >>> 6)] : null;
    }

    /** Fetches and clears the log; empty bits when there is none. */
    long[] takeDirty() {
        long[] answer = new long[(int) ((size >>> PAGE_SHIFT) + 63 >>> 6)];
        long[] log = dirty;
        for (int i = 0; log != null && i < log.length; i++) {
            answer[i] = (long) ELEMENT.getAndSet(log, i, 0L);
        }
        return answer;
    }

    void setDirty(long offset, long length) {
        long[] log = dirty;
        if (log == null || length <= 0) {
            return;
        }
        long last = offset + length - 1 >>> PAGE_SHIFT;
        for (long page = offset >>> PAGE_SHIFT; page <= last; page++) {
            int i = (int) (page >>> 6);
            if (((long) ELEMENT.getAcquire(log, i) >>> page & 1) == 0) {
                ELEMENT.getAndBitwiseOr(log, i, 1L << page);
            }
        }
    }

    /** Whether a processor may write to the page without a report. */
    boolean freelyWritable(long offset) {
        long page = offset >>> PAGE_SHIFT;
        long[] log = dirty;
        boolean logged = log == null || ((long) ELEMENT.getAcquire(log, (int) (page >>> 6)) >>> page & 1) != 0;
        return logged && !readOnly && codeIn(page) == 0;
    }

    // Code marks, one page each call

    /** The marks of a page, by number within the slot. */
    long codeIn(long page) {
        return (long) ALIGNED_LONG.getVolatile(code, page * Long.BYTES);
    }

    /** Adds marks to a page that has some, or to any page if {@code first}. Answers false when it did not. */
    boolean addCode(long page, long chunks, boolean first) {
        while (true) {
            long old = codeIn(page);
            if (old == 0 && !first) {
                return false;
            }
            if ((old | chunks) == old || ALIGNED_LONG.compareAndSet(code, page * Long.BYTES, old, old | chunks)) {
                return true;
            }
        }
    }

    /** Takes marks away and returns which of them there were. */
    long removeCode(long page, long chunks) {
        return codeIn(page) == 0 ? 0 : (long) ALIGNED_LONG.getAndBitwiseAnd(code, page * Long.BYTES, ~chunks) & chunks;
    }
}

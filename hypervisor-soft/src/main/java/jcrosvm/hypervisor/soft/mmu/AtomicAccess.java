package jcrosvm.hypervisor.soft.mmu;

import org.jspecify.annotations.Nullable;

/**
 * Compare-and-set of one processor: on RAM the host's; an exclusive section across cache lines and pages. A host may punish
 * or forbid a locked access to two lines of its own: Linux's split_lock_detect, and hypervisors below it.
 */
final class AtomicAccess {
    private static final int LINE = 64;

    private final PhysicalMemory memory;
    private final Tlb tlb;
    private final Translation translation;
    private final Access access;

    AtomicAccess(PhysicalMemory memory, Tlb tlb, Translation translation, Access access) {
        this.memory = memory;
        this.tlb = tlb;
        this.translation = translation;
        this.access = access;
    }

    /** Atomically replaces {@code expected} by {@code value}; faults as a write even if it does not. */
    boolean compareAndSet(int context, long linear, int size, long expected, long value) {
        if (((int) linear & LINE - 1) + size > LINE) {
            // Two pages need not be neighbours on the host.
            boolean[] answer = new boolean[2];
            memory.coherence().exclusive(() -> {
                answer[0] = isMemory(context, linear, size);
                answer[1] = answer[0] && replace(context, linear, size, expected, value);
            });
            // A device may wait for another processor, which must not be stopped then: so this is not atomic.
            return answer[0] ? answer[1] : replace(context, linear, size, expected, value);
        }
        int index = Tlb.index(context, linear);
        if (tlb.hits(index, Tlb.WRITE, linear, size)) {
            Slot s = tlb.slot(index);
            return s.compareAndSet(tlb.slotOffset(index, s, linear), size, expected, value);
        }
        long physical = translation.translate(context, linear, PageWalker.WRITE);
        Slot s = translation.slot();
        if (s == null || s.readOnly) {
            return replaceOnDevice(s, physical, size, expected, value);
        }
        boolean done = s.compareAndSet(physical - s.address, size, expected, value);
        memory.written(s, physical - s.address, size);
        return done;
    }

    /** Whether both pages of a crossing write are writable memory. */
    private boolean isMemory(int context, long linear, int size) {
        Slot first = writable(context, linear);
        Slot second = writable(context, translation.plus(linear, size - 1) & -Translation.PAGE);
        return first != null && !first.readOnly && second != null && !second.readOnly;
    }

    private @Nullable Slot writable(int context, long linear) {
        translation.translate(context, linear, PageWalker.WRITE | PageWalker.PEEK);
        return translation.slot();
    }

    /** The plain way. The caller has seen to it that the pages are writable. */
    private boolean replace(int context, long linear, int size, long expected, long value) {
        long mask = size == 8 ? -1 : (1L << (size << 3)) - 1;
        long old = access.read(context, linear, size);
        boolean equal = old == (expected & mask);
        access.write(context, linear, size, equal ? value : old);
        return equal;
    }

    /** The same for 16 aligned bytes. */
    boolean compareAndSet(int context, long linear, long expectedLow, long expectedHigh, long low, long high) {
        int index = Tlb.index(context, linear);
        if (tlb.hits(index, Tlb.WRITE, linear, 16)) {
            Slot s = tlb.slot(index);
            return s.compareAndSet(tlb.slotOffset(index, s, linear), expectedLow, expectedHigh, low, high);
        }
        long physical = translation.translate(context, linear, PageWalker.WRITE);
        Slot s = translation.slot();
        if (s == null || s.readOnly) {
            long oldLow = access.read(context, linear, 8);
            long oldHigh = access.read(context, linear + 8, 8);
            boolean equal = oldLow == expectedLow && oldHigh == expectedHigh;
            access.deviceWrite(physical, 8, equal ? low : oldLow);
            access.deviceWrite(physical + 8, 8, equal ? high : oldHigh);
            return equal;
        }
        boolean done = s.compareAndSet(physical - s.address, expectedLow, expectedHigh, low, high);
        memory.written(s, physical - s.address, 16);
        return done;
    }

    private boolean replaceOnDevice(@Nullable Slot s, long physical, int size, long expected, long value) {
        long mask = size == 8 ? -1 : (1L << (size << 3)) - 1;
        long old = s == null ? access.deviceRead(physical, size) : s.load(physical - s.address, size);
        boolean equal = old == (expected & mask);
        access.deviceWrite(physical, size, equal ? value : old);
        return equal;
    }
}

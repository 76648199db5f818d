package jcrosvm.hypervisor.soft.mmu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import jcrosvm.base.VmmException;
import jcrosvm.hypervisor.MemorySlot;
import jcrosvm.memory.WriteListener;
import org.jspecify.annotations.Nullable;

/**
 * The memory slots of a VM and what watches over them. Thread-safe; processors look without locks.
 *
 * <p>As a {@link WriteListener} it hears of the writes of devices.
 */
public final class PhysicalMemory implements WriteListener {
    /** Width of a physical address (MAXPHYADDR, CPUID 80000008H); bits above are reserved in page tables. */
    public static final int ADDRESS_BITS = 40;

    static final int MAX_SLOTS = 1024;

    private static final long PAGE = 4096;

    private final Coherence coherence = new Coherence();
    private final CodePages codePages = new CodePages(this, coherence);
    /** Ascending by address; never changed, only replaced. */
    private volatile Slot[] slots = {};

    /** What lets processors stop each other. */
    public Coherence coherence() {
        return coherence;
    }

    /** Which memory holds translated code. */
    public CodePages codePages() {
        return codePages;
    }

    /**
     * Maps host memory into the guest.
     *
     * @param address guest physical, page-aligned
     * @param host page-aligned native memory, of whole pages
     * @param readOnly writes go to {@link Outside#mmioWrite}
     */
    public synchronized MemorySlot add(long address, MemorySegment host, boolean readOnly) {
        Slot added = new Slot(address, host, readOnly);
        boolean aligned = ((address | added.size | added.hostAddress) & PAGE - 1) == 0;
        if (!aligned || !host.isNative() || added.size == 0) {
            throw new IllegalArgumentException("memory slot %s is not of whole pages".formatted(added));
        }
        if (address < 0 || address + added.size > 1L << ADDRESS_BITS) {
            throw new IllegalArgumentException(
                    "memory slot %s is beyond %d physical address bits".formatted(added, ADDRESS_BITS));
        }
        Slot[] old = slots;
        if (old.length == MAX_SLOTS) {
            throw new VmmException("the software processor has " + MAX_SLOTS + " memory slots, and all are in use");
        }
        for (Slot other : old) {
            if (address < other.address + other.size && other.address < address + added.size) {
                throw new IllegalArgumentException("memory slot %s overlaps slot %s".formatted(added, other));
            }
        }
        Slot[] next = Arrays.copyOf(old, old.length + 1);
        next[old.length] = added;
        Arrays.sort(next, Comparator.comparingLong(s -> s.address));
        slots = next;
        return new Handle(added);
    }

    /** What the VM knows of a slot. */
    private final class Handle implements MemorySlot {
        private final Slot slot;

        Handle(Slot slot) {
            this.slot = slot;
        }

        @Override
        public void logDirty(boolean on) {
            synchronized (PhysicalMemory.this) {
                require(slot);
                coherence.exclusive(() -> {
                    slot.logDirty(on);
                    coherence.flushAll();
                });
            }
        }

        @Override
        public long[] dirty() {
            synchronized (PhysicalMemory.this) {
                require(slot);
                return takeDirty(slot);
            }
        }

        @Override
        public void close() {
            remove(slot);
        }
    }

    private long[] takeDirty(Slot slot) {
        long[][] answer = new long[1][];
        coherence.exclusive(() -> {
            answer[0] = slot.takeDirty();
            for (long word : answer[0]) {
                if (word != 0) {
                    coherence.flushAll();
                    break;
                }
            }
        });
        return answer[0];
    }

    private synchronized void remove(Slot gone) {
        if (has(gone)) {
            coherence.exclusive(() -> {
                codePages.forget(gone);
                slots = Arrays.stream(slots).filter(s -> s != gone).toArray(Slot[]::new);
                coherence.flushAll();
            });
        }
    }

    private void require(Slot slot) {
        if (!has(slot)) {
            throw new IllegalStateException("memory slot " + slot + " is closed");
        }
    }

    @SuppressWarnings("ReferenceEquality")
    private boolean has(Slot slot) {
        return find(slot.address) == slot;
    }

    /** The slots at this time: the same array as long as nothing changed. */
    Slot[] slots() {
        return slots;
    }

    @Nullable
    Slot find(long physical) {
        Slot[] all = slots;
        int low = 0;
        int high = all.length - 1;
        while (low <= high) {
            int middle = low + high >>> 1;
            Slot s = all[middle];
            if (s.contains(physical)) {
                return s;
            }
            if (Long.compareUnsigned(physical, s.address) < 0) {
                high = middle - 1;
            } else {
                low = middle + 1;
            }
        }
        return null;
    }

    /** A device has written to guest memory. */
    @Override
    public void written(long address, long length) {
        long at = address;
        for (long left = length; left > 0; ) {
            Slot s = find(at);
            if (s == null) {
                return;
            }
            long n = Math.min(left, s.address + s.size - at);
            written(s, at - s.address, n);
            at += n;
            left -= n;
        }
    }

    /** After every write to a slot but the free ones of processors. */
    void written(Slot slot, long offset, long length) {
        slot.setDirty(offset, length);
        codePages.written(slot, offset, length);
    }
}

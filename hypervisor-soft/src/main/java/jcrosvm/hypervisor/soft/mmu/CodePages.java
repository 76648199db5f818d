package jcrosvm.hypervisor.soft.mmu;

import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Which physical memory holds code that is kept in another form: decoded or translated.
 *
 * <p>Marks are of {@link #CHUNK} bytes. While any chunk of a page is marked, processors write to the page the slow way.
 * A write that hits a marked chunk removes the mark and tells the listeners; a write beside one does not. When the last
 * mark is gone, the page is written at full speed again.
 *
 * <p><b>How to keep code.</b> On the thread of a running processor: {@link #mark}, then read the bytes, then enter the
 * result into the tables; in between no other processor waits for this one ({@link Coherence.Processor#safepoint}), so
 * no listener runs. But in {@code mark} itself they may.
 */
public final class CodePages {
    public static final int CHUNK = 64;

    private static final int PAGE = 4096;
    private static final int CHUNK_SHIFT = 6;

    private final PhysicalMemory memory;
    private final Coherence coherence;
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();

    CodePages(PhysicalMemory memory, Coherence coherence) {
        this.memory = memory;
        this.coherence = coherence;
    }

    /** Told of code that is not what it was. */
    @FunctionalInterface
    public interface Listener {
        /**
         * Everything that was made of these bytes must go. Called by any thread while all processors are stopped, also
         * in the middle of the instruction that wrote.
         *
         * @param page physical address of a page
         * @param offset multiple of {@link #CHUNK}
         * @param length multiple of {@link #CHUNK}
         */
        void codeChanged(long page, int offset, int length);
    }

    public void listen(Listener listener) {
        listeners.add(listener);
    }

    public void ignore(Listener listener) {
        listeners.remove(listener);
    }

    /** Marks a whole page: {@link #mark(long, int)}. */
    public boolean mark(long page) {
        return mark(page & -PAGE, PAGE);
    }

    /**
     * Makes sure that the listeners hear of every later write to a piece of code.
     *
     * @param physical address of the first byte
     * @param length at most to the end of the page
     * @return false when this is not memory: nothing made of it may be kept
     */
    public boolean mark(long physical, int length) {
        Slot slot = memory.find(physical);
        if (slot == null) {
            return false;
        }
        long offset = physical - slot.address;
        long page = offset >>> Slot.PAGE_SHIFT;
        long chunks = chunks((int) offset & PAGE - 1, length);
        if (!slot.addCode(page, chunks, false)) {
            coherence.exclusive(() -> {
                slot.addCode(page, chunks, true);
                coherence.dropWrites(slot.hostAddress + (page << Slot.PAGE_SHIFT));
            });
        }
        return memory.find(physical) == slot || mark(physical, length);
    }

    private static long chunks(int offset, int length) {
        int first = offset >>> CHUNK_SHIFT;
        int last = Math.min(offset + length - 1, PAGE - 1) >>> CHUNK_SHIFT;
        return -1L << first & -1L >>> 63 - last;
    }

    /** After any write to a slot. */
    void written(Slot slot, long offset, long length) {
        if (length <= 0) {
            return;
        }
        VarHandle.fullFence(); // the write before the look at the marks
        long end = offset + length;
        for (long at = offset; at < end; at = (at | PAGE - 1) + 1) {
            long page = at >>> Slot.PAGE_SHIFT;
            long marked = slot.codeIn(page);
            if (marked != 0) {
                int within = (int) at & PAGE - 1;
                long hit = marked & chunks(within, (int) Math.min(end - at, PAGE - within));
                if (hit != 0) {
                    coherence.exclusive(() -> changed(slot, page, hit));
                }
            }
        }
    }

    private void changed(Slot slot, long page, long chunks) {
        long hit = slot.removeCode(page, chunks);
        long address = slot.address + (page << Slot.PAGE_SHIFT);
        while (hit != 0) {
            int first = Long.numberOfTrailingZeros(hit);
            int count = Long.numberOfTrailingZeros(~(hit >>> first));
            for (Listener listener : listeners) {
                listener.codeChanged(address, first << CHUNK_SHIFT, count << CHUNK_SHIFT);
            }
            hit = first + count == 64 ? 0 : hit & -1L << first + count;
        }
    }

    /** Before a slot goes; all processors are stopped. */
    void forget(Slot slot) {
        for (long page = 0; page < slot.size >>> Slot.PAGE_SHIFT; page++) {
            if (slot.codeIn(page) != 0) {
                changed(slot, page, -1L);
            }
        }
    }
}

package jcrosvm.devices.balloon;

import java.util.Arrays;
import jcrosvm.base.OsException;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;

/** Gives pages of the guest back to the host, neighbours together. Not thread-safe. */
final class PageRelease {
    static final int PAGE_SHIFT = 12;
    private static final long PAGE = 1L << PAGE_SHIFT;
    private static final int BATCH = 1024;
    private static final System.Logger LOG = System.getLogger("balloon");

    private final long[] pages = new long[BATCH];
    private int count;
    private boolean complained;

    /** Adds a page by its number, whatever it is. */
    void add(GuestMemory memory, int frame) {
        if (count == BATCH) {
            flush(memory);
        }
        pages[count++] = (frame & 0xffffffffL) << PAGE_SHIFT;
    }

    /** Gives back what was added. */
    void flush(GuestMemory memory) {
        Arrays.sort(pages, 0, count);
        for (int i = 0; i < count; ) {
            long start = pages[i];
            long end = start + PAGE;
            for (i++; i < count && pages[i] <= end; i++) {
                end = pages[i] + PAGE;
            }
            release(memory, start, end - start);
        }
        count = 0;
    }

    /** Gives back the whole pages of a range; what is not RAM is left out. */
    void release(GuestMemory memory, long address, long length) {
        long from = address + PAGE - 1 & -PAGE;
        long to = address + length & -PAGE;
        long inRam = 0;
        for (MemoryRegion region : memory.regions()) {
            long start = Math.max(from, region.address());
            long end = Math.min(to, region.end());
            if (start < end) {
                discard(memory, region, start, end - start);
                inRam += end - start;
            }
        }
        if (inRam < to - from) {
            complain("the guest puts pages into the balloon that it does not have, such as at 0x%x".formatted(from));
        }
    }

    private void discard(GuestMemory memory, MemoryRegion region, long address, long length) {
        try {
            region.discard(address, length);
        } catch (OsException e) {
            complain("cannot give memory back to the host: " + e.getMessage());
        }
        // They read as zero now: code that was translated from them must go.
        memory.written(address, length);
    }

    private void complain(String problem) {
        LOG.log(complained ? System.Logger.Level.DEBUG : System.Logger.Level.WARNING, problem);
        complained = true;
    }
}

package jcrosvm.disk.qcow2;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collection;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** How often each cluster of the file is referred to by tables, counted anew; only stretches that are have memory, beside the heap. */
final class References {
    static final int PAGE_BITS = 15;
    /** 128 MiB: 2 TiB of clusters of 64 KiB. */
    private static final int MOST_PAGES = 1024;

    private final Qcow2File file;
    private final Arena arena = Arena.ofAuto();
    private final TreeMap<Long, MemorySegment> pages = new TreeMap<>();
    private long lastKey = -1;
    private @Nullable MemorySegment last;

    References(Qcow2File file) {
        this.file = file;
    }

    int get(long cluster) {
        MemorySegment page = page(cluster);
        return page == null ? 0 : page.getAtIndex(ValueLayout.JAVA_INT, cluster & (1 << PAGE_BITS) - 1);
    }

    private @Nullable MemorySegment page(long cluster) {
        long key = cluster >>> PAGE_BITS;
        if (key != lastKey) {
            last = pages.get(key);
            lastKey = key;
        }
        return last;
    }

    void add(long cluster, int count) {
        MemorySegment page = page(cluster);
        if (page == null) {
            if (pages.size() >= MOST_PAGES) {
                throw file.unusable("is too large to be checked here; use qemu-img check");
            }
            page = arena.allocate(ValueLayout.JAVA_INT, 1 << PAGE_BITS);
            pages.put(cluster >>> PAGE_BITS, page);
            last = page;
        }
        long index = cluster & (1 << PAGE_BITS) - 1;
        long sum = (long) page.getAtIndex(ValueLayout.JAVA_INT, index) + count;
        page.setAtIndex(ValueLayout.JAVA_INT, index, (int) Math.min(Integer.MAX_VALUE, sum));
    }

    /** First clusters of the stretches that have counts, in order. */
    Collection<Long> stretches() {
        return pages.keySet().stream().map(key -> key << PAGE_BITS).toList();
    }

    /** One more than the last cluster that is referred to. */
    long end() {
        for (long start : pages.descendingKeySet()) {
            for (long c = (start + 1 << PAGE_BITS) - 1; c >= start << PAGE_BITS; c--) {
                if (get(c) != 0) {
                    return c + 1;
                }
            }
        }
        return 0;
    }
}

package jcrosvm.hypervisor.soft.translate;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.function.IntConsumer;

/** Sites of linked jumps by the linear page that they go to, so that a page that is mapped anew costs only its own. */
final class PageLinks {
    private static final int PAGE = 4096;

    private static final class Sites {
        int[] site = new int[4];
        int count;

        void add(int s) {
            if (count == site.length) {
                site = Arrays.copyOf(site, 2 * count);
            }
            site[count++] = s;
        }

        void forEach(IntConsumer action) {
            for (int i = 0; i < count; i++) {
                action.accept(site[i]);
            }
        }
    }

    private final Map<Long, Sites> pages = new HashMap<>();

    /** @param last address of the last byte that the target of the jump depends on */
    void add(int site, long target, long last) {
        add(site, target >>> 12);
        if ((target ^ last) >>> 12 != 0) {
            add(site, last >>> 12);
        }
    }

    private void add(int site, long page) {
        pages.computeIfAbsent(page, p -> new Sites()).add(site);
    }

    /** Removes all, telling of each. */
    void removeAll(IntConsumer action) {
        for (Sites sites : pages.values()) {
            sites.forEach(action);
        }
        pages.clear();
    }

    /** Removes those to a range of whole pages, telling of each at least once. */
    void remove(long linear, long length, IntConsumer action) {
        long first = linear >>> 12;
        long count = length / PAGE;
        if (count == 1) {
            Sites sites = pages.remove(first);
            if (sites != null) {
                sites.forEach(action);
            }
            return;
        }
        for (Iterator<Map.Entry<Long, Sites>> all = pages.entrySet().iterator(); all.hasNext(); ) {
            Map.Entry<Long, Sites> entry = all.next();
            if (Long.compareUnsigned(entry.getKey() - first, count) < 0) {
                entry.getValue().forEach(action);
                all.remove();
            }
        }
    }

    void clear() {
        pages.clear();
    }
}

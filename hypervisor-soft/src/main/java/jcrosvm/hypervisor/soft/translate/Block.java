package jcrosvm.hypervisor.soft.translate;

import java.util.Arrays;
import jcrosvm.hypervisor.soft.mmu.CodePages;
import org.jspecify.annotations.Nullable;

/** Translated code of a run of instructions within a page. */
final class Block {
    /** Guest address of the first instruction. */
    final long linear;
    /** Physical address of its page. */
    final long page;

    final int mode;
    /** Bytes of guest code that it depends on. */
    final int length;
    /** Physical address of the page that the only instruction ends in, or {@link #ONE_PAGE}. */
    final long second;

    static final long ONE_PAGE = -1;
    /** Chunks of its page ({@link CodePages#CHUNK}), a bit each, that told which flags need not be right at its end. */
    final long looked;
    /** Host offset of the entry with the flags in {@link Frame#FLAGS}. */
    final int entry;
    /** Host offset of the entry with the flags in the host's register. */
    final int nativeEntry;
    /** There is nothing to gain from entering it. */
    final boolean interpreted;

    private int[] links = new int[2];
    private int linkCount;

    @Nullable
    Block nextInTable;

    boolean dropped;

    Block(
            long linear,
            long page,
            int mode,
            int length,
            long second,
            long looked,
            int entry,
            int nativeEntry,
            boolean interpreted) {
        this.linear = linear;
        this.page = page;
        this.mode = mode;
        this.length = length;
        this.second = second;
        this.looked = looked;
        this.entry = entry;
        this.nativeEntry = nativeEntry;
        this.interpreted = interpreted;
    }

    /** Sites that may jump here: some may have been unlinked meanwhile. */
    int[] links() {
        return links;
    }

    int linkCount() {
        return linkCount;
    }

    void linkCount(int count) {
        linkCount = count;
    }

    boolean linksAreFull() {
        return linkCount == links.length;
    }

    void addLink(int site) {
        if (linkCount == links.length) {
            links = Arrays.copyOf(links, 2 * linkCount);
        }
        links[linkCount++] = site;
    }

    /** The chunks of a page that a range of it touches; not empty, not beyond the page. */
    static long chunks(int from, int to) {
        return -1L << from / CodePages.CHUNK & -1L >>> 63 - (to - 1) / CodePages.CHUNK;
    }

    /** Whether it depends on a piece of one of its pages. */
    boolean overlaps(long changed, int offset, int size) {
        if (changed == page && (looked & chunks(offset, offset + size)) != 0) {
            return true;
        }
        int start = ((int) linear & 4095) - (changed == page ? 0 : 4096);
        return start < offset + size && offset < start + length;
    }
}

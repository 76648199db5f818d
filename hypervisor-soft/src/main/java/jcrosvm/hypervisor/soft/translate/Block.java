package jcrosvm.hypervisor.soft.translate;

import jcrosvm.hypervisor.soft.mmu.CodePages;

/** What is known of a block while it is translated; {@link Blocks} keeps it afterwards. Used again for the next one. */
final class Block {
    /** As {@link #second}: the block lies in one page. */
    static final long ONE_PAGE = -1;

    /** Guest address of the first instruction. */
    long linear;
    /** Physical address of its page. */
    long page;

    int mode;
    /** Bytes of guest code that it depends on. */
    int length;
    /** Physical address of the page that the only instruction ends in, or {@link #ONE_PAGE}. */
    long second;
    /** Chunks of its page ({@link CodePages#CHUNK}), a bit each, that told which flags need not be right at its end. */
    long looked;
    /** Where in the emitted code the flags are in {@link Frame#FLAGS}. */
    int entry;
    /** Where in the emitted code the flags are in the host's register. */
    int nativeEntry;
    /** There is nothing to gain from entering it. */
    boolean interpreted;

    /** The chunks of a page that a range of it touches; not empty, not beyond the page. */
    static long chunks(int from, int to) {
        return -1L << from / CodePages.CHUNK & -1L >>> 63 - (to - 1) / CodePages.CHUNK;
    }
}

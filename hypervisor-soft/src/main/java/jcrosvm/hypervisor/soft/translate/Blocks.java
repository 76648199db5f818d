package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The headers of translated blocks. A header stands in the memory of the code, before the block's code, so that whatever
 * belongs to a block is bounded by that memory. A block is known by the offset of its header, a multiple of
 * {@link #ALIGNMENT}; 0 is none.
 */
final class Blocks {
    static final int NONE = 0;
    static final int ALIGNMENT = 16;
    /** Bytes of a header. */
    static final int SIZE = 64;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;

    // See Block for what the values mean.
    private static final int LINEAR = 0;
    private static final int PAGE = 8;
    private static final int SECOND = 16;
    private static final int LOOKED = 24;
    private static final int ENTRY = 32;
    private static final int NATIVE_ENTRY = 36;
    private static final int NEXT = 40;
    private static final int NEXT_IN_PAGE = 44;
    private static final int NEXT_IN_SECOND = 48;
    private static final int LINKS = 52;
    private static final int LENGTH = 56;
    private static final int TRAITS = 60;

    // TRAITS: the mode in the low bits.
    private static final int MODE = 0xff;
    private static final int INTERPRETED = 1 << 8;
    private static final int DROPPED = 1 << 9;

    private final MemorySegment memory;

    Blocks(MemorySegment memory) {
        this.memory = memory;
    }

    /** @param code offset of the block's code */
    void write(int block, Block from, int code) {
        memory.set(LONG, block + LINEAR, from.linear);
        memory.set(LONG, block + PAGE, from.page);
        memory.set(LONG, block + SECOND, from.second);
        memory.set(LONG, block + LOOKED, from.looked);
        memory.set(INT, block + ENTRY, code + from.entry);
        memory.set(INT, block + NATIVE_ENTRY, code + from.nativeEntry);
        memory.set(INT, block + LINKS, Sites.NONE);
        memory.set(INT, block + LENGTH, from.length);
        memory.set(INT, block + TRAITS, from.mode | (from.interpreted ? INTERPRETED : 0));
    }

    long linear(int block) {
        return memory.get(LONG, block + LINEAR);
    }

    long page(int block) {
        return memory.get(LONG, block + PAGE);
    }

    long second(int block) {
        return memory.get(LONG, block + SECOND);
    }

    int entry(int block) {
        return memory.get(INT, block + ENTRY);
    }

    int nativeEntry(int block) {
        return memory.get(INT, block + NATIVE_ENTRY);
    }

    int mode(int block) {
        return memory.get(INT, block + TRAITS) & MODE;
    }

    boolean interpreted(int block) {
        return (memory.get(INT, block + TRAITS) & INTERPRETED) != 0;
    }

    boolean dropped(int block) {
        return (memory.get(INT, block + TRAITS) & DROPPED) != 0;
    }

    void setDropped(int block) {
        memory.set(INT, block + TRAITS, memory.get(INT, block + TRAITS) | DROPPED);
    }

    /** The next block with the same hash. */
    int next(int block) {
        return memory.get(INT, block + NEXT);
    }

    void next(int block, int other) {
        memory.set(INT, block + NEXT, other);
    }

    /** What follows in the list of the block's page, or of its second page. */
    int nextInPage(int block, boolean second) {
        return memory.get(INT, block + (second ? NEXT_IN_SECOND : NEXT_IN_PAGE));
    }

    void nextInPage(int block, boolean second, int other) {
        memory.set(INT, block + (second ? NEXT_IN_SECOND : NEXT_IN_PAGE), other);
    }

    /** The first of the sites that jump to the block ({@link Sites#next}). */
    int links(int block) {
        return memory.get(INT, block + LINKS);
    }

    void links(int block, int site) {
        memory.set(INT, block + LINKS, site);
    }

    boolean is(int block, long linear, long page, int mode) {
        return linear(block) == linear && page(block) == page && mode(block) == mode;
    }

    /** Whether it depends on a piece of one of its pages. */
    boolean overlaps(int block, long changed, int offset, int size) {
        boolean first = changed == page(block);
        if (first && (memory.get(LONG, block + LOOKED) & Block.chunks(offset, offset + size)) != 0) {
            return true;
        }
        int length = memory.get(INT, block + LENGTH);
        int start = (int) linear(block) & 4095;
        return first && overlaps(start, length, offset, size)
                || changed == second(block) && overlaps(start - 4096, length, offset, size);
    }

    private static boolean overlaps(int start, int length, int offset, int size) {
        return start < offset + size && offset < start + length;
    }
}

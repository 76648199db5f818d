package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jcrosvm.hypervisor.soft.mmu.Tlb;

/** Where indirect jumps go: linear addresses and host addresses, in {@link Frame#JUMPS}, one table a context. */
final class JumpCache {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final int ENTRIES = Frame.JUMPS_SIZE / 16;
    private static final int STEP = 16;

    private final MemorySegment state;
    /** A table that no address hits: the key of each pair belongs into another one. */
    private final long[] empty = new long[2 * ENTRIES];
    /** Offsets in the state of pairs whose page is not global; some more than once. */
    private int[] local = new int[256];

    private int locals;
    /** Pages, hashed, of which there are addresses. */
    private final long[] pages = new long[64];

    JumpCache(MemorySegment state) {
        this.state = state;
        for (int i = 0; i < ENTRIES; i++) {
            empty[2 * i] = nobody(i * STEP);
        }
        clear();
    }

    /** An address that does not belong into the pair at an offset of a table. */
    private static long nobody(int offset) {
        return offset == Frame.jumpOffset(0) ? 1 : 0;
    }

    private static int at(int context, long linear) {
        return Frame.jumps(context) + Frame.jumpOffset(linear);
    }

    void put(int context, long linear, long host, boolean global) {
        int at = at(context, linear);
        state.set(LONG, at, linear);
        state.set(LONG, at + 8, host);
        int page = (int) (linear >>> 12);
        pages[page >>> 6 & 63] |= 1L << page;
        if (!global) {
            if (locals == local.length) {
                local = Arrays.copyOf(local, 2 * locals);
            }
            local[locals++] = at;
        }
    }

    private void drop(int at) {
        state.set(LONG, at, nobody(at - Frame.JUMPS & Frame.JUMP_MASK));
    }

    void remove(int context, long linear) {
        int at = at(context, linear);
        if (state.get(LONG, at) == linear) {
            drop(at);
        }
    }

    void clear() {
        for (int context = 0; context < Tlb.CONTEXTS; context++) {
            MemorySegment.copy(empty, 0, state, LONG, Frame.jumps(context), empty.length);
        }
        locals = 0;
        Arrays.fill(pages, 0);
    }

    void clearLocal() {
        for (int i = 0; i < locals; i++) {
            drop(local[i]);
        }
        locals = 0;
    }

    private boolean mayHave(long linear) {
        int page = (int) (linear >>> 12);
        return (pages[page >>> 6 & 63] >>> page & 1) != 0;
    }

    void clearRange(long linear, long length) {
        if (length < 2 * 4096 && !mayHave(linear) && !mayHave(linear + length - 1)) {
            return;
        }
        for (int context = 0; context < Tlb.CONTEXTS; context++) {
            for (int i = 0; i < ENTRIES; i++) {
                int at = Frame.jumps(context) + i * STEP;
                if (Long.compareUnsigned(state.get(LONG, at) - linear, length) < 0) {
                    drop(at);
                }
            }
        }
    }
}

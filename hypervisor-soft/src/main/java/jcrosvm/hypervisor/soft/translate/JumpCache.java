package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.mmu.Tlb;

/**
 * Where a processor's jumps to other pages and its indirect ones go: linear addresses and host addresses, in
 * {@link Frame#JUMPS}, one table a context. An address stays as long as the TLB remembers its page.
 */
final class JumpCache implements Tlb.Listener {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final int ENTRIES = Frame.JUMPS_SIZE / 16;
    private static final int STEP = 16;
    private static final int PAGE = 4096;

    /** A table that no address hits: the key of each pair belongs into another one. */
    private static final long[] EMPTY = new long[2 * ENTRIES];

    static {
        for (int i = 0; i < ENTRIES; i++) {
            EMPTY[2 * i] = absent(i * STEP);
        }
    }

    private final MemorySegment state;
    /** Offsets in the state of pairs whose page is not global; some more than once. */
    private final int[] local = new int[ENTRIES];

    private int locals;

    private final Pages[] localPages = new Pages[Tlb.CONTEXTS];
    private final Pages[] globalPages = new Pages[Tlb.CONTEXTS];
    /** Contexts with anything in their tables. */
    private int used = (1 << Tlb.CONTEXTS) - 1;

    /** A set of pages that may answer yes for others. */
    private static final class Pages {
        private final long[] bits = new long[64];

        void add(long linear) {
            int page = (int) (linear >>> 12);
            bits[page >>> 6 & 63] |= 1L << page;
        }

        boolean mayHave(long linear) {
            int page = (int) (linear >>> 12);
            return (bits[page >>> 6 & 63] >>> page & 1) != 0;
        }

        void clear() {
            Arrays.fill(bits, 0);
        }
    }

    JumpCache(MemorySegment state) {
        this.state = state;
        for (int context = 0; context < Tlb.CONTEXTS; context++) {
            localPages[context] = new Pages();
            globalPages[context] = new Pages();
        }
        clear();
    }

    /** An address that does not belong into the pair at an offset of a table. */
    private static long absent(int offset) {
        return offset == Frame.jumpOffset(0) ? 1 : 0;
    }

    private static int at(int context, long linear) {
        return Frame.jumps(context) + Frame.jumpOffset(linear);
    }

    void put(int context, long linear, long host, boolean global) {
        if (!global && locals == local.length) {
            clearLocal(); // the list is full of pairs that were replaced
        }
        int at = at(context, linear);
        state.set(LONG, at, linear);
        state.set(LONG, at + 8, host);
        used |= 1 << context;
        (global ? globalPages : localPages)[context].add(linear);
        if (!global) {
            local[locals++] = at;
        }
    }

    private void drop(int context, int at) {
        state.set(LONG, at, absent(at - Frame.jumps(context)));
    }

    void remove(int context, long linear) {
        int at = at(context, linear);
        if (state.get(LONG, at) == linear) {
            drop(context, at);
        }
    }

    void clear() {
        for (int context = 0; context < Tlb.CONTEXTS; context++) {
            if ((used >>> context & 1) != 0) {
                MemorySegment.copy(EMPTY, 0, state, LONG, Frame.jumps(context), EMPTY.length);
                localPages[context].clear();
                globalPages[context].clear();
            }
        }
        used = 0;
        locals = 0;
    }

    private void clearLocal() {
        for (int i = 0; i < locals; i++) {
            int at = local[i];
            drop((at - Frame.JUMPS) / Frame.JUMPS_SIZE, at);
        }
        locals = 0;
        for (Pages pages : localPages) {
            pages.clear();
        }
    }

    @Override
    public void flushed(boolean globalToo) {
        if (globalToo) {
            clear();
        } else {
            clearLocal();
        }
    }

    @Override
    public void flushed(long linear, long length) {
        // Also what begins just before the range and may end in it.
        long from = linear - Decoder.MAX_LENGTH;
        long all = length + Decoder.MAX_LENGTH;
        for (int context = 0; context < Tlb.CONTEXTS; context++) {
            if ((used >>> context & 1) != 0 && mayHave(context, from, all)) {
                clearRange(context, from, all);
            }
        }
    }

    private boolean mayHave(int context, long from, long length) {
        return length >= 2 * PAGE || mayHave(context, from) || mayHave(context, from + length - 1);
    }

    private boolean mayHave(int context, long linear) {
        return localPages[context].mayHave(linear) || globalPages[context].mayHave(linear);
    }

    private void clearRange(int context, long from, long length) {
        int end = Frame.jumps(context) + Frame.JUMPS_SIZE;
        for (int at = Frame.jumps(context); at < end; at += STEP) {
            if (Long.compareUnsigned(state.get(LONG, at) - from, length) < 0) {
                drop(context, at);
            }
        }
    }
}

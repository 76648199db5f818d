package jcrosvm.hypervisor.soft.mmu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import org.jspecify.annotations.Nullable;

/**
 * The translation lookaside buffers of one processor, in memory that generated code uses too.
 *
 * <p><b>Layout.</b> From {@link StateLayout#TLB} on there is an array of {@link #ENTRIES} entries for each
 * {@link #CONTEXTS context} (the kind of access: {@link #USER}, {@link #SUPERVISOR}, {@link #SUPERVISOR_ANY}), at
 * {@link #offset(int)}. Linear page p belongs into entry {@code p & (ENTRIES - 1)} of {@link #ENTRY_SIZE} bytes: three
 * tags at {@link #READ}, {@link #WRITE} and {@link #EXECUTE} and a long at {@link #PAGE}. A tag is the linear address
 * of the page, or that of page {@code index ^ 1}, which can never be looked for there, when the right is missing.
 * An access of n bytes at {@code va} hits if {@code (va ^ tag) <= 4096 - n}, unsigned: one compare finds the wrong page
 * and the end of the page. What the exclusive-or gave plus the long at {@link #PAGE} then is its host address. All
 * entries are RAM.
 *
 * <p>The write tag is missing for pages whose writes must be reported: not yet dirty ones, code, logged and
 * read-only memory. {@link Mmu} does what is due in its slow path, after which the tag may be there.
 *
 * <p>Behind the arrays there are {@link #VICTIMS} more entries for each context, which keep what was replaced last: pages
 * that are copied to each other often share an entry. Only {@link #recall} looks there.
 *
 * <p>Only the processor's own thread touches it, or the thread that has stopped it ({@link Coherence}).
 */
public final class Tlb {
    public static final int ENTRIES = 4096;
    public static final int ENTRY_SIZE = 32;
    public static final int READ = 0;
    public static final int WRITE = 8;
    public static final int EXECUTE = 16;
    /** Host address of the page. */
    public static final int PAGE = 24;

    /** Where an address shifted right by this has {@link #INDEX_MASK}, the offset of its entry. */
    public static final int INDEX_SHIFT = 7;

    public static final int INDEX_MASK = (ENTRIES - 1) * ENTRY_SIZE;

    /** CPL 3. */
    public static final int USER = 0;
    /** CPL 0 to 2 and implicit accesses while SMAP keeps user pages away. */
    public static final int SUPERVISOR = 1;
    /** CPL 0 to 2 without SMAP or with RFLAGS.AC. */
    public static final int SUPERVISOR_ANY = 2;

    public static final int CONTEXTS = 3;

    /** Kinds of entries. */
    static final int GLOBAL = 1;
    /** Part of a page of 2 or 4 MiB. */
    static final int LARGE = 2;
    /** Part of a page of 1 GiB. */
    static final int HUGE = 4;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final int MASK = ENTRIES - 1;
    private static final int CONTEXT_SIZE = ENTRIES * ENTRY_SIZE;
    private static final int VICTIMS = 8;
    private static final int FIRST_VICTIM = CONTEXTS * ENTRIES;
    private static final int ALL = FIRST_VICTIM + CONTEXTS * VICTIMS;
    /** Tag of a right that an entry among the victims lacks. */
    private static final long NO_PAGE = 1;

    private static final long[] EMPTY = new long[ENTRIES * ENTRY_SIZE / 8];

    static {
        if (ALL * ENTRY_SIZE > StateLayout.TLB_SIZE) {
            throw new AssertionError();
        }
        for (int k = 0; k < ENTRIES; k++) {
            Arrays.fill(EMPTY, k * 4, k * 4 + 3, invalidTag(k));
        }
    }

    /** Told of what is forgotten, on the processor's thread or while it is stopped. */
    public interface Listener {
        void flushed(boolean globalToo);

        /** Any page that begins in the range. */
        void flushed(long linear, long length);
    }

    private static final Listener NOBODY = new Listener() {
        @Override
        public void flushed(boolean globalToo) {}

        @Override
        public void flushed(long linear, long length) {}
    };

    Listener listener = NOBODY;

    private final MemorySegment state;
    /** What each entry points into. */
    private final @Nullable Slot[] slots = new Slot[ALL];

    private final byte[] kinds = new byte[ALL];
    /** Entries that were filled with something not global since the last flush, each once. */
    private final int[] local = new int[CONTEXTS * ENTRIES];

    private int locals;
    private final boolean[] listed = new boolean[CONTEXTS * ENTRIES];
    /** Contexts that anything was filled into since they were emptied. */
    private int used = (1 << CONTEXTS) - 1;
    /** The victim of each context that is replaced next. */
    private final int[] oldest = new int[CONTEXTS];
    /** Host pages, hashed, that something may be allowed to write since the last full flush. */
    private final long[] writable = new long[256];

    /** Regions of 4 MiB, hashed, into which part of a large page was filled since the last full flush. */
    private final long[] large = new long[16];

    private boolean huge;

    Tlb(MemorySegment state) {
        this.state = state;
        flushAll();
    }

    /** Where a context's entries begin in the processor's state. */
    public static int offset(int context) {
        return StateLayout.TLB + context * CONTEXT_SIZE;
    }

    private static long invalidTag(int k) {
        return (long) (k ^ 1) << 12;
    }

    /** Number of the entry for an address: index of {@link #slot} and of no use outside. */
    static int index(int context, long linear) {
        return context * ENTRIES + ((int) (linear >>> 12) & MASK);
    }

    static long at(int index) {
        return StateLayout.TLB + ((long) index << 5);
    }

    /** Whether entry {@code index} serves {@code size} bytes at an address with right {@code tag}. */
    boolean hits(int index, int tag, long linear, int size) {
        return Long.compareUnsigned(linear ^ state.get(LONG, at(index) + tag), 4096L - size) <= 0;
    }

    /** Of an entry that hits. */
    Slot slot(int index) {
        Slot s = slots[index];
        if (s == null) {
            throw new IllegalStateException("TLB entry without memory");
        }
        return s;
    }

    /** Of an entry that hits: where in its slot. */
    long slotOffset(int index, Slot slot, long linear) {
        return (linear & 4095) + state.get(LONG, at(index) + PAGE) - slot.hostAddress;
    }

    private static int victim(int context, int n) {
        return FIRST_VICTIM + context * VICTIMS + n;
    }

    private static long none(int index) {
        return index < FIRST_VICTIM ? invalidTag(index & MASK) : NO_PAGE;
    }

    /** Fills one entry. Rights as {@link PageWalker#CAN_READ} and so on; {@code offset} is the page's in its slot. */
    void fill(int context, long linear, Slot slot, long offset, int rights, int kind) {
        int index = index(context, linear);
        long page = linear & -4096;
        long replaced = pageOf(index);
        if (replaced != page && replaced != none(index)) {
            int victim = victim(context, oldest[context]);
            oldest[context] = (oldest[context] + 1) % VICTIMS;
            set(victim, replaced, rights(index, replaced), hostPage(index), slot(index), kinds[index]);
        }
        set(index, page, rights, slot.hostAddress + offset, slot, kind);
        used |= 1 << context;
        if ((kind & LARGE) != 0) {
            int region = (int) (linear >>> 22);
            large[region >>> 6 & 15] |= 1L << region;
        }
        huge |= (kind & HUGE) != 0;
    }

    private void set(int index, long page, int rights, long host, Slot slot, int kind) {
        long none = none(index);
        long at = at(index);
        state.set(LONG, at + READ, (rights & PageWalker.CAN_READ) != 0 ? page : none);
        state.set(LONG, at + WRITE, (rights & PageWalker.CAN_WRITE) != 0 ? page : none);
        state.set(LONG, at + EXECUTE, (rights & PageWalker.CAN_EXECUTE) != 0 ? page : none);
        state.set(LONG, at + PAGE, host);
        slots[index] = slot;
        kinds[index] = (byte) kind;
        if ((rights & PageWalker.CAN_WRITE) != 0) {
            writable[(int) (host >>> 18) & 255] |= 1L << (host >>> 12);
        }
        if (index < FIRST_VICTIM && (kind & GLOBAL) == 0 && !listed[index]) {
            listed[index] = true;
            local[locals++] = index;
        }
    }

    private int rights(int index, long page) {
        long at = at(index);
        return (state.get(LONG, at + READ) == page ? PageWalker.CAN_READ : 0)
                | (state.get(LONG, at + WRITE) == page ? PageWalker.CAN_WRITE : 0)
                | (state.get(LONG, at + EXECUTE) == page ? PageWalker.CAN_EXECUTE : 0);
    }

    private long hostPage(int index) {
        return state.get(LONG, at(index) + PAGE);
    }

    /** Puts a page that was replaced not long ago into its entry again, if that would hit; false if not. */
    boolean recall(int context, int tag, long linear) {
        long page = linear & -4096;
        for (int n = 0; n < VICTIMS; n++) {
            int victim = victim(context, n);
            if (state.get(LONG, at(victim) + tag) == page) {
                int rights = rights(victim, page);
                long host = hostPage(victim);
                Slot slot = slot(victim);
                int kind = kinds[victim];
                int index = index(context, linear);
                long replaced = pageOf(index);
                if (replaced == page || replaced == none(index)) {
                    drop(victim);
                } else {
                    set(victim, replaced, rights(index, replaced), hostPage(index), slot(index), kinds[index]);
                }
                set(index, page, rights, host, slot, kind);
                return true;
            }
        }
        return false;
    }

    private void drop(int index) {
        long at = at(index);
        long none = none(index);
        state.set(LONG, at + READ, none);
        state.set(LONG, at + WRITE, none);
        state.set(LONG, at + EXECUTE, none);
    }

    /** Everything, global or not. */
    void flushAll() {
        for (int context = 0; context < CONTEXTS; context++) {
            if ((used & 1 << context) != 0) {
                MemorySegment.copy(EMPTY, 0, state, LONG, offset(context), EMPTY.length);
                Arrays.fill(slots, context * ENTRIES, (context + 1) * ENTRIES, null);
            }
        }
        for (int victim = FIRST_VICTIM; victim < ALL; victim++) {
            drop(victim);
            slots[victim] = null;
        }
        used = 0;
        Arrays.fill(writable, 0);
        unlist();
        Arrays.fill(large, 0);
        huge = false;
        listener.flushed(true);
    }

    boolean isGlobal(int index) {
        return (kinds[index] & GLOBAL) != 0;
    }

    /** What is not global. */
    void flushLocal() {
        for (int i = 0; i < locals; i++) {
            int index = local[i];
            if ((kinds[index] & GLOBAL) == 0) {
                drop(index);
            }
        }
        unlist();
        for (int victim = FIRST_VICTIM; victim < ALL; victim++) {
            if ((kinds[victim] & GLOBAL) == 0) {
                drop(victim);
            }
        }
        listener.flushed(false);
    }

    private void unlist() {
        for (int i = 0; i < locals; i++) {
            listed[local[i]] = false;
        }
        locals = 0;
    }

    /** The page around an address, whatever its size, global or not. */
    void flushPage(long linear) {
        for (int context = 0; context < CONTEXTS; context++) {
            drop(index(context, linear)); // whatever entry is in there: a look-up costs as much as a refill
        }
        for (int victim = FIRST_VICTIM; victim < ALL; victim++) {
            if (pageOf(victim) == (linear & -4096)) {
                drop(victim);
            }
        }
        int region = (int) (linear >>> 22);
        if (huge) {
            flushRange(linear & -1L << 30, 1L << 30, ENTRIES);
            listener.flushed(linear & -1L << 30, 1L << 30);
        } else if ((large[region >>> 6 & 15] >>> region & 1) != 0) {
            flushRange(linear & -1L << 22, 1L << 22, Math.min(ENTRIES, 1024));
            listener.flushed(linear & -1L << 22, 1L << 22);
        } else {
            listener.flushed(linear & -4096, 4096);
        }
    }

    private void flushRange(long start, long length, int pages) {
        for (int context = 0; context < CONTEXTS; context++) {
            for (int i = 0; i < pages; i++) {
                flushPart(index(context, start + ((long) i << 12)), start, length);
            }
        }
        for (int victim = FIRST_VICTIM; victim < ALL; victim++) {
            flushPart(victim, start, length);
        }
    }

    private void flushPart(int index, long start, long length) {
        long page = pageOf(index);
        if ((kinds[index] & (LARGE | HUGE)) != 0 && page >= start && page - start < length) {
            drop(index);
        }
    }

    /** Linear address of a valid entry's page, or of a page that does not belong there. */
    private long pageOf(int index) {
        long at = at(index);
        long none = none(index);
        for (int tag = READ; tag <= EXECUTE; tag += 8) {
            long page = state.get(LONG, at + tag);
            if (page != none) {
                return page;
            }
        }
        return none;
    }

    /** Takes the right to write to a page of host memory from all entries. */
    void dropWrites(long hostPage) {
        if ((writable[(int) (hostPage >>> 18) & 255] >>> (hostPage >>> 12) & 1) == 0) {
            return;
        }
        for (int context = 0; context < CONTEXTS; context++) {
            if ((used & 1 << context) != 0) {
                dropWrites(hostPage, context * ENTRIES, ENTRIES);
            }
        }
        dropWrites(hostPage, FIRST_VICTIM, CONTEXTS * VICTIMS);
    }

    private void dropWrites(long hostPage, int first, int count) {
        for (int index = first; index < first + count; index++) {
            if (hostPage(index) == hostPage) {
                state.set(LONG, at(index) + WRITE, none(index));
            }
        }
    }
}

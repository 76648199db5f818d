package jcrosvm.hypervisor.x86;

/**
 * A segment register with its hidden part.
 *
 * @param limit in bytes, already scaled by the granularity
 * @param type the descriptor's four type bits
 */
public record Segment(
        int selector,
        long base,
        int limit,
        int type,
        boolean present,
        int dpl,
        boolean defaultSize,
        boolean codeOrData,
        boolean longMode,
        boolean granularity,
        boolean available,
        boolean unusable) {
    /** Execute, read, accessed. */
    public static final int CODE = 0xb;
    /** Read, write, accessed. */
    public static final int DATA = 0x3;
    /** A busy 32- or 64-bit task state segment. */
    public static final int TSS_BUSY = 0xb;
    /** A local descriptor table. */
    public static final int LDT = 0x2;

    /** A flat 4 GiB segment. */
    public static Segment flat(int selector, int type, boolean longMode) {
        return new Segment(selector, 0, -1, type, true, 0, !longMode, true, longMode, true, false, false);
    }

    /** The same segment elsewhere. */
    public Segment withBase(int newSelector, long newBase) {
        return new Segment(
                newSelector,
                newBase,
                limit,
                type,
                present,
                dpl,
                defaultSize,
                codeOrData,
                longMode,
                granularity,
                available,
                unusable);
    }
}

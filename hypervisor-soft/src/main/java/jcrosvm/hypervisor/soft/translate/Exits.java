package jcrosvm.hypervisor.soft.translate;

import java.util.Arrays;

/**
 * The ways out of the block that is being emitted, and whatever in its code depends on where that will lie. Positions
 * count from the start of the code until {@link #relocate} is told where it goes.
 */
final class Exits {
    private static final int NONE = -1;

    private final Assembler out;
    private final int leave;

    // Sites, by number.
    private int[] info = new int[256];
    private long[] pc = new long[256];
    private int[] where = new int[256];
    /** Linear address of MISS_CONSTANT. */
    private long[] address = new long[256];
    /** With flags that registers tell. */
    private int[] immediate = new int[256];
    /** Where the code that leaves begins, and its record. */
    private int[] stub = new int[256];

    private int[] record = new int[256];
    private int sites;

    // Calls and jumps to what stands at the start of the cache.
    private int[] reference = new int[256];
    private int[] referenced = new int[256];
    private int references;

    /** @param leave offset in the cache of what leaves code ({@link Stubs#leave}) */
    Exits(Assembler out, int leave) {
        this.out = out;
        this.leave = leave;
    }

    void begin() {
        sites = 0;
        references = 0;
    }

    /** A new site; for the arguments see {@link Sites}. */
    int add(int newInfo, long newPc, int newWhere) {
        if (sites == info.length) {
            int length = 2 * sites;
            info = Arrays.copyOf(info, length);
            pc = Arrays.copyOf(pc, length);
            where = Arrays.copyOf(where, length);
            address = Arrays.copyOf(address, length);
            immediate = Arrays.copyOf(immediate, length);
            stub = Arrays.copyOf(stub, length);
            record = Arrays.copyOf(record, length);
        }
        info[sites] = newInfo;
        pc[sites] = newPc;
        where[sites] = newWhere;
        stub[sites] = NONE;
        return sites++;
    }

    /** The same with what registers tell flags by. */
    int add(int newInfo, long newPc, int newWhere, int newImmediate) {
        int site = add(newInfo, newPc, newWhere);
        immediate[site] = newImmediate;
        return site;
    }

    int addConstantMiss(int newInfo, long newPc, int newWhere, int newImmediate, long linear) {
        int site = add(newInfo, newPc, newWhere, newImmediate);
        address[site] = linear;
        return site;
    }

    /** The last four bytes of a jump or call to an offset in the cache. */
    void reference(int offset) {
        if (references == reference.length) {
            reference = Arrays.copyOf(reference, 2 * references);
            referenced = Arrays.copyOf(referenced, 2 * references);
        }
        reference[references] = out.position();
        referenced[references++] = offset;
        out.emit32(0);
    }

    boolean hasStub(int site) {
        return stub[site] != NONE;
    }

    int stub(int site) {
        return stub[site];
    }

    /**
     * Code that leaves.
     *
     * @param start where it begins: instructions may stand before what this emits
     */
    void leave(int site, int start) {
        stub[site] = start;
        out.emit(0x68); // push
        out.emit32(0);
        out.emit(0xe9);
        reference(leave);
        record[site] = out.position();
        out.emit32(info[site]);
        out.emit32(where[site]);
        out.emit64(pc[site]);
        int kind = info[site] & Sites.KIND;
        if (kind == Sites.MISS_CONSTANT) {
            out.emit64(address[site]);
        } else if (kind == Sites.LINK) {
            out.emit64(0); // stub, next
            out.emit64(0); // target, block
        }
        if (info[site] >>> Sites.TOLD_SHIFT != 0) {
            out.emit32(immediate[site]);
        }
    }

    private static final int PUSH_TO_RECORD = 9; // from the operand of the push

    /** Makes the code right for its place. */
    void relocate(int block, int base) {
        for (int i = 0; i < references; i++) {
            out.patch32(reference[i], referenced[i] - (base + reference[i] + 4));
        }
        for (int site = 0; site < sites; site++) {
            if (stub[site] == NONE) {
                continue;
            }
            int at = record[site];
            out.patch32(at - PUSH_TO_RECORD, base + at);
            if (Sites.isPlace(info[site])) {
                out.patch32(at + Sites.WHERE, base + where[site]);
            }
            if ((info[site] & Sites.KIND) == Sites.LINK) {
                out.patch32(at + Sites.STUB, base + stub[site]);
                out.patch32(at + Sites.BLOCK, block);
            }
        }
    }

    int count() {
        return sites;
    }

    /** Whether it is a {@link Sites#LINK}. */
    boolean isLink(int site) {
        return (info[site] & Sites.KIND) == Sites.LINK && stub[site] != NONE;
    }

    /** Where a site's record is, once the code lies at an offset. */
    int record(int site, int base) {
        return base + record[site];
    }
}

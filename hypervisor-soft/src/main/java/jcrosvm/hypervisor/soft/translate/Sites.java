package jcrosvm.hypervisor.soft.translate;

import java.util.Arrays;

/** Places where code goes back to Java: for each number what is to be done and where to go on. */
final class Sites {
    /** A memory access that the TLB does not serve; its address is what the check left in r10 and r11. */
    static final int MISS = 0;
    /** The same at a constant address. */
    static final int MISS_CONSTANT = 1;
    /** A direct jump that is not linked. */
    static final int LINK = 2;
    /** An indirect jump to the address in r10. */
    static final int INDIRECT = 3;
    /** An instruction for the interpreter. */
    static final int INTERPRET = 4;
    /** A jump taken while something is pending. */
    static final int POLL = 5;

    static final int KIND = 7;
    static final int WRITE = 1 << 3;
    /** #GP when the address is not a multiple of the size: let the interpreter say so. */
    static final int ALIGNED = 1 << 4;
    /** The flags live in the host's register at the jump: link to the second entry. */
    static final int NATIVE_FLAGS = 1 << 5;

    /** The jump stays in its linear page. */
    static final int SAME_PAGE = 1 << 6;

    /** Code goes on with the guest's XMM registers loaded. */
    static final int XMM = 1 << 7;

    static final int SIZE_SHIFT = 8;
    static final int SIZE_MASK = 0x1f;

    /** The registers tell the flags, those of an instruction that lies {@link #flagsBack} before {@link #pc}. */
    static final int TOLD_FLAGS = 1 << 13;

    private static final int FLAGS_BACK_SHIFT = 14;

    private int[] info = new int[1 << 14];
    private long[] pc = new long[1 << 14];
    private int[] where = new int[1 << 14];
    private int[] stub = new int[1 << 14];
    private long[] address = new long[1 << 14];
    private int count;

    /**
     * @param newPc guest address of the instruction, or where a jump goes
     * @param newWhere host offset: of the check for MISS, of the slot for LINK; bytes popped for INDIRECT,
     *     instructions that the interpreter has to execute before the flags are known for POLL
     */
    int add(int newInfo, long newPc, int newWhere) {
        if (count == info.length) {
            info = Arrays.copyOf(info, 2 * count);
            pc = Arrays.copyOf(pc, 2 * count);
            where = Arrays.copyOf(where, 2 * count);
            stub = Arrays.copyOf(stub, 2 * count);
            address = Arrays.copyOf(address, 2 * count);
        }
        info[count] = newInfo;
        pc[count] = newPc;
        where[count] = newWhere;
        return count++;
    }

    static String name(int info) {
        return switch (info & KIND) {
            case MISS, MISS_CONSTANT -> (info & WRITE) != 0 ? "write" : "read";
            case LINK -> "link";
            case INDIRECT -> "indirect";
            case INTERPRET -> "interpreter";
            default -> "poll";
        };
    }

    /** The part of a site's information that tells where its flags come from. */
    static int toldFlags(long pc, long source) {
        return TOLD_FLAGS | (int) (pc - source) << FLAGS_BACK_SHIFT;
    }

    /** How many bytes before the site's address. */
    static long flagsBack(int info) {
        return info >> FLAGS_BACK_SHIFT;
    }

    int info(int site) {
        return info[site];
    }

    long pc(int site) {
        return pc[site];
    }

    int where(int site) {
        return where[site];
    }

    /** Host offset of the code that leaves. */
    int stub(int site) {
        return stub[site];
    }

    void stub(int site, int offset) {
        stub[site] = offset;
    }

    /** Linear address of MISS_CONSTANT; physical page of a LINK's jump. */
    long address(int site) {
        return address[site];
    }

    void address(int site, long newAddress) {
        address[site] = newAddress;
    }

    int count() {
        return count;
    }

    void clear() {
        count = 0;
    }
}

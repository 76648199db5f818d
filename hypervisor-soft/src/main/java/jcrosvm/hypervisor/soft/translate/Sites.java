package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Places where code goes back to Java: what is to be done there and where to go on. A site is a record in the memory of
 * the code, behind the instructions that leave, and known by its offset.
 */
final class Sites {
    static final int NONE = 0;

    /** A memory access that the TLB does not serve; its address is what the check left in r10 and r11. */
    static final int MISS = 0;
    /** The same at a constant address. */
    static final int MISS_CONSTANT = 1;
    /** A direct jump within a page that is not linked. */
    static final int LINK = 2;
    /** An indirect jump to the address in r10. */
    static final int INDIRECT = 3;
    /** An instruction for the interpreter. */
    static final int INTERPRET = 4;
    /** A jump taken while something is pending. */
    static final int POLL = 5;
    /** A direct jump that the jump cache does not know. */
    static final int FAR = 6;

    static final int KIND = 7;
    static final int WRITE = 1 << 3;
    /** #GP when the address is not a multiple of the size: let the interpreter say so. */
    static final int ALIGNED = 1 << 4;
    /** The flags live in the host's register at the jump: link to the second entry. */
    static final int NATIVE_FLAGS = 1 << 5;

    /** Code goes on with the guest's XMM registers loaded. */
    static final int XMM = 1 << 7;

    static final int SIZE_SHIFT = 8;
    static final int SIZE_MASK = 0x1f;

    /** Registers tell the flags: what {@link FlagRecord#told} gives, from this bit on. */
    static final int TOLD_SHIFT = 13;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

    // The record.
    private static final int INFO = 0;
    static final int WHERE = 4;
    private static final int PC = 8;
    private static final int ADDRESS = 16; // of MISS_CONSTANT
    private static final int IMMEDIATE = 16; // with flags that registers tell, behind the address if there is one
    static final int STUB = 16; // of LINK, and what follows
    private static final int NEXT = 20;
    private static final int TARGET = 24;
    static final int BLOCK = 28;

    private final MemorySegment memory;

    Sites(MemorySegment memory) {
        this.memory = memory;
    }

    static String name(int info) {
        return switch (info & KIND) {
            case MISS, MISS_CONSTANT -> (info & WRITE) != 0 ? "write" : "read";
            case LINK -> "link";
            case INDIRECT -> "indirect";
            case INTERPRET -> "interpreter";
            case FAR -> "far";
            default -> "poll";
        };
    }

    /** Whether {@link #where} is a place in the code, which moves with it. */
    static boolean isPlace(int info) {
        int kind = info & KIND;
        return kind == MISS || kind == MISS_CONSTANT || kind == LINK;
    }

    int info(int site) {
        return memory.get(INT, site + INFO);
    }

    /** Guest address of the instruction, or where a direct jump goes. */
    long pc(int site) {
        return memory.get(LONG, site + PC);
    }

    /** Host offset: of the check for MISS, of the slot for LINK. Bytes popped for INDIRECT. */
    int where(int site) {
        return memory.get(INT, site + WHERE);
    }

    /** Linear address of MISS_CONSTANT. */
    long address(int site) {
        return memory.get(LONG, site + ADDRESS);
    }

    /** The second operand of the operation whose flags registers tell, if it is none of them. */
    int immediate(int site) {
        int address = (info(site) & KIND) == MISS_CONSTANT ? Long.BYTES : 0;
        return memory.get(INT, site + IMMEDIATE + address);
    }

    // Of LINK

    /** Host offset of the code that leaves. */
    int stub(int site) {
        return memory.get(INT, site + STUB);
    }

    /** The block that the jump is in. */
    int block(int site) {
        return memory.get(INT, site + BLOCK);
    }

    /** The block that the jump goes to, or {@link Blocks#NONE}. */
    int target(int site) {
        return memory.get(INT, site + TARGET);
    }

    /** @param next of the sites that jump to the same block */
    void target(int site, int block, int next) {
        memory.set(INT, site + TARGET, block);
        memory.set(INT, site + NEXT, next);
    }

    int next(int site) {
        return memory.get(INT, site + NEXT);
    }
}

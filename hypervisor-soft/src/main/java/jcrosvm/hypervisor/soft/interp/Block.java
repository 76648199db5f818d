package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.isa.Insn;

/** Decoded instructions that follow each other in one page, up to a branch. Reused for other code when forgotten. */
final class Block {
    static final int MAX = 16;
    /** As {@link #key}: nothing is known here. */
    static final long INVALID = -1;
    /** As {@link #second}: lies in one page. */
    static final long ONE_PAGE = -1;

    /** Physical address of the first byte and size of code ({@link CodeCache#key}). */
    long key = INVALID;
    /** Physical address of the second page, of a lone instruction that crosses into it. */
    long second = ONE_PAGE;

    int count;
    /** Bytes of code. */
    int length;
    /** More instructions could follow, but only the first was asked for. */
    boolean cut;

    final Insn[] insns = new Insn[MAX];
    final byte[] routes = new byte[MAX];
}

package jcrosvm.hypervisor.soft.interp;

import java.util.Arrays;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.mmu.CodePages;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import org.jspecify.annotations.Nullable;

/**
 * Decoded code of one processor, by physical address and size of code. Direct-mapped: what collides is decoded again.
 * Writes to code reach {@link #codeChanged} before the next instruction, since {@link CodePages} knows what is here.
 */
final class CodeCache implements CodePages.Listener {
    private static final int PAGE = 4096;
    private static final int BITS = 14;
    private static final int MODES = 3;
    /** Bytes looked at for a block; at least the longest instruction. */
    private static final int WINDOW = 64;

    private final Cpu cpu;
    private final Mmu mmu;
    private final CodePages pages;
    private final DecodeBudget budget;
    /** Objects taken from the budget. */
    private int held;
    /** More was taken than the budget had: the next block begins with an empty cache. */
    private boolean overdrawn;

    private final @Nullable Block[] blocks = new Block[1 << BITS];
    private final byte[] code = new byte[WINDOW + Decoder.MAX_LENGTH];
    private final byte[] again = new byte[WINDOW + Decoder.MAX_LENGTH];

    CodeCache(Cpu cpu, Mmu mmu, CodePages pages, DecodeBudget budget) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.pages = pages;
        this.budget = budget;
        pages.listen(this);
    }

    void close() {
        pages.ignore(this);
        budget.give(held);
        held = 0;
    }

    /** Names code at a physical address in a mode. */
    static long key(long physical, int codeSize) {
        return physical << 2 | codeSize >> 2; // 2, 4, 8: 0, 1, 2
    }

    private static int index(long key) {
        // Neighbours stay apart; pages and modes are spread.
        return (int) (key >>> 2 ^ (key >>> 14) * 0x9e3779b1L ^ (key & 3) << 10) & (1 << BITS) - 1;
    }

    /** The block at an address, or null. */
    @Nullable
    Block find(long key) {
        Block block = blocks[index(key)];
        return block != null && block.key == key ? block : null;
    }

    /**
     * Decodes the code at RIP. Faults of fetching are thrown: #PF, and #GP(0) beyond the limit of CS and for an
     * instruction that is too long.
     *
     * @param linear address of RIP
     * @param physical the same behind paging
     * @param max how many instructions are wanted
     */
    Block build(long linear, long physical, int max) {
        int codeSize = cpu.codeSize();
        long key = key(physical, codeSize);
        int index = index(key);
        makeRoom();
        Block block = blocks[index];
        if (block == null) {
            took();
            block = new Block();
            blocks[index] = block;
        }
        block.key = Block.INVALID;
        do {
            decode(block, linear, codeSize, max);
        } while (!keep(block, linear, physical, key));
        return block;
    }

    private void decode(Block block, long linear, int codeSize, int max) {
        long allowed = WINDOW;
        if (codeSize != 8) {
            allowed = cpu.limit[Cpu.CS] - cpu.rip() + 1;
            if (allowed <= 0) {
                throw cpu.gp(0);
            }
        }
        int room = PAGE - ((int) linear & PAGE - 1);
        int window = (int) Math.min(Math.min(room, allowed), WINDOW);
        mmu.fetch(linear, code, 0, window);
        block.second = Block.ONE_PAGE;
        block.count = 0;
        int at = 0;
        boolean ends = false;
        while (at < window && block.count < max && !ends) {
            Insn insn = instruction(block, block.count);
            int length = Decoder.decode(code, at, window, codeSize, insn);
            if (length < 0) {
                if (at > 0) {
                    break; // its faults come when it is reached
                }
                length = first(block, linear, codeSize, room, allowed, insn);
                ends = true;
            }
            int route = Route.of(insn.op);
            block.routes[block.count++] = (byte) route;
            at += length;
            ends |= route == Route.SYSTEM || insn.form.has(Form.ENDS_BLOCK);
        }
        block.length = at;
        block.cut = block.count == max && max < Block.MAX && !ends;
    }

    private void took() {
        overdrawn |= !budget.take(held);
        held++;
    }

    private void makeRoom() {
        if (overdrawn) {
            Arrays.fill(blocks, null);
            budget.give(held);
            held = 0;
            overdrawn = false;
        }
    }

    private Insn instruction(Block block, int i) {
        @Nullable Insn insn = block.insns[i];
        if (insn == null) {
            took();
            insn = new Insn();
            block.insns[i] = insn;
        }
        return insn;
    }

    /** Decodes an instruction that does not end within the window: it crosses a page, or faults. */
    private int first(Block block, long linear, int codeSize, int room, long allowed, Insn insn) {
        if (room >= Decoder.MAX_LENGTH || allowed <= room) {
            throw cpu.gp(0); // too long, or beyond the limit
        }
        long next = linear + room;
        if (codeSize != 8) {
            next &= 0xffff_ffffL;
        }
        int more = (int) Math.min(Decoder.MAX_LENGTH, allowed) - room;
        mmu.fetch(next, code, room, more);
        int length = Decoder.decode(code, 0, room + more, codeSize, insn);
        if (length < 0) {
            throw cpu.gp(0);
        }
        if (length > room) {
            block.second = mmu.physicalOfCode(next);
        }
        return length;
    }

    /** Has changes of the code reported from now on; false when it has changed meanwhile. */
    private boolean keep(Block block, long linear, long physical, long key) {
        boolean crosses = block.second != Block.ONE_PAGE;
        int inFirst = crosses ? PAGE - ((int) linear & PAGE - 1) : block.length;
        if (!pages.mark(physical, inFirst) || crosses && !pages.mark(block.second, block.length - inFirst)) {
            return true; // not memory: to be decoded each time
        }
        mmu.fetch(linear, again, 0, inFirst);
        if (crosses) {
            long next = linear + inFirst;
            mmu.fetch(cpu.codeSize() == 8 ? next : next & 0xffff_ffffL, again, inFirst, block.length - inFirst);
        }
        if (!Arrays.equals(code, 0, block.length, again, 0, block.length)) {
            return false;
        }
        block.key = key;
        return true;
    }

    @Override
    public void codeChanged(long page, int offset, int length) {
        int from = Math.max(0, offset - WINDOW);
        for (int mode = 0; mode < MODES; mode++) {
            for (int at = from; at < offset + length; at++) {
                long key = (page | at) << 2 | mode;
                Block block = blocks[index(key)];
                if (block != null && block.key == key && (at >= offset || at + block.length > offset)) {
                    block.key = Block.INVALID;
                }
            }
        }
        if (offset == 0) {
            forgetSecond(page);
        }
    }

    /** Instructions that cross into a page. */
    private void forgetSecond(long page) {
        for (Block block : blocks) {
            if (block != null && block.second == page) {
                block.key = Block.INVALID;
            }
        }
    }
}

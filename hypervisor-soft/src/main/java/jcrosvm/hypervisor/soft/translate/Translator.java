package jcrosvm.hypervisor.soft.translate;

import java.util.Arrays;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.mmu.CodePages;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import jcrosvm.hypervisor.soft.mmu.Tlb;

/** Makes blocks of 64-bit code: decodes a run of instructions, finds which flags matter, emits. */
final class Translator {
    /** In a mode: SSE instructions run as they are. The lower bits are the TLB's context. */
    static final int MODE_SSE = 4;

    private static final int MAX_INSNS = 48;
    private static final int LOOK_AHEAD = 12;
    private static final int PAGE = 4096;

    private final Mmu mmu;
    private final CodeCache cache;
    private final Emitter emit;
    private final PlainCode plain;
    private final SpecialCode special;
    private final SystemCode system;
    private final BranchCode branch;
    /** All flags count as live at the end of each block. */
    private final boolean strict;

    private final byte[] code = new byte[PAGE + Decoder.MAX_LENGTH];
    private final byte[] again = new byte[PAGE + Decoder.MAX_LENGTH];
    /** Linear address of code[0]. */
    private long codeStart;

    private final Insn[] insns = new Insn[MAX_INSNS];
    private final int[] liveBefore = new int[MAX_INSNS + 1];
    private final Insn ahead = new Insn();
    private final Block block = new Block();

    Translator(Mmu mmu, CodeCache cache, boolean strict) {
        this.mmu = mmu;
        this.cache = cache;
        this.strict = strict;
        emit = new Emitter(cache.stubs);
        plain = new PlainCode(emit);
        special = new SpecialCode(emit);
        system = new SystemCode(emit);
        branch = new BranchCode(emit);
        Arrays.setAll(insns, i -> new Insn());
    }

    static int context(int mode) {
        return mode & 3;
    }

    /** Where in a TLB entry of a block's mode, counted from the first entry's place in the state. */
    static int tag(int mode, boolean write) {
        return Tlb.offset(context(mode)) + (write ? Tlb.WRITE : Tlb.READ);
    }

    /**
     * Translates from an instruction on and adds the result to the cache.
     *
     * @param physical of the instruction
     * @return the block, {@link Blocks#NONE} when this is not memory, or {@link CodeCache#FULL}
     */
    int translate(long linear, long physical, int mode) {
        int offset = (int) linear & PAGE - 1;
        CodePages marks = mmu.memory().codePages();
        if (!marks.mark(physical, 1)) {
            return Blocks.NONE;
        }
        block.linear = linear;
        block.page = physical & -PAGE;
        block.mode = mode;
        codeStart = linear & -PAGE;
        while (true) {
            mmu.fetch(codeStart, code, 0, PAGE);
            long second = Block.ONE_PAGE;
            int count = decode(linear, mode);
            if (count == 0) {
                second = decodeOverEnd(linear);
                count = second == Block.ONE_PAGE ? 0 : 1;
            }
            int length = count == 0 ? PAGE - offset : length(count);
            int within = Math.min(length, PAGE - offset);
            marks.mark(physical, within);
            mmu.fetch(linear, again, offset, within);
            if (length > within) {
                marks.mark(second, length - within);
                mmu.fetch(codeStart + PAGE, again, PAGE, length - within);
            }
            if (Arrays.equals(code, offset, offset + length, again, offset, offset + length)) {
                block.length = length;
                block.second = second;
                if (emit(count)) {
                    return cache.add(block, emit.out, emit.exits);
                }
            }
        }
    }

    /** Decodes one instruction that ends in the next page; returns that page's physical address if all is well. */
    private long decodeOverEnd(long linear) {
        long next = codeStart + PAGE;
        long physical = mmu.physicalOfCode(next);
        int at = (int) linear & PAGE - 1;
        if (!mmu.memory().codePages().mark(physical, 1)) {
            return Block.ONE_PAGE;
        }
        mmu.fetch(next, code, PAGE, Decoder.MAX_LENGTH);
        return Decoder.decode(code, at, code.length, 8, insns[0]) > 0 ? physical : Block.ONE_PAGE;
    }

    private int length(int count) {
        int length = 0;
        for (int i = 0; i < count; i++) {
            length += insns[i].length;
        }
        return length;
    }

    /** Fills {@link #insns} up to the end of the block; 0 if the first instruction is not within the page. */
    private int decode(long linear, int mode) {
        int at = (int) linear & PAGE - 1;
        int count = 0;
        while (count < MAX_INSNS) {
            Insn insn = insns[count];
            if (at == PAGE || Decoder.decode(code, at, PAGE, 8, insn) < 0) {
                break;
            }
            count++;
            at += insn.length;
            if (!continues(insn, mode)) {
                break; // a branch or the interpreter's
            }
        }
        return count;
    }

    /** Whether the translator does it and goes on behind it. */
    private static boolean continues(Insn insn, int mode) {
        return isPlain(insn, mode) || SpecialCode.supports(insn) || SystemCode.supports(insn, context(mode));
    }

    private static boolean isPlain(Insn insn, int mode) {
        return PlainCode.supports(insn) && (insn.op != Op.SIMD || (mode & MODE_SSE) != 0);
    }

    /** Emits {@link #block}; false when the code has changed meanwhile. */
    private boolean emit(int count) {
        long linear = block.linear;
        int mode = block.mode;
        block.looked = 0;
        block.interpreted = false;
        emit.begin(context(mode), linear);
        long end = linear + block.length;
        if (count == 0) {
            interpreted();
            return true;
        }
        Insn last = insns[count - 1];
        boolean isBranch = BranchCode.supports(last, context(mode));
        boolean continues = !isBranch && continues(last, mode);
        if (count == 1 && !isBranch && !continues) {
            interpreted();
            return true;
        }
        int atTarget = Flags.ALL;
        int atNext = Flags.ALL;
        if (block.second != Block.ONE_PAGE) {
            atNext = isBranch && !BranchCode.isConditional(last) ? 0 : Flags.ALL;
        } else if (isBranch) {
            atTarget = BranchCode.isDirect(last) ? lookAhead(BranchCode.target(last, end)) : Flags.ALL;
            atNext = BranchCode.isConditional(last) ? lookAhead(end) : 0;
        } else if (continues) {
            atNext = lookAhead(end);
        }
        if (!keepsWhatItLookedAt()) {
            return false;
        }
        int live =
                isBranch ? Flags.before(last, atTarget | atNext) : continues ? Flags.before(last, atNext) : Flags.ALL;
        liveBefore[count] = atNext;
        liveBefore[count - 1] = live;
        for (int i = count - 2; i >= 0; i--) {
            live = Flags.before(insns[i], live);
            liveBefore[i] = live;
        }
        if (live != 0) {
            emit.flags(false, true);
            emit.needFlags();
        }
        block.entry = 0;
        block.nativeEntry = emit.out.position();
        emit.flags(true, false);
        long pc = linear;
        for (int i = 0; i < count; i++) {
            Insn insn = insns[i];
            emit.instruction(pc, insn.length);
            if (isPlain(insn, mode)) {
                plain.emit(insn, liveBefore[i], liveBefore[i + 1]);
            } else if (SpecialCode.supports(insn)) {
                special.emit(insn, liveBefore[i], liveBefore[i + 1]);
            } else if (SystemCode.supports(insn, context(mode))) {
                system.emit(insn, liveBefore[i]);
            } else if (isBranch) {
                branch.emit(insn, atTarget != 0, atNext != 0);
            } else {
                emit.interpretNow();
            }
            pc += insn.length;
        }
        if (continues) {
            emit.instruction(pc, 0);
            emit.jump(0, pc, atNext != 0);
        }
        emit.finish();
        return true;
    }

    /** A block whose first instruction is the interpreter's. */
    private void interpreted() {
        block.interpreted = true;
        block.nativeEntry = 0;
        emit.instruction(block.linear, 0);
        emit.interpretNow();
        block.entry = emit.out.position();
        emit.flags(false, true);
        emit.interpretNow();
    }

    /** Has changes of what {@link #lookAhead} read reported too; false when something has changed meanwhile. */
    private boolean keepsWhatItLookedAt() {
        long looked = block.looked;
        if (looked == 0) {
            return true;
        }
        int offset = (int) block.linear & PAGE - 1;
        for (int at = 0; at < PAGE; at += CodePages.CHUNK) {
            if ((looked >>> at / CodePages.CHUNK & 1) != 0) {
                mmu.memory().codePages().mark(block.page + at, CodePages.CHUNK);
            }
        }
        mmu.fetch(codeStart, again, 0, PAGE); // after the last mark
        for (int at = 0; at < PAGE; at += CodePages.CHUNK) {
            int end = at + CodePages.CHUNK;
            if ((looked >>> at / CodePages.CHUNK & 1) != 0 && !Arrays.equals(code, at, end, again, at, end)) {
                return false;
            }
        }
        int end = offset + block.length;
        return Arrays.equals(code, offset, end, again, offset, end);
    }

    /** Flags that may be looked at from an address on. */
    private int lookAhead(long linear) {
        if (strict || (linear & -PAGE) != codeStart) {
            return Flags.ALL;
        }
        int read = 0;
        int unknown = Flags.ALL;
        int at = (int) (linear - codeStart);
        for (int i = 0; i < LOOK_AHEAD && at < PAGE; i++) {
            if (Decoder.decode(code, at, PAGE, 8, ahead) < 0) {
                break;
            }
            block.looked |= Block.chunks(at, at + ahead.length);
            int now = Flags.before(ahead, 0) & unknown;
            read |= now;
            unknown &= Flags.before(ahead, unknown) & ~now;
            if (unknown == 0) {
                return read;
            }
            if (!PlainCode.supports(ahead) && !SpecialCode.supports(ahead)) {
                break;
            }
            at += ahead.length;
        }
        return read | unknown;
    }
}

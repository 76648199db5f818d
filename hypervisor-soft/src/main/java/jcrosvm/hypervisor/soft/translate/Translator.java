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
    private final FlagPlan plan = new FlagPlan(insns);
    private final Insn ahead = new Insn();
    private final Block block = new Block();
    // What lookAhead found: whether flags may be shown, and how many instructions it takes to overwrite them all.
    private boolean aheadShown;
    private int aheadUnknown;

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
        boolean shownAtTarget = false;
        boolean shownAtNext = false;
        int unknownAtTarget = 0;
        boolean loop = false;
        if (block.second != Block.ONE_PAGE) {
            atNext = isBranch && !BranchCode.isConditional(last) ? 0 : Flags.ALL;
        } else if (isBranch) {
            if (BranchCode.isDirect(last)) {
                atTarget = lookAhead(BranchCode.target(last, end), mode);
                shownAtTarget = atTarget == 0 && aheadShown;
                unknownAtTarget = atTarget == 0 ? aheadUnknown : 0;
                loop = BranchCode.target(last, end) == linear;
            }
            atNext = 0;
            if (BranchCode.isConditional(last)) {
                atNext = lookAhead(end, mode);
                shownAtNext = atNext == 0 && aheadShown;
            }
        } else if (continues) {
            atNext = lookAhead(end, mode);
            shownAtNext = atNext == 0 && aheadShown;
        }
        if (!keepsWhatItLookedAt()) {
            return false;
        }
        int live =
                isBranch ? Flags.before(last, atTarget | atNext) : continues ? Flags.before(last, atNext) : Flags.ALL;
        plan.make(count, live, atNext, shownAtTarget, shownAtNext, FlagPlan.isConditional(last), loop);
        Insn told = plan.atBranch == FlagPlan.FRAME ? null : insns[plan.atBranch];
        branch.ways(plan.keptAtTarget ? told : null, plan.keptBehind ? told : null, plan.around);
        block.entry = 0;
        block.nativeEntry = 0;
        if (plan.live[0] != 0) {
            emit.flags.at(false, true);
            emit.flags.need();
            block.nativeEntry = emit.out.position();
            emit.flags.at(true, false);
        } else if (plan.shownAtEntry) {
            emit.flags.keep();
            block.entry = emit.out.position();
            emit.flags.at(false, true);
        }
        emit.unknownFor(unknownAtTarget);
        instructions(linear, count, mode, atTarget, atNext, FlagPlan.FRAME);
        if (plan.around) {
            emit.aroundLoop();
            instructions(linear, count, mode, atTarget, atNext, plan.atBranch);
        }
        emit.finish();
        return true;
    }

    /** The block's code, the first time or for what comes around the loop. */
    private void instructions(long linear, int count, int mode, int atTarget, int atNext, int sourceAtStart) {
        long pc = linear;
        int source = sourceAtStart;
        for (int i = 0; i < count; i++) {
            Insn insn = insns[i];
            int live = plan.live[i];
            boolean kept = plan.kept[i];
            source = plan.source(i, source);
            emit.instruction(pc, insn.length);
            emit.flagsSource(source == FlagPlan.FRAME ? null : insns[source]);
            if (isPlain(insn, mode)) {
                plain.emit(insn, live, plan.live[i + 1], kept);
            } else if (SpecialCode.supports(insn)) {
                special.emit(insn, live, plan.live[i + 1], kept);
            } else if (SystemCode.supports(insn, context(mode))) {
                system.emit(insn, live);
            } else if (!BranchCode.supports(insn, context(mode))) {
                emit.interpretNow();
            } else {
                branch.emit(insn, atTarget != 0, atNext != 0);
            }
            pc += insn.length;
        }
        if (continues(insns[count - 1], mode)) {
            emit.instruction(pc, 0);
            emit.jump(0, pc, atNext != 0);
        }
    }

    /** A block whose first instruction is the interpreter's. */
    private void interpreted() {
        block.interpreted = true;
        block.nativeEntry = 0;
        emit.instruction(block.linear, 0);
        emit.interpretNow();
        block.entry = emit.out.position();
        emit.flags.at(false, true);
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

    /**
     * Flags that may be looked at from an address on. Sets the fields of what else it finds. Must not find less than
     * the block there will.
     */
    private int lookAhead(long linear, int mode) {
        aheadShown = false;
        aheadUnknown = 0;
        if (strict || (linear & -PAGE) != codeStart) {
            return Flags.ALL;
        }
        int read = 0;
        int unknown = Flags.ALL;
        boolean some = false;
        int at = (int) (linear - codeStart);
        for (int i = 0; i < LOOK_AHEAD && at < PAGE; i++) {
            if (Decoder.decode(code, at, PAGE, 8, ahead) < 0) {
                break;
            }
            block.looked |= Block.chunks(at, at + ahead.length);
            boolean continues = continues(ahead, mode);
            if (!continues && !BranchCode.supports(ahead, context(mode))) {
                return Flags.ALL; // the interpreter's
            }
            if (Flags.shows(ahead)) {
                if (some) {
                    return Flags.ALL; // changed in part
                }
                aheadShown = true;
            }
            int now = Flags.before(ahead, 0) & unknown;
            read |= now;
            unknown &= Flags.before(ahead, unknown) & ~now;
            some |= Flags.changesSome(ahead);
            if (unknown == 0) {
                boolean known = read != 0 || Flags.definesAll(ahead);
                aheadUnknown = aheadShown ? 0 : i + 1;
                unknown = known ? 0 : Flags.ALL; // changed part by part
                break;
            }
            if (!continues) {
                break;
            }
            at += ahead.length;
        }
        int live = read | unknown;
        return live != 0 && aheadShown ? Flags.ALL : live; // what is saved for a fault is saved as a whole
    }
}

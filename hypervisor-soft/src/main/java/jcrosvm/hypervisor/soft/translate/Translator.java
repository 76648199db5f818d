package jcrosvm.hypervisor.soft.translate;

import java.util.Arrays;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.mmu.CodePages;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import jcrosvm.hypervisor.soft.mmu.Tlb;
import org.jspecify.annotations.Nullable;

/** Makes blocks of 64-bit code: decodes a run of instructions, finds which flags matter, emits. */
final class Translator {
    /** In a mode: SSE instructions run as they are. The lower bits are the TLB's context. */
    static final int MODE_SSE = 4;

    private static final int MAX_INSNS = 48;
    private static final int LOOK_AHEAD = 12;
    /** More than the longest block's code. */
    private static final int LONGEST = 64 << 10;

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
    private final FlagPlan flags = new FlagPlan(insns);
    private final Insn ahead = new Insn();
    /** Chunks of the page that {@link #lookAhead} has read for the present block. */
    private long looked;
    // What lookAhead found: whether flags may be shown, and how many instructions it takes to overwrite them all.
    private boolean aheadShown;
    private int aheadUnknown;
    /** Of the block that was emitted last. */
    private int firstSite;

    Translator(Mmu mmu, CodeCache cache, boolean strict) {
        this.mmu = mmu;
        this.cache = cache;
        this.strict = strict;
        emit = new Emitter(cache.sites, cache.stubs);
        plain = new PlainCode(emit);
        special = new SpecialCode(emit);
        system = new SystemCode(emit);
        branch = new BranchCode(emit);
        Arrays.setAll(insns, i -> new Insn());
    }

    /** The first site of the block that was translated last; the others follow. */
    int firstSite() {
        return firstSite;
    }

    static int context(int mode) {
        return mode & 3;
    }

    /** Where in a TLB entry of a block's mode, counted from the first entry's place in the state. */
    static int tag(int mode, boolean write) {
        return Tlb.offset(context(mode)) + (write ? Tlb.WRITE : Tlb.READ);
    }

    /**
     * Translates from an instruction on and enters the result into the cache.
     *
     * @param physical of the instruction
     * @return null when this is not memory
     */
    @Nullable
    Block translate(long linear, long physical, int mode) {
        int offset = (int) linear & PAGE - 1;
        CodePages marks = mmu.memory().codePages();
        if (!marks.mark(physical, 1)) {
            return null;
        }
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
                Block block = emit(linear, physical & -PAGE, mode, count, length, second);
                if (block != null) {
                    return block;
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

    /** Null when the code has changed meanwhile. */
    private @Nullable Block emit(long linear, long page, int mode, int count, int length, long second) {
        looked = 0;
        int base = cache.reserve(LONGEST);
        firstSite = cache.sites.count();
        emit.begin(base, context(mode), page);
        long end = linear + length;
        if (count == 0) {
            return interpreted(linear, page, mode, length, second, base);
        }
        Insn last = insns[count - 1];
        boolean isBranch = BranchCode.supports(last, context(mode));
        boolean continues = !isBranch && continues(last, mode);
        if (count == 1 && !isBranch && !continues) {
            return interpreted(linear, page, mode, length, second, base);
        }
        int atTarget = Flags.ALL;
        int atNext = Flags.ALL;
        boolean shownAtTarget = false;
        boolean shownAtNext = false;
        int unknownAtTarget = 0;
        boolean loop = false;
        if (second != Block.ONE_PAGE) {
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
        if (!keepsWhatItLookedAt(page, (int) linear & PAGE - 1, length)) {
            return null;
        }
        int live =
                isBranch ? Flags.before(last, atTarget | atNext) : continues ? Flags.before(last, atNext) : Flags.ALL;
        flags.make(count, live, atNext, shownAtTarget, shownAtNext, FlagPlan.isConditional(last), loop);
        Insn told = flags.atBranch == FlagPlan.FRAME ? null : insns[flags.atBranch];
        branch.ways(flags.keptAtTarget ? told : null, flags.keptBehind ? told : null, flags.around);
        int entry = base;
        int nativeEntry = base;
        if (flags.live[0] != 0) {
            emit.flags(false, true);
            emit.needFlags();
            nativeEntry = base + emit.out.position();
            emit.flags(true, false);
        } else if (flags.shownAtEntry) {
            emit.keepFlags();
            entry = base + emit.out.position();
            emit.flags(false, true);
        }
        emit.unknownFor(unknownAtTarget);
        instructions(linear, count, mode, atTarget, atNext, FlagPlan.FRAME);
        if (flags.around) {
            emit.aroundLoop();
            instructions(linear, count, mode, atTarget, atNext, flags.atBranch);
        }
        emit.finish();
        return add(linear, page, mode, length, second, entry, nativeEntry, false);
    }

    /** The block's code, the first time or for what comes around the loop. */
    private void instructions(long linear, int count, int mode, int atTarget, int atNext, int sourceAtStart) {
        long pc = linear;
        int source = sourceAtStart;
        for (int i = 0; i < count; i++) {
            Insn insn = insns[i];
            int live = flags.live[i];
            boolean kept = flags.kept[i];
            source = flags.source(i, source);
            emit.instruction(pc, insn.length);
            emit.flagsSource(source == FlagPlan.FRAME ? 0 : linear + length(source));
            if (isPlain(insn, mode)) {
                plain.emit(insn, live, flags.live[i + 1], kept);
            } else if (SpecialCode.supports(insn)) {
                special.emit(insn, live, flags.live[i + 1], kept);
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
    private Block interpreted(long linear, long page, int mode, int length, long second, int base) {
        emit.instruction(linear, 0);
        emit.interpretNow();
        int entry = base + emit.out.position();
        emit.flags(false, true);
        emit.interpretNow();
        return add(linear, page, mode, length, second, entry, base, true);
    }

    private Block add(
            long linear,
            long page,
            int mode,
            int length,
            long second,
            int entry,
            int nativeEntry,
            boolean interpreted) {
        cache.write(emit.out);
        Block block = new Block(linear, page, mode, length, second, looked, entry, nativeEntry, interpreted);
        cache.add(block);
        return block;
    }

    /** Has changes of what {@link #lookAhead} read reported too; false when something has changed meanwhile. */
    private boolean keepsWhatItLookedAt(long page, int offset, int length) {
        if (looked == 0) {
            return true;
        }
        for (int at = 0; at < PAGE; at += CodePages.CHUNK) {
            if ((looked >>> at / CodePages.CHUNK & 1) != 0) {
                mmu.memory().codePages().mark(page + at, CodePages.CHUNK);
            }
        }
        mmu.fetch(codeStart, again, 0, PAGE); // after the last mark
        for (int at = 0; at < PAGE; at += CodePages.CHUNK) {
            int end = at + CodePages.CHUNK;
            if ((looked >>> at / CodePages.CHUNK & 1) != 0 && !Arrays.equals(code, at, end, again, at, end)) {
                return false;
            }
        }
        return Arrays.equals(code, offset, offset + length, again, offset, offset + length);
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
            looked |= Block.chunks(at, at + ahead.length);
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

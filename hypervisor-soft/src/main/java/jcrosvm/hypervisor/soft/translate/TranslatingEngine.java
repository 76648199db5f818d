package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.Libc;
import jcrosvm.base.io.ExecutableMemory;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.interp.Debugging;
import jcrosvm.hypervisor.soft.interp.Engine;
import jcrosvm.hypervisor.soft.interp.FastCalls;
import jcrosvm.hypervisor.soft.interp.Interpreter;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import org.jspecify.annotations.Nullable;

/**
 * Runs 64-bit code as host machine code, translated block by block when it is first executed. All other code, code whose
 * accesses have to be aligned, and instructions that the translator does not know, go to an interpreter one by one.
 */
public final class TranslatingEngine implements Engine, AutoCloseable {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT;
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

    /** Counts what is left to the interpreter and logs it at the end, at level debug. */
    private static final boolean STATISTICS = Boolean.getBoolean("jcrosvm.soft.statistics");

    private static final int CACHE_SIZE = 64 << 20;
    private static final int LAHF_FLAGS = Rflags.SF | Rflags.ZF | Rflags.AF | Rflags.PF | Rflags.CF;
    private static final int MXCSR_ALL_MASKED = 0x1f80;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Interpreter interpreter;
    private final Debugging debugging;
    private final MemorySegment state;
    private final CodeCache cache;
    private final Translator translator;
    private final ToldFlags told;
    private final Statistics statistics = new Statistics();
    /** Of the blocks that may run now. */
    private int mode;
    /** {@link Interpreter#systemSteps} when fields were copied into the frame, and whether they may be old all the same. */
    private int copiedAt;

    private boolean copyDue;

    public TranslatingEngine(Cpu cpu, Mmu mmu, Interpreter interpreter, Debugging debugging) {
        this(cpu, mmu, interpreter, debugging, false);
    }

    /** With {@code strict} flags that nobody will look at are right at the end of each block, too. */
    TranslatingEngine(Cpu cpu, Mmu mmu, Interpreter interpreter, Debugging debugging, boolean strict) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.interpreter = interpreter;
        this.debugging = debugging;
        state = cpu.state();
        cache = new CodeCache(state, CACHE_SIZE);
        told = new ToldFlags(cpu, mmu);
        translator = new Translator(mmu, cache, strict);
        state.set(LONG, Frame.CLOCK_GETTIME, Libc.CLOCK_GETTIME.address());
        mmu.memory().codePages().listen(cache);
        mmu.listen(cache);
    }

    @Override
    public void run() {
        copyDue = true;
        while (cpu.pending() == 0) {
            if (cpu.codeSize() != 8 || mmu.checksAlignment()) {
                interpreter.advance();
            } else if (cpu.interruptShadow || debugging.armed() || cpu.cpl == 1 || cpu.cpl == 2) {
                interpreter.step();
            } else {
                execute();
            }
        }
    }

    private int mode() {
        boolean sse = (cpu.cr0 & (Control.CR0_EM | Control.CR0_TS)) == 0 && (cpu.cr4 & Control.CR4_OSFXSR) != 0;
        int mxcsr = state.get(INT, StateLayout.MXCSR);
        boolean masked = (mxcsr & MXCSR_ALL_MASKED) == MXCSR_ALL_MASKED && mxcsr >>> 16 == 0;
        return mmu.context() | (sse && masked ? Translator.MODE_SSE : 0);
    }

    /** Runs blocks until Java has to do something that may change what blocks may run. */
    private void execute() {
        int now = mode();
        if (((now ^ mode) & Translator.MODE_SSE) != 0) {
            cache.jumps.clear();
        }
        mode = now;
        Block block = find(cpu.rip());
        if (block == null || block.interpreted) {
            interpret();
            return;
        }
        flagsToFrame();
        if (copyDue || copiedAt != interpreter.systemSteps()) {
            fieldsToFrame();
            copiedAt = interpreter.systemSteps();
            copyDue = false;
        }
        run(block);
    }

    private void run(Block block) {
        int entry = block.entry;
        int stub = cache.stubs.enter;
        do {
            state.set(LONG, Frame.ENTRY, cache.address(entry));
            ExecutableMemory.call(cache.address(stub), state.address());
            cpu.kernelGsBase = state.get(LONG, Frame.KERNEL_GS_BASE);
            int level = state.get(BYTE, Frame.LEVEL);
            if (level != 0) {
                arrived(level);
            }
            int site = state.get(INT, Frame.SITE);
            stub = (cache.sites.info(site) & Sites.XMM) != 0 ? cache.stubs.enterWithXmm : cache.stubs.enter;
            entry = left(site);
        } while (entry >= 0);
    }

    /** Code has called or returned from the supervisor. */
    private void arrived(int level) {
        state.set(BYTE, Frame.LEVEL, (byte) 0);
        interpreter.fastCalls().arrived(level == Frame.AT_USER ? 3 : 0);
        mode = mode & Translator.MODE_SSE | mmu.context();
    }

    private void interpret() {
        if (STATISTICS) {
            statistics.count(cpu, mmu);
        }
        interpreter.step();
    }

    private @Nullable Block find(long linear) {
        long physical = mmu.physicalOfCode(linear);
        Block block = cache.find(linear, physical & -4096, mode);
        if (block != null) {
            if (block.second == Block.ONE_PAGE || mmu.physicalOfCode((linear | 4095) + 1) == block.second) {
                return block;
            }
            cache.drop(block);
        }
        block = translator.translate(linear, physical, mode);
        if (block != null) {
            linkToKnown();
        }
        return block;
    }

    /** Links those jumps of a new block whose targets are there already. */
    private void linkToKnown() {
        for (int site = translator.firstSite(); site < cache.sites.count(); site++) {
            if ((cache.sites.info(site) & Sites.KIND) != Sites.LINK) {
                continue;
            }
            long target = cache.sites.pc(site);
            long physical = mmu.knownPhysicalOfCode(target);
            Block to = physical == -1 ? null : cache.find(target, physical & -4096, mode);
            if (to != null && to.second == Block.ONE_PAGE) {
                cache.link(site, to, isGlobal(to));
            }
        }
    }

    /** Of a block that was just found. */
    private boolean isGlobal(Block block) {
        return mmu.isGlobalCode(block.linear)
                && (block.second == Block.ONE_PAGE || mmu.isGlobalCode((block.linear | 4095) + 1));
    }

    /** Where to enter again, or -1. */
    private int left(int site) {
        int info = cache.sites.info(site);
        long pc = cache.sites.pc(site);
        if (STATISTICS) {
            statistics.count("left: " + Sites.name(info));
        }
        return switch (info & Sites.KIND) {
            case Sites.MISS, Sites.MISS_CONSTANT -> miss(site, info, pc);
            case Sites.LINK -> follow(site, pc);
            case Sites.INDIRECT -> indirect(site, pc);
            default -> {
                flagsAt(site);
                cpu.rip(pc);
                if ((info & Sites.KIND) == Sites.INTERPRET) {
                    interpret();
                } else {
                    for (int left = cache.sites.where(site); left > 0; left--) {
                        interpreter.step();
                    }
                }
                yield -1;
            }
        };
    }

    private int miss(int site, int info, long pc) {
        long linear;
        if ((info & Sites.KIND) == Sites.MISS_CONSTANT) {
            linear = cache.sites.address(site);
        } else {
            int tag = Translator.tag(mode, (info & Sites.WRITE) != 0);
            linear = state.get(LONG, Frame.R10) ^ state.get(LONG, state.get(LONG, Frame.R11) + tag);
        }
        int size = info >>> Sites.SIZE_SHIFT & Sites.SIZE_MASK;
        cpu.rip(pc);
        boolean canonical = linear << 16 >> 16 == linear;
        boolean misaligned = (info & Sites.ALIGNED) != 0 && (linear & size - 1) != 0;
        if (canonical && !misaligned) {
            boolean served;
            try {
                served = mmu.prepare(linear, size, (info & Sites.WRITE) != 0);
            } catch (GuestException e) {
                flagsAt(site);
                throw e;
            }
            if (served) {
                return cache.sites.where(site);
            }
        }
        flagsAt(site);
        interpret();
        return -1;
    }

    private int follow(int site, long target) {
        frameToFlags();
        cpu.rip(target);
        int generation = cache.generation();
        Block block = find(target);
        if (block == null) {
            interpret();
            return -1;
        }
        if (cache.generation() == generation) {
            cache.link(site, block, isGlobal(block));
        }
        return block.entry;
    }

    private int indirect(int site, long pc) {
        long target = state.get(LONG, Frame.R10);
        frameToFlags();
        if (target << 16 >> 16 != target) { // #GP at the jump, with the stack as it was
            cpu.gpr(Cpu.RSP, cpu.gpr(Cpu.RSP) - cache.sites.where(site));
            cpu.rip(pc);
            interpret();
            return -1;
        }
        cpu.rip(target);
        if (cpu.pending() != 0) {
            return -1;
        }
        Block block = find(target);
        if (block == null) {
            interpret();
            return -1;
        }
        cache.jump(Translator.context(mode), block, isGlobal(block));
        return block.entry;
    }

    private void fieldsToFrame() {
        int[] selector = cpu.selector;
        for (int i = 0; i <= Cpu.GS; i++) {
            state.set(SHORT, Frame.SELECTORS + 2L * i, (short) selector[i]);
        }
        state.set(BYTE, Frame.INTERRUPT_WAITING, (byte) (cpu.interruptWaiting ? 1 : 0));
        control(0, cpu.cr0);
        control(2, cpu.cr2);
        control(3, cpu.cr3);
        control(4, cpu.cr4);
        state.set(LONG, Frame.TIME_OFFSET, interpreter.timeOffset());
        state.set(INT, Frame.TSC_AUX, (int) cpu.tscAux);
        state.set(BYTE, Frame.ALLOWED, (byte) (fastCallsToFrame() | timeAllowed()));
        state.set(LONG, Frame.KERNEL_GS_BASE, cpu.kernelGsBase);
    }

    private void control(int register, long value) {
        state.set(LONG, Frame.CONTROL + 8L * register, value);
    }

    private int timeAllowed() {
        return (cpu.cr4 & Control.CR4_TSD) == 0 ? Frame.MAY_READ_TIME : 0; // whatever level code gets to
    }

    /** Returns which of them may run. */
    private int fastCallsToFrame() {
        if ((cpu.efer & Control.EFER_SCE) == 0) {
            return 0;
        }
        // What code is entered with is known then: supervisor's pages alone.
        boolean known = (cpu.cr4 & Control.CR4_SMAP) != 0 && (cpu.sfmask & Rflags.AC) != 0;
        boolean canonical = cpu.lstar << 16 >> 16 == cpu.lstar;
        FastCalls calls = interpreter.fastCalls();
        state.set(LONG, Frame.LSTAR, cpu.lstar);
        state.set(LONG, Frame.KEPT_FLAGS, ~cpu.sfmask);
        state.set(INT, Frame.CALL_SELECTORS, calls.callStack() << 16 | calls.callCode());
        state.set(INT, Frame.RETURN_SELECTORS, calls.returnStack() << 16 | calls.returnCode(true));
        return Frame.MAY_RETURN | (known && canonical ? Frame.MAY_CALL : 0);
    }

    private void flagsToFrame() {
        long flags = cpu.rflags();
        long saved = (flags & LAHF_FLAGS) << 8 | (flags & Rflags.OF) / Rflags.OF;
        state.set(INT, Frame.FLAGS, (int) saved);
    }

    /** Makes RFLAGS complete where code was left. */
    private void flagsAt(int site) {
        int info = cache.sites.info(site);
        if ((info & Sites.TOLD_FLAGS) == 0 || !told.by(cache.sites.pc(site) - Sites.flagsBack(info))) {
            frameToFlags();
        }
    }

    private void frameToFlags() {
        int saved = state.get(INT, Frame.FLAGS);
        if (FlagRecord.isSaved(saved)) {
            long flags = cpu.rflags() & ~Rflags.ARITHMETIC;
            cpu.rflags(flags | saved >> 8 & LAHF_FLAGS | (saved & 1L) * Rflags.OF);
        }
        FlagRecord.recover(saved, cpu, told.recalculation);
    }

    @Override
    public void close() {
        if (STATISTICS) {
            statistics.log();
        }
        mmu.memory().codePages().ignore(cache);
        cache.close();
    }
}

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

    private static final int MXCSR_ALL_MASKED = 0x1f80;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Interpreter interpreter;
    private final Debugging debugging;
    private final MemorySegment state;
    private final CodeCache cache;
    private final Blocks blocks;
    private final Sites sites;
    private final JumpCache jumps;
    private final Translator translator;
    private final FrameFlags flags;
    private final Statistics statistics = new Statistics();
    /** Of the blocks that may run now. */
    private int mode;
    /** {@link Interpreter#systemSteps} when fields were copied into the frame, and whether they may be old all the same. */
    private int copiedAt;

    private boolean copyDue;

    /** @param cache of the processor's VM */
    public TranslatingEngine(Cpu cpu, Mmu mmu, Interpreter interpreter, Debugging debugging, CodeCache cache) {
        this(cpu, mmu, interpreter, debugging, cache, false);
    }

    /** With {@code strict} flags that no instruction looks at are right at the end of each block, too. */
    TranslatingEngine(Cpu cpu, Mmu mmu, Interpreter interpreter, Debugging debugging, CodeCache cache, boolean strict) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.interpreter = interpreter;
        this.debugging = debugging;
        this.cache = cache;
        blocks = cache.blocks;
        sites = cache.sites;
        state = cpu.state();
        jumps = new JumpCache(state);
        flags = new FrameFlags(cpu);
        translator = new Translator(mmu, cache, strict);
        state.set(LONG, Frame.CLOCK_GETTIME, Libc.CLOCK_GETTIME.address());
        cache.join(jumps);
        mmu.listen(jumps);
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
            jumps.clear();
        }
        mode = now;
        int block = find(cpu.rip());
        if (block == Blocks.NONE || blocks.interpreted(block)) {
            interpret();
            return;
        }
        flags.save();
        if (copyDue || copiedAt != interpreter.systemSteps()) {
            fieldsToFrame();
            copiedAt = interpreter.systemSteps();
            copyDue = false;
        }
        run(block);
    }

    private void run(int block) {
        int entry = blocks.entry(block);
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
            stub = (sites.info(site) & Sites.XMM) != 0 ? cache.stubs.enterWithXmm : cache.stubs.enter;
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

    /** The block at an address, translated if need be; {@link Blocks#NONE} when that is not memory. */
    private int find(long linear) {
        while (true) {
            long physical = mmu.physicalOfCode(linear);
            int block = cache.find(linear, physical & -4096, mode);
            if (block != Blocks.NONE && blocks.second(block) != Block.ONE_PAGE) {
                long second = mmu.physicalOfCode((linear | 4095) + 1);
                block = cache.find(linear, physical & -4096, mode, second);
            }
            if (block == Blocks.NONE) {
                block = translator.translate(linear, physical, mode);
            }
            if (block != CodeCache.FULL) {
                return block;
            }
            cache.makeRoom();
        }
    }

    /** Of a block that was just found. */
    private boolean isGlobal(int block) {
        long linear = blocks.linear(block);
        return mmu.isGlobalCode(linear)
                && (blocks.second(block) == Block.ONE_PAGE || mmu.isGlobalCode((linear | 4095) + 1));
    }

    /** Where to enter again, or -1. */
    private int left(int site) {
        int info = sites.info(site);
        long pc = sites.pc(site);
        if (STATISTICS) {
            statistics.count("left: " + Sites.name(info));
        }
        return switch (info & Sites.KIND) {
            case Sites.MISS, Sites.MISS_CONSTANT -> miss(site, info, pc);
            case Sites.LINK, Sites.FAR -> follow(site, info, pc);
            case Sites.INDIRECT -> indirect(site, pc);
            default -> {
                int told = info >>> Sites.TOLD_SHIFT;
                flags.restore(told, told == 0 ? 0 : sites.immediate(site));
                cpu.rip(pc);
                if ((info & Sites.KIND) == Sites.INTERPRET) {
                    interpret();
                } else {
                    for (int left = sites.where(site); left > 0; left--) {
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
            linear = sites.address(site);
        } else {
            int tag = Translator.tag(mode, (info & Sites.WRITE) != 0);
            linear = state.get(LONG, Frame.R10) ^ state.get(LONG, state.get(LONG, Frame.R11) + tag);
        }
        int size = info >>> Sites.SIZE_SHIFT & Sites.SIZE_MASK;
        int told = info >>> Sites.TOLD_SHIFT;
        int immediate = told == 0 ? 0 : sites.immediate(site); // now: other processors may flush the cache
        cpu.rip(pc);
        int generation = cache.generation();
        boolean canonical = linear << 16 >> 16 == linear;
        boolean misaligned = (info & Sites.ALIGNED) != 0 && (linear & size - 1) != 0;
        if (canonical && !misaligned) {
            boolean served;
            try {
                served = mmu.prepare(linear, size, (info & Sites.WRITE) != 0);
            } catch (GuestException e) {
                flags.restore(told, immediate);
                throw e;
            }
            if (cache.generation() != generation) { // the code is gone: begin the instruction again
                flags.restore(told, immediate);
                return -1;
            }
            if (served) {
                return sites.where(site);
            }
        }
        flags.restore(told, immediate);
        interpret();
        return -1;
    }

    private int follow(int site, int info, long target) {
        flags.restore();
        cpu.rip(target);
        if (cpu.pending() != 0) {
            return -1;
        }
        int generation = cache.generation();
        int block = find(target);
        if (block == Blocks.NONE) {
            interpret();
            return -1;
        }
        if ((info & Sites.KIND) == Sites.FAR) {
            remember(block);
        } else if (cache.generation() == generation) {
            cache.link(site, block);
        }
        return blocks.entry(block);
    }

    /** Lets code find a block that was just found. */
    private void remember(int block) {
        jumps.put(Translator.context(mode), blocks.linear(block), cache.address(blocks.entry(block)), isGlobal(block));
    }

    private int indirect(int site, long pc) {
        long target = state.get(LONG, Frame.R10);
        flags.restore();
        if (target << 16 >> 16 != target) { // #GP at the jump, with the stack as it was
            cpu.gpr(Cpu.RSP, cpu.gpr(Cpu.RSP) - sites.where(site));
            cpu.rip(pc);
            interpret();
            return -1;
        }
        cpu.rip(target);
        if (cpu.pending() != 0) {
            return -1;
        }
        int block = find(target);
        if (block == Blocks.NONE) {
            interpret();
            return -1;
        }
        remember(block);
        return blocks.entry(block);
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

    @Override
    public void close() {
        if (STATISTICS) {
            statistics.log();
        }
        cache.part(jumps);
    }
}

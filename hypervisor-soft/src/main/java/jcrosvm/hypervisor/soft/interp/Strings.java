package jcrosvm.hypervisor.soft.interp;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/**
 * MOVS, CMPS, STOS, LODS and SCAS. Registers advance with each finished iteration, so that a repeated instruction goes
 * on where a fault or a request stopped it.
 */
final class Strings {
    /** Iterations between looks at the requests. */
    private static final int BURST = 1024;

    private static final int PAGE = 4096;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Cpu cpu;
    private final Mmu mmu;
    private final Operands operands;
    private final Addressing addressing;
    private final Alu alu;

    Strings(Cpu cpu, Mmu mmu, Operands operands, Addressing addressing, Alu alu) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.operands = operands;
        this.addressing = addressing;
        this.alu = alu;
    }

    static boolean repeated(Insn insn) {
        return (insn.prefixes & (Insn.PREFIX_REP | Insn.PREFIX_REPNE)) != 0;
    }

    /** Bytes of an element: the byte forms have even opcodes. */
    static int elementSize(Insn insn) {
        return (insn.opcode & 1) == 0 ? 1 : insn.operandSize;
    }

    /** Returns {@code next}, or RIP when there is more to do. */
    long execute(Insn insn, long next) {
        int size = elementSize(insn);
        if (!repeated(insn)) {
            iteration(insn, size);
            return next;
        }
        int width = insn.addressSize;
        long count = operands.register(Cpu.RCX, width);
        if (count == 0) {
            return next;
        }
        boolean compares = insn.op == Op.CMPS || insn.op == Op.SCAS;
        long wanted = insn.has(Insn.PREFIX_REP) ? Rflags.ZF : 0;
        int burst = cpu.flag(Rflags.TF) ? 1 : BURST;
        for (int i = 0; i < burst; i++) {
            long done = burst > 1 && insn.op != Op.LODS && !compares ? bulk(insn, size, count) : 0;
            if (done == 0) {
                iteration(insn, size);
                done = 1;
            }
            count -= done;
            operands.register(Cpu.RCX, width, count);
            if (count == 0 || compares && (cpu.rflags() & Rflags.ZF) != wanted) {
                return next;
            }
            if (done > 1 && cpu.pending() != 0) {
                break;
            }
        }
        return cpu.rip();
    }

    /** Moves rSI or rDI by a number of bytes, in the direction of DF. */
    void advance(int register, int width, long bytes) {
        long by = cpu.flag(Rflags.DF) ? -bytes : bytes;
        operands.register(register, width, cpu.gpr(register) + by);
    }

    long source(Insn insn, int size) {
        return addressing.linear(insn.segment, operands.register(Cpu.RSI, insn.addressSize), size, false);
    }

    long destination(Insn insn, int size, boolean write) {
        return addressing.linear(Cpu.ES, operands.register(Cpu.RDI, insn.addressSize), size, write);
    }

    private void iteration(Insn insn, int size) {
        int width = insn.addressSize;
        switch (insn.op) {
            case MOVS -> {
                long value = mmu.read(source(insn, size), size);
                mmu.write(destination(insn, size, true), size, value);
                advance(Cpu.RSI, width, size);
                advance(Cpu.RDI, width, size);
            }
            case STOS -> {
                mmu.write(destination(insn, size, true), size, operands.register(Cpu.RAX, size));
                advance(Cpu.RDI, width, size);
            }
            case LODS -> {
                operands.register(Cpu.RAX, size, mmu.read(source(insn, size), size));
                advance(Cpu.RSI, width, size);
            }
            case SCAS -> {
                alu.sub(size, operands.register(Cpu.RAX, size), mmu.read(destination(insn, size, false), size));
                alu.commit();
                advance(Cpu.RDI, width, size);
            }
            case CMPS -> {
                long b = mmu.read(destination(insn, size, false), size); // faults first, on AMD's processors
                alu.sub(size, mmu.read(source(insn, size), size), b);
                alu.commit();
                advance(Cpu.RSI, width, size);
                advance(Cpu.RDI, width, size);
            }
            default -> throw new IllegalArgumentException(insn.op.name());
        }
    }

    /** Bytes to the end of the page. */
    private static long room(long linear) {
        return PAGE - (linear & PAGE - 1);
    }

    /** Does as many upward iterations of MOVS or STOS at once as lie within a page; 0 when single ones must do. */
    private long bulk(Insn insn, int size, long count) {
        if (count >= 0 && count < 4 || cpu.flag(Rflags.DF) || mmu.checksAlignment()) {
            return 0;
        }
        boolean moves = insn.op == Op.MOVS;
        int width = insn.addressSize;
        long to = operands.register(Cpu.RDI, width);
        long from = operands.register(Cpu.RSI, width);
        long toLinear = address(Cpu.ES, to);
        long fromLinear = moves ? address(insn.segment, from) : 0;
        long bytes = Math.min(room(toLinear), count >>> 12 != 0 ? PAGE : count * size);
        if (moves) {
            bytes = Math.min(bytes, room(fromLinear));
        }
        bytes &= -size;
        long top = Alu.mask(width);
        if (bytes < 4L * size
                || width != 8 && (to + bytes > top || moves && from + bytes > top)
                || !addressing.allowed(Cpu.ES, to, (int) bytes, true)
                || moves && !addressing.allowed(insn.segment, from, (int) bytes, false)) {
            return 0;
        }
        MemorySegment source = moves ? mmu.ram(fromLinear, (int) bytes, false) : null;
        if (moves && source == null) {
            return 0;
        }
        MemorySegment destination = mmu.ram(toLinear, (int) bytes, true);
        if (destination == null) {
            return 0;
        }
        if (source != null) {
            long distance = destination.address() - source.address();
            if (distance > 0 && distance < bytes) { // what is written is read again: only up to there
                bytes = distance & -size;
                if (bytes == 0) {
                    return 0;
                }
            }
            MemorySegment.copy(source, 0, destination, 0, bytes);
            advance(Cpu.RSI, width, bytes);
        } else {
            fill(destination, bytes, size, cpu.gpr(Cpu.RAX));
        }
        advance(Cpu.RDI, width, bytes);
        return bytes / size;
    }

    private long address(int segment, long offset) {
        return cpu.codeSize() == 8
                ? (segment >= Cpu.FS ? cpu.segmentBase(segment) + offset : offset)
                : cpu.segmentBase(segment) + offset & 0xffff_ffffL;
    }

    private static void fill(MemorySegment to, long bytes, int size, long value) {
        byte first = (byte) value;
        long repeated = (first & 0xff) * 0x0101_0101_0101_0101L;
        if ((value ^ repeated) << -(size << 3) == 0) {
            to.asSlice(0, bytes).fill(first);
            return;
        }
        for (long at = 0; at < bytes; at += size) {
            switch (size) {
                case 2 -> to.set(SHORT, at, (short) value);
                case 4 -> to.set(INT, at, (int) value);
                default -> to.set(LONG, at, value);
            }
        }
    }
}

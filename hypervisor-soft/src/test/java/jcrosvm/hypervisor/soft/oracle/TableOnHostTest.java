package jcrosvm.hypervisor.soft.oracle;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;

/**
 * What the operation table says of reads and writes, on the host: an instruction changes nothing but what it is said to
 * write, and what it writes does not depend on what it is said not to read.
 */
final class TableOnHostTest {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final int FLAGS = Rflags.ARITHMETIC | Rflags.DF;
    private static final int ROUNDS = 12;
    /** Memory beside the operand. */
    private static final Set<Op> IMPLICIT_MEMORY = EnumSet.of(
            Op.PUSH,
            Op.POP,
            Op.PUSHF,
            Op.POPF,
            Op.PUSH_SREG,
            Op.ENTER,
            Op.LEAVE,
            Op.MOVS,
            Op.CMPS,
            Op.STOS,
            Op.LODS,
            Op.SCAS,
            Op.MASKMOV,
            Op.XLAT,
            Op.BT,
            Op.BTS,
            Op.BTR,
            Op.BTC);

    private final long seed = Long.getLong("tests.seed", System.nanoTime());
    private final Random random = new Random(seed);
    private final NativeMachine host = new NativeMachine(4096, SingleInstruction.WINDOW);
    private final SingleInstruction generator =
            new SingleInstruction(random, host.window.segment().address());
    private final MemorySegment registers = host.registers.segment();
    private final MemorySegment memory = host.window.segment();
    private final MemorySegment image =
            Mapping.anonymous(SingleInstruction.WINDOW).segment();
    private final MemorySegment[] before = {
        Mapping.anonymous(4096).segment(), Mapping.anonymous(4096).segment()
    };
    private final MemorySegment[] after = {
        Mapping.anonymous(4096).segment(), Mapping.anonymous(4096).segment()
    };
    private final Map<String, String> wrong = new TreeMap<>();

    @Test
    void readsAndWrites() {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "needs an x86-64 host");
        assumeTrue(Files.isReadable(Path.of("/proc/cpuinfo")), "needs Linux's /proc/cpuinfo");
        System.out.println("Table on the host: tests.seed=" + seed);
        for (int i = 0; i < SingleInstruction.WINDOW; i += 8) {
            image.set(LONG, i, random.nextLong());
        }
        for (int number : generator.pool.numbers) {
            for (int round = 0, tries = 0; round < ROUNDS && tries < 40 * ROUNDS; tries++) {
                if (one(number)) {
                    round++;
                }
            }
        }
        host.close();
        Assertions.assertThat(wrong).isEmpty();
    }

    private boolean one(int number) {
        Sequence s = new Sequence(host.address(NativeMachine.CODE));
        generator.operandAddress = 0;
        generator.add(s, number, 0);
        Insn insn = generator.insn;
        if (s.length() == 0
                || insn.memory && generator.operandAddress == 0 && hasMemoryAccess(insn)
                || insn.base == Insn.RIP) {
            return false;
        }
        byte[] code = s.bytes();
        MemorySegment.copy(code, 0, host.code.segment(), ValueLayout.JAVA_BYTE, NativeMachine.CODE, code.length);
        host.putLeave(NativeMachine.CODE + code.length);
        for (int i = 0; i < 2; i++) {
            start(before[i], insn, i == 1);
            registers.copyFrom(before[i]);
            memory.copyFrom(image);
            if (i == 1) {
                perturbMemory(insn);
            }
            host.run(NativeMachine.CODE);
            after[i].copyFrom(registers);
            checkMemory(insn, s);
        }
        check(insn, s);
        return true;
    }

    private static boolean hasMemoryAccess(Insn insn) {
        return memoryAccess(insn) != 0;
    }

    private static int memoryAccess(Insn insn) {
        int i = memoryOperand(insn);
        return i < 0 ? 0 : insn.form.accesses()[i];
    }

    private static int memoryOperand(Insn insn) {
        for (int i = 0; i < insn.form.accesses().length; i++) {
            if (insn.kind[i] == OperandKind.MEMORY) {
                return i;
            }
        }
        return -1;
    }

    /** Bit sets of the registers of a kind that are read, or written. */
    private static int explicit(Insn insn, int kind, int access) {
        int set = 0;
        for (int i = 0; i < insn.form.accesses().length; i++) {
            boolean same = insn.kind[i] == kind || kind == OperandKind.GPR && insn.kind[i] == OperandKind.HIGH_BYTE;
            if (same && (insn.form.accesses()[i] & access) != 0) {
                set |= 1 << insn.register[i];
            }
        }
        return set;
    }

    /** Of a general register: which bits are written. */
    private static long bits(Insn insn, int register) {
        long bits = (insn.form.registersWritten() >> register & 1) != 0 ? -1 : 0;
        for (int i = 0; i < insn.form.accesses().length; i++) {
            boolean gpr = insn.kind[i] == OperandKind.GPR || insn.kind[i] == OperandKind.HIGH_BYTE;
            if (gpr && insn.register[i] == register && (insn.form.accesses()[i] & Form.WRITE) != 0) {
                bits |= insn.size[i] >= 4
                        ? -1
                        : insn.size[i] == 2 ? 0xffff : insn.kind[i] == OperandKind.HIGH_BYTE ? 0xff00 : 0xff;
            }
        }
        return bits;
    }

    private void start(MemorySegment state, Insn insn, boolean perturbed) {
        if (perturbed) {
            state.copyFrom(before[0]);
        }
        int gprs = insn.form.registersRead() | explicit(insn, OperandKind.GPR, Form.READ) | 1 << Cpu.RSP;
        if (insn.op == Op.LEA || insn.memory) {
            gprs |= (insn.base >= 0 && insn.base < 16 ? 1 << insn.base : 0) | (insn.index >= 0 ? 1 << insn.index : 0);
        }
        int xmms = explicit(insn, OperandKind.XMM, Form.READ);
        for (int r = 0; r < 16; r++) {
            if (!perturbed || (gprs >> r & 1) == 0) {
                state.set(LONG, 8 * r, random.nextInt(4) == 0 ? random.nextInt(64) : random.nextLong());
            }
            if (!perturbed || (xmms >> r & 1) == 0) {
                state.set(LONG, StateLayout.XMM + 16 * r, random.nextLong());
                state.set(LONG, StateLayout.XMM + 16 * r + 8, random.nextLong());
            }
        }
        int read = perturbed ? insn.form.flagsRead() : 0;
        long flags = perturbed ? state.get(LONG, StateLayout.RFLAGS) : 0;
        flags = flags & read | random.nextInt() & FLAGS & ~read | Rflags.IF | Rflags.FIXED;
        state.set(LONG, StateLayout.RFLAGS, flags);
        if (!perturbed) {
            state.set(LONG, 8 * Cpu.RSP, generator.stack());
            MemorySegment fx = state.asSlice(StateLayout.FX, 160);
            fx.fill((byte) 0);
            fx.set(ValueLayout.JAVA_INT, 0, 0x37f);
            fx.set(ValueLayout.JAVA_INT, 4, 0xff);
            fx.set(ValueLayout.JAVA_INT, 24, 0x1f80);
            for (int i = 0; i < 8; i++) {
                fx.set(LONG, 32 + 16 * i, random.nextLong());
                fx.set(LONG, 40 + 16 * i, 0xffff);
            }
        } else if (insn.op == Op.SIMD && insn.form.has(Form.MAY_FAULT)) {
            int read8 = explicit(insn, OperandKind.MMX, Form.READ);
            for (int i = 0; i < 8; i++) {
                if ((read8 >> i & 1) == 0) {
                    state.set(LONG, StateLayout.FX + 32 + 16 * i, random.nextLong());
                }
            }
        }
    }

    private void perturbMemory(Insn insn) {
        int operand = memoryOperand(insn);
        if (operand >= 0 && memoryAccess(insn) == Form.WRITE && !IMPLICIT_MEMORY.contains(insn.op)) {
            long at = generator.operandAddress - memory.address();
            for (int i = 0; i < insn.size[operand] && generator.operandAddress != 0; i++) {
                memory.set(ValueLayout.JAVA_BYTE, at + i, (byte) random.nextInt());
            }
        }
    }

    private void report(Insn insn, Sequence s, String what) {
        wrong.putIfAbsent(insn.form.mnemonic() + " " + String.join(",", insn.form.operands()) + ": " + what, "" + s);
    }

    private void checkMemory(Insn insn, Sequence s) {
        if (IMPLICIT_MEMORY.contains(insn.op) || insn.op == Op.CALL_INDIRECT) {
            return;
        }
        int operand = memoryOperand(insn);
        long at = generator.operandAddress - memory.address();
        boolean written = operand >= 0 && (memoryAccess(insn) & Form.WRITE) != 0;
        long size = written ? insn.size[operand] : 0;
        if (written) {
            MemorySegment.copy(image, at, memory, at, 0);
        }
        long until = written ? at : SingleInstruction.WINDOW;
        boolean same = MemorySegment.mismatch(memory, 0, until, image, 0, until) < 0
                && (!written
                        || MemorySegment.mismatch(
                                        memory,
                                        at + size,
                                        SingleInstruction.WINDOW,
                                        image,
                                        at + size,
                                        SingleInstruction.WINDOW)
                                < 0);
        if (!same) {
            report(insn, s, "writes memory");
        }
    }

    private void check(Insn insn, Sequence s) {
        for (int r = 0; r < 16; r++) {
            long bits = bits(insn, r);
            boolean set = (generator.setUp >> r & 1) != 0;
            long a = after[0].get(LONG, 8 * r);
            long b = after[1].get(LONG, 8 * r);
            if (((a ^ b) & bits) != 0) {
                report(insn, s, "register " + r + " depends on more");
            }
            long kept = set ? 0 : ~bits;
            if (((a ^ before[0].get(LONG, 8 * r)) & kept) != 0 || ((b ^ before[1].get(LONG, 8 * r)) & kept) != 0) {
                report(insn, s, "writes register " + r);
            }
        }
        vectors(insn, s, OperandKind.XMM, StateLayout.XMM, 16, 16);
        if (insn.op != Op.X87) {
            vectors(insn, s, OperandKind.MMX, StateLayout.FX + 32, 8, 8);
        }
        flags(insn, s);
    }

    private void vectors(Insn insn, Sequence s, int kind, int at, int count, int size) {
        int written = explicit(insn, kind, Form.WRITE);
        for (int r = 0; r < count; r++) {
            for (int i = 0; i < size; i += 8) {
                int offset = at + 16 * r + i;
                long a = after[0].get(LONG, offset);
                long b = after[1].get(LONG, offset);
                if ((written >> r & 1) != 0) {
                    if (a != b) {
                        report(insn, s, "vector register depends on more");
                    }
                } else if (a != before[0].get(LONG, offset) || b != before[1].get(LONG, offset)) {
                    report(insn, s, "writes vector register " + r);
                }
            }
        }
    }

    private void flags(Insn insn, Sequence s) {
        Form form = insn.form;
        boolean strings = form.has(Form.REP);
        long a = after[0].get(LONG, StateLayout.RFLAGS);
        long b = after[1].get(LONG, StateLayout.RFLAGS);
        int undefined = form.flagsUndefined();
        boolean narrow = (insn.op == Op.SHL || insn.op == Op.SHR) && insn.size[0] < 4;
        undefined |= narrow && form.operands().length > 1 && !form.operands()[1].equals("1") ? Rflags.CF : 0;
        if (((a ^ b) & FLAGS & form.flagsWritten() & ~undefined) != 0) {
            report(insn, s, "flags depend on more");
        }
        int kept = FLAGS & ~form.flagsWritten() & (strings ? ~Rflags.DF : -1);
        if (((a ^ before[0].get(LONG, StateLayout.RFLAGS)) & kept) != 0
                || ((b ^ before[1].get(LONG, StateLayout.RFLAGS)) & kept) != 0) {
            report(insn, s, "writes flags");
        }
    }

    /** Every form in the pool has a number. */
    @Test
    void poolIsOfTheTable() {
        Assertions.assertThat(generator.pool.numbers)
                .allMatch(n -> n > 0 && n < Decoder.forms().size());
    }
}

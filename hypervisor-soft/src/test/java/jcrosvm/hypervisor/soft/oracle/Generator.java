package jcrosvm.hypervisor.soft.oracle;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.isa.RandomEncoder;

/**
 * Random sequences of the instructions of user mode. They never fault: what an address, a divisor or a count depends on
 * is set up in front of the instruction.
 */
final class Generator {
    static final int PAGE = 4096;
    /** Pages of data: operands are in 2 to 7, the stack in 10 and 11, the others catch what goes astray. */
    static final int WINDOW = 16 * PAGE;

    private static final int OPERANDS = 2 * PAGE;
    private static final int OPERANDS_SIZE = 6 * PAGE;
    private static final int STACK = 10 * PAGE;
    private static final int STACK_SIZE = 2 * PAGE;

    /** What the host's answer does not tell, or what it would not survive. */
    private static final Set<Op> EXCLUDED = EnumSet.of(
            Op.UNDEFINED,
            Op.UD,
            Op.IN,
            Op.OUT,
            Op.INS,
            Op.OUTS,
            Op.INT,
            Op.INT1,
            Op.INT3,
            Op.INTO,
            Op.SYSCALL,
            Op.SYSENTER,
            Op.IRET,
            Op.RET_FAR,
            Op.JMP_FAR,
            Op.JMP_FAR_INDIRECT,
            Op.CALL_FAR,
            Op.CALL_FAR_INDIRECT,
            Op.RDTSC,
            Op.RDTSCP,
            Op.RDPMC,
            Op.CPUID,
            Op.RDRAND,
            Op.RDSEED,
            Op.RDPID,
            Op.XGETBV,
            Op.XSAVE,
            Op.XSAVEOPT,
            Op.XRSTOR,
            Op.FXSAVE,
            Op.FXRSTOR,
            Op.RSM,
            Op.VMCALL,
            Op.VMMCALL,
            Op.CLI,
            Op.STI,
            Op.LAR,
            Op.LSL,
            Op.VERR,
            Op.VERW,
            Op.SGDT,
            Op.SIDT,
            Op.SLDT,
            Op.STR,
            Op.SMSW,
            Op.MOV_TO_SREG,
            Op.LOAD_FAR,
            Op.POP_SREG,
            Op.RDFSBASE,
            Op.RDGSBASE,
            Op.WRFSBASE,
            Op.WRGSBASE);

    private static final Set<String> EXCLUDED_X87 = Set.of("fldenv", "frstor", "fnstenv", "fnsave", "fldcw");
    private static final Set<Op> BRANCHES = EnumSet.of(
            Op.JMP, Op.JCC, Op.JCXZ, Op.LOOP, Op.LOOPE, Op.LOOPNE, Op.CALL, Op.RET, Op.JMP_INDIRECT, Op.CALL_INDIRECT);
    private static final Set<Op> STRINGS = EnumSet.of(Op.MOVS, Op.CMPS, Op.STOS, Op.LODS, Op.SCAS);

    private static final String[] CONDITIONS = {
        "jo", "jno", "jb", "jnb", "jz", "jnz", "jbe", "jnbe", "js", "jns", "jp", "jnp", "jl", "jnl", "jle", "jnle"
    };
    private static final Map<String, String> CPUINFO =
            Map.of("sse3", "pni", "sse4.1", "sse4_1", "sse4.2", "sse4_2", "clfsh", "clflush", "cet", "fpu");

    private final Random random;
    private final long window;
    private final RandomEncoder encoder;
    /** The last plain instruction, where its operand is in memory (or 0), and the registers that were set up for it. */
    final Insn insn = new Insn();

    long operandAddress;
    int setUp;

    private final List<Integer> pool = new ArrayList<>();
    private final Map<String, BitSet> byName = new HashMap<>();
    /** Numbers of the forms that were generated. */
    final BitSet covered = new BitSet();

    Generator(Random random, long window) {
        this.random = random;
        this.window = window;
        encoder = new RandomEncoder(random);
        Set<String> features = features();
        List<Form> forms = Decoder.forms();
        for (int i = 0; i < forms.size(); i++) {
            Form form = forms.get(i);
            String feature = CPUINFO.getOrDefault(form.feature(), form.feature());
            if (!EXCLUDED.contains(form.operation())
                    && !form.has(Form.PRIVILEGED)
                    && !form.has(Form.NOT_IN_64)
                    && !EXCLUDED_X87.contains(form.mnemonic())
                    && (feature.isEmpty() || features.contains(feature))) {
                pool.add(i);
            }
        }
    }

    private static Set<String> features() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
                if (line.startsWith("flags")) {
                    return Set.of(line.substring(line.indexOf(':') + 1).strip().split(" "));
                }
            }
            throw new IllegalStateException("/proc/cpuinfo has no flags");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Numbers of the forms that may be generated. */
    List<Integer> pool() {
        return pool;
    }

    long stack() {
        return window + STACK + 64 + random.nextInt(STACK_SIZE / 8 - 16) * 8L;
    }

    Sequence sequence(long address, int instructions) {
        Sequence s = new Sequence(address);
        for (int i = 0; i < instructions; i++) {
            if (random.nextInt(12) == 0) {
                special(s);
            } else {
                int length = s.length();
                while (s.length() == length) {
                    plain(s, pool.get(random.nextInt(pool.size())), 0);
                }
            }
        }
        return s;
    }

    private boolean chance(int n) {
        return random.nextInt(n) == 0;
    }

    private long operand(int align) {
        long offset = OPERANDS + random.nextInt(OPERANDS_SIZE);
        if (chance(3)) {
            offset = (offset | (chance(2) ? 63 : PAGE - 1)) + 1 - random.nextInt(17);
        }
        return window + offset & -align;
    }

    // Setting up

    private static String hex(int value) {
        return HexFormat.of().toHexDigits((byte) value);
    }

    private static String little(long value, int bytes) {
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < bytes; i++) {
            s.append(hex((int) (value >> 8 * i)));
        }
        return s.toString();
    }

    private static void set(Sequence s, int register, long value) {
        s.add("mov", hex(0x48 | register >> 3) + hex(0xb8 | register & 7) + little(value, 8));
    }

    /** mov [address], value through a register. */
    private static void store(Sequence s, int through, long address, int value) {
        set(s, through, address);
        int rex = 0x40 | through >> 3;
        int modrm = 0x80 | through & 7;
        String sib = (through & 7) == 4 ? "24" : "";
        s.add("mov", "%02xc7%02x%s%s%s".formatted(rex, modrm, sib, little(0, 4), little(value, 4)));
    }

    /** Flags that mean nothing are given a meaning before they are looked at. */
    private void defineFlags(Sequence s, int read) {
        if ((s.undefined & read) != 0) {
            s.add("cmp", "48 39 %02x".formatted(0xc0 | random.nextInt(64)));
            s.undefined = 0;
        }
    }

    private void after(Sequence s, Form form) {
        s.undefined = s.undefined & ~form.flagsWritten() | form.flagsUndefined();
    }

    /** Bits of the registers that a plain instruction must not touch in {@code forbidden}. */
    void plain(Sequence s, int number, int forbidden) {
        if (!encoder.encode(number, insn)) {
            return;
        }
        Form form = insn.form;
        Op op = insn.op;
        if (BRANCHES.contains(op) || op == Op.POPF || op == Op.LDMXCSR || op == Op.ENTER || op == Op.LEAVE) {
            return;
        }
        int written = form.registersWritten();
        int used = form.registersRead() | written;
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.GPR || insn.kind[i] == OperandKind.HIGH_BYTE) {
                used |= 1 << insn.register[i];
                if (i < form.accesses().length && (form.accesses()[i] & Form.WRITE) != 0) {
                    written |= 1 << insn.register[i];
                    if (insn.register[i] == Cpu.RSP && insn.kind[i] == OperandKind.GPR) {
                        return;
                    }
                }
            }
        }
        Sequence setup = new Sequence(s.address + s.length());
        setup.undefined = s.undefined;
        int fixed = 0;
        // Counts, divisors, bit offsets, implicit addresses
        if (op == Op.DIV || op == Op.IDIV) {
            fixed = divisor(setup, written);
            if (fixed == 0) {
                return;
            }
        } else if (STRINGS.contains(op)) {
            fixed = string(setup);
        } else if (op == Op.XLAT) {
            set(setup, Cpu.RBX, operand(1));
            fixed = 1 << Cpu.RBX;
        } else if (op == Op.MASKMOV) {
            set(setup, Cpu.RDI, operand(1));
            fixed = 1 << Cpu.RDI;
        } else if ((op == Op.BT || op == Op.BTS || op == Op.BTR || op == Op.BTC)
                && insn.memory
                && insn.kind[1] == OperandKind.GPR) {
            if (insn.register[1] == Cpu.RSP) {
                return;
            }
            set(setup, insn.register[1], random.nextInt(2048) - 1024);
            fixed = 1 << insn.register[1];
        } else if (isShift(op) && form.operands()[form.operands().length - 1].equals("CL")) {
            boolean narrow = (op == Op.SHLD || op == Op.SHRD) && insn.operandSize == 2;
            if (narrow || chance(2)) {
                setup.add("mov", "b1 %02x".formatted(random.nextInt(narrow ? 17 : 256)));
                fixed = 1 << Cpu.RCX;
            }
        } else if ((op == Op.SHLD || op == Op.SHRD) && insn.operandSize == 2 && (insn.imm & 31) > 16) {
            return;
        } else if (op == Op.BSWAP && insn.operandSize == 2) {
            return;
        }
        byte[] code = encoder.code();
        boolean untouched = op == Op.LEA || op == Op.NOP || form.mnemonic().startsWith("prefetch");
        if (insn.memory && insn.base == Cpu.RSP && (forbidden >> Cpu.RSP & 1) != 0) {
            return; // a return address may be there
        }
        if (insn.memory && !untouched) {
            int registers = memory(setup, code, fixed);
            if (registers < 0) {
                return;
            }
            fixed |= registers;
        }
        if (((fixed | written) & forbidden) != 0) {
            return;
        }
        defineFlags(s, form.flagsRead());
        if (insn.memory && insn.base == Insn.RIP && !untouched) {
            long target = s.address + random.nextInt(s.length() + 1);
            target = form.has(Form.ALIGNED_16) ? target & -16 : target;
            long next = s.address + s.length() + setup.length() + insn.length;
            if (target < s.address || target + 16 > next) {
                return;
            }
            displacement(code, target - next);
        }
        setUp = fixed;
        s.add(setup);
        s.add(form.mnemonic(), code, insn.length);
        covered.set(number);
        after(s, form);
        if (op == Op.SHL || op == Op.SHR) {
            s.undefined |= insn.size[0] < 4 && !form.operands()[1].equals("1") ? Rflags.CF : 0;
        }
    }

    private static boolean isShift(Op op) {
        return op.compareTo(Op.ROL) >= 0 && op.compareTo(Op.SHRD) <= 0;
    }

    private void displacement(byte[] code, long value) {
        int at = RandomEncoder.displacementOffset(insn);
        for (int i = 0; i < 4; i++) {
            code[at + i] = (byte) (value >> 8 * i);
        }
    }

    /** Makes a quotient that fits; returns the registers it set, or 0. */
    private int divisor(Sequence s, int written) {
        boolean signed = insn.op == Op.IDIV;
        if (insn.memory) {
            return 0;
        }
        int register = insn.register[0];
        if (insn.kind[0] == OperandKind.HIGH_BYTE || register == Cpu.RAX || register == Cpu.RDX || register == 4) {
            return 0;
        }
        int bits = insn.size[0] * 8;
        long divisor = (random.nextLong() | 1) >>> 65 - bits + random.nextInt(bits - 1) | 1;
        long high = signed ? 0 : random.nextLong(divisor);
        set(s, register, divisor | (bits == 64 ? 0 : random.nextLong() << bits));
        if (bits == 8) {
            if (signed) {
                s.add("cbw", "66 98");
            } else {
                s.add("mov ah", "b4 %02x".formatted(high));
            }
        } else if (signed) {
            s.add("cwd", bits == 16 ? "66 99" : bits == 32 ? "99" : "48 99");
        } else {
            set(s, Cpu.RDX, high);
        }
        return 1 << register | written | 1 << Cpu.RAX;
    }

    private int string(Sequence s) {
        boolean far = chance(2);
        long to = operand(1);
        set(s, Cpu.RDI, to);
        set(s, Cpu.RSI, far ? operand(1) : to + random.nextInt(33) - 16);
        set(s, Cpu.RCX, chance(4) ? random.nextInt(200) : random.nextInt(12));
        boolean down = chance(3);
        s.add(down ? "std" : "cld", down ? "fd" : "fc");
        return 1 << Cpu.RDI | 1 << Cpu.RSI | 1 << Cpu.RCX;
    }

    /** Makes the memory operand one of the window; returns the registers it set, or -1. */
    private int memory(Sequence s, byte[] code, int fixed) {
        int size = 1;
        operandAddress = 0;
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.MEMORY) {
                size = insn.size[i];
                if (insn.base == Insn.RIP && (insn.form.accesses()[i] & Form.WRITE) != 0) {
                    return -1;
                }
            }
        }
        long address = operand(insn.form.has(Form.ALIGNED_16) ? 16 : 1);
        if (insn.base == Insn.RIP) {
            return size <= 16 ? 0 : -1;
        }
        operandAddress = address;
        if (insn.modrm < 0) {
            int at = RandomEncoder.displacementOffset(insn);
            for (int i = 0; i < 8; i++) {
                code[at + i] = (byte) (address >> 8 * i);
            }
            return 0;
        }
        int base = insn.base;
        int index = insn.index;
        if (base == Cpu.RSP) {
            operandAddress = 0;
            boolean near = insn.disp >= -128 && insn.disp < 128 && index == Insn.NONE;
            return near && !insn.form.has(Form.ALIGNED_16) && size < 100 ? 0 : -1;
        }
        boolean conflict = base >= 0 && (fixed >> base & 1) != 0 || index >= 0 && (fixed >> index & 1) != 0;
        if (conflict || base < 0 && index < 0) {
            return -1;
        }
        long rest = address - insn.disp;
        if (base < 0 || base == index) {
            long factor = (1L << insn.scale) + (base == index ? 1 : 0);
            if (factor > 1 && insn.form.has(Form.ALIGNED_16)) {
                return -1;
            }
            set(s, index, rest / factor);
            operandAddress = rest / factor * factor + insn.disp;
            return 1 << index;
        }
        if (index >= 0) {
            long value = random.nextBoolean() ? random.nextInt(4096) - 2048 : random.nextLong();
            set(s, index, value);
            rest -= value << insn.scale;
        }
        set(s, base, rest);
        return 1 << base | (index >= 0 ? 1 << index : 0);
    }

    // What needs more than one instruction

    private void special(Sequence s) {
        switch (random.nextInt(12)) {
            case 0 -> jump(s);
            case 1 -> indirect(s);
            case 2 -> call(s);
            case 3, 4 -> loop(s);
            case 5 -> {
                int flags = random.nextInt() & (Rflags.ARITHMETIC | Rflags.DF | Rflags.ID);
                s.add("push", (chance(3) ? "66 68" + little(flags, 2) + "66 9d" : "68" + little(flags, 4) + "9d"));
                s.undefined = 0;
                note("popf");
            }
            case 6 -> {
                int mxcsr = 0x1f80 | random.nextInt(4) << 13 | (chance(3) ? 0x8000 : 0) | (chance(3) ? 0x40 : 0);
                store(s, Cpu.RBX, operand(1), mxcsr | random.nextInt(64));
                s.add("ldmxcsr", "0f ae 93 00 00 00 00");
                note("ldmxcsr");
            }
            case 7 -> {
                store(s, Cpu.RSI, operand(1), 0x7f | random.nextInt(4) << 8 | random.nextInt(4) << 10);
                s.add("fldcw", "d9 6e 00");
                note("fldcw");
            }
            case 8 -> {
                set(s, Cpu.RBP, stack());
                s.add("enter", "c8 %02x 00 %02x".formatted(random.nextInt(64), chance(2) ? 0 : random.nextInt(4)));
                set(s, Cpu.RSP, stack());
                note("enter");
            }
            case 9 -> {
                set(s, Cpu.RBP, stack());
                s.add("leave", "c9");
                set(s, Cpu.RSP, stack());
                note("leave");
            }
            case 10 -> {
                set(s, Cpu.RSP, stack() - random.nextInt(8));
            }
            default -> condition(s);
        }
    }

    private void note(String mnemonic) {
        covered.or(byName.computeIfAbsent(mnemonic, name -> {
            BitSet numbers = new BitSet();
            for (int number : pool) {
                if (Decoder.forms().get(number).mnemonic().equals(name)) {
                    numbers.set(number);
                }
            }
            return numbers;
        }));
    }

    private Sequence body(Sequence before, int skipped, int forbidden) {
        Sequence inner = new Sequence(before.address + before.length() + skipped);
        inner.undefined = before.undefined;
        while (inner.length() == 0) {
            plain(inner, pool.get(random.nextInt(pool.size())), forbidden | 1 << Cpu.RSP);
        }
        return inner;
    }

    private void skip(Sequence s, String what, String opcode, boolean near) {
        int length = opcode.length() / 2 + (near ? 4 : 1);
        Sequence body = body(s, length, 0);
        if (!near && body.length() > 127) {
            return;
        }
        s.add(what, opcode + little(body.length(), near ? 4 : 1));
        s.add(body);
        s.undefined |= body.undefined;
    }

    private void condition(Sequence s) {
        int condition = random.nextInt(16);
        defineFlags(s, Rflags.ARITHMETIC);
        boolean near = chance(2);
        skip(s, "jcc", near ? "0f%02x".formatted(0x80 | condition) : "%02x".formatted(0x70 | condition), near);
        note(CONDITIONS[condition]);
    }

    private void jump(Sequence s) {
        if (chance(3)) {
            set(s, Cpu.RCX, random.nextInt(2));
            boolean narrow = chance(2);
            skip(s, "jcxz", narrow ? "67e3" : "e3", false);
            note("jcxz");
        } else {
            boolean near = chance(2);
            skip(s, "jmp", near ? "e9" : "eb", near);
            note("jmp");
        }
    }

    private void indirect(Sequence s) {
        switch (random.nextInt(3)) {
            case 0 -> { // lea r9, [rip+4]; jmp r9; ud2
                s.add("lea", "4c 8d 0d 05 00 00 00");
                s.add("jmp", "41 ff e1 0f 0b");
            }
            case 1 -> { // lea rax, [rip+3]; push rax; ret; ud2
                s.add("lea", "48 8d 05 04 00 00 00");
                s.add("push, ret", "50 c3 0f 0b");
                note("ret");
            }
            default -> { // lea rax, [rip+4]; mov [rbx], rax; jmp [rbx]; ud2
                set(s, Cpu.RBX, operand(1));
                s.add("lea", "48 8d 05 07 00 00 00");
                s.add("mov, jmp", "48 89 03 ff 23 0f 0b");
            }
        }
        note("jmp");
    }

    private void call(Sequence s) {
        Sequence body = body(s, 5 + 5, 0);
        boolean immediate = chance(3);
        String ret = immediate ? "c2 %02x 00".formatted(random.nextInt(4) * 8) : "c3";
        int retLength = immediate ? 3 : 1;
        if (chance(2)) { // call over a jump
            s.add("call, jmp", "e8 05 00 00 00 e9" + little(body.length() + retLength, 4));
        } else { // lea r10, [rip+8]; call r10; jmp
            body = body(s, 7 + 3 + 5, 0);
            s.add("lea", "4c 8d 15 08 00 00 00");
            s.add("call, jmp", "41 ff d2 e9" + little(body.length() + retLength, 4));
        }
        s.add(body);
        s.add("ret", ret);
        s.undefined |= body.undefined;
        note("call");
        note("ret");
    }

    /** mov ecx, n; body; loop back. */
    private void loop(Sequence s) {
        set(s, Cpu.RCX, 1 + random.nextInt(4));
        s.undefined = Rflags.ARITHMETIC; // the body defines what it reads, in each turn
        Sequence body = body(s, 0, 1 << Cpu.RCX);
        int kind = random.nextInt(4);
        if (body.length() > 100) {
            return;
        }
        int top = s.length();
        s.add(body);
        s.undefined = body.undefined;
        if (kind == 3) {
            s.add("dec, jnz", "ff c9 75" + little(top - (s.length() + 4), 1));
            s.undefined &= Rflags.CF;
            return;
        }
        if (kind > 0) {
            defineFlags(s, Rflags.ZF);
        }
        s.add("loop", "%02x".formatted(0xe2 - kind) + little(top - (s.length() + 2), 1));
        note(kind == 0 ? "loop" : kind == 1 ? "loope" : "loopne");
    }
}

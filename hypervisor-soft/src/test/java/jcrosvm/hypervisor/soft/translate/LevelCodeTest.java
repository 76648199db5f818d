package jcrosvm.hypervisor.soft.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.util.Random;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import org.junit.jupiter.api.Test;

/** Programs that go to and fro between user and supervisor: the translator ends where the interpreter does. */
class LevelCodeTest {
    private static final int PROGRAMS = 400;
    private static final int USER = 2 << 20;
    private static final int KERNEL = 3 << 20;
    private static final int DATA = 4 << 20;
    private static final int MAX_STEPS = 2_000;

    private static final int[] MASKS = {0x47700, Rflags.AC | Rflags.IF, Rflags.IF, 0x257fd5, 0};
    private static final long[] RETURNS = {0, 1L << 47, -1L << 47, 1L << 62};

    private final long seed = Long.getLong("jcrosvm.test.seed", System.nanoTime());

    @Test
    void translatorDoesAsTheInterpreter() {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "the translator needs an x86-64 host");
        for (int program = 0; program < PROGRAMS; program++) {
            String expected = play(seed + program, false);
            assertThat(play(seed + program, true))
                    .as("seed %d program %d", seed, program)
                    .isEqualTo(expected);
        }
    }

    private String play(long number, boolean translated) {
        Random random = new Random(number);
        try (FlatMachine machine = new FlatMachine()) {
            Cpu cpu = machine.cpu;
            machine.map(machine.linear(USER), USER, 0x67);
            machine.map(machine.linear(DATA), DATA, 0x67);
            cpu.cr4 |= random.nextInt(4) == 0 ? 0 : Control.CR4_SMAP;
            cpu.efer |= random.nextInt(8) == 0 ? 0 : Control.EFER_SCE;
            cpu.star = 0x0023_0010_0000_0000L;
            cpu.lstar = random.nextInt(16) == 0 ? 1L << 50 : machine.linear(KERNEL);
            cpu.sfmask = MASKS[random.nextInt(MASKS.length)];
            cpu.cr2 = random.nextLong();
            machine.code(USER, user(random));
            machine.code(KERNEL, kernel(random, machine.linear(DATA)));
            for (int i = 0; i < 16; i++) {
                cpu.gpr(i, random.nextLong());
            }
            cpu.gpr(Cpu.RBX, 1 + random.nextInt(6));
            cpu.gpr(Cpu.RSP, machine.linear(DATA) + 2048);
            cpu.gpr(Cpu.RBP, machine.linear(DATA));
            cpu.interruptWaiting = random.nextInt(8) == 0;
            cpu.cpl = 3;
            cpu.selector[Cpu.CS] = 0x33;
            cpu.selector[Cpu.SS] = 0x2b;
            cpu.attributes[Cpu.CS] = 0xfb | Cpu.ATTR_L | Cpu.ATTR_G;
            cpu.attributes[Cpu.SS] = 0xf3 | Cpu.ATTR_DB | Cpu.ATTR_G;
            cpu.rflags(Rflags.FIXED | random.nextInt() & (Rflags.ARITHMETIC | Rflags.IF | Rflags.DF | Rflags.ID));
            cpu.rip(machine.linear(USER));
            cpu.modeChanged();
            machine.mmu.rightsChanged();
            return translated ? translate(machine) : interpret(machine);
        }
    }

    private String translate(FlatMachine machine) {
        try (TranslatingEngine engine = machine.engine(true)) {
            while (!machine.cpu.halted) {
                engine.run();
                machine.cpu.take(-1);
            }
            return outcome(machine, "halted");
        } catch (GuestException e) {
            return outcome(machine, e.getMessage());
        }
    }

    private String interpret(FlatMachine machine) {
        try {
            for (int i = 0; i < MAX_STEPS && !machine.cpu.halted; i++) {
                machine.interpreter.step();
            }
            return outcome(machine, "halted");
        } catch (GuestException e) {
            return outcome(machine, e.getMessage());
        }
    }

    private static String outcome(FlatMachine machine, String how) {
        Cpu cpu = machine.cpu;
        long start = machine.segment.address();
        StringBuilder text = new StringBuilder(how);
        text.append("\nrip %x cpl %d flags %x".formatted(cpu.rip() - start, cpu.cpl, cpu.rflags()));
        for (int i = 0; i < 16; i++) {
            long value = cpu.gpr(i);
            boolean address = value - start >= 0 && value - start < FlatMachine.SIZE;
            text.append("\n%d %s%x".formatted(i, address ? "+" : "", address ? value - start : value));
        }
        for (int i = 0; i < Cpu.SEGMENTS; i++) {
            text.append("\n%x %x %x".formatted(cpu.selector[i], cpu.attributes[i], cpu.limit[i]));
        }
        for (int at = 0; at < 4096; at += 8) {
            long value = machine.segment.get(ValueLayout.JAVA_LONG, DATA + at);
            boolean address = value - start >= 0 && value - start < FlatMachine.SIZE;
            text.append(at % 64 == 0 ? "\n" : " ").append(Long.toHexString(address ? value - start : value));
        }
        return text.toString();
    }

    private static byte[] user(Random random) {
        Assembler out = new Assembler();
        int again = out.position();
        some(random, out);
        out.emit(0x0f, 0x05); // syscall
        some(random, out);
        out.emit(0xeb, again - (out.position() + 2)); // jmp
        return code(out);
    }

    /** Ends at the time that rBX says, in one of several ways. */
    private static byte[] kernel(Random random, long data) {
        Assembler out = new Assembler();
        out.store64(11, Assembler.RBP, 8);
        out.store64(Assembler.RCX, Assembler.RBP, 16);
        some(random, out);
        switch (random.nextInt(6)) {
            case 0 -> out.emit(0x0f, 0x20, 0xd0); // mov rax, cr2
            case 1 -> out.emit(0x41, 0x0f, 0x20); // mov r10, cr3
            case 2 -> out.emit(0x66, 0x8c, 0xc8); // mov ax, cs
            case 3 -> out.emit(0x8c, 0xd0); // mov eax, ss
            case 4 -> {
                out.emit(0x0f, 0x01, 0xcb); // stac
                out.load64(Assembler.RAX, Assembler.RBP, 24);
                out.emit(0x0f, 0x01, 0xca); // clac
            }
            default -> out.emit(0x0f, 0x01, 0xca);
        }
        if (out.code()[out.position() - 1] == 0x20) {
            out.emit(0xda);
        }
        if (random.nextInt(4) == 0) {
            out.constant(11, random.nextLong() & ~Rflags.TF);
        }
        out.emit(0xff, 0xcb); // dec ebx
        out.emit(0x75, 0); // jnz
        int behind = out.position();
        if (random.nextInt(3) == 0) {
            out.constant(Assembler.RCX, RETURNS[random.nextInt(RETURNS.length)]); // faults, here or there
        } else {
            out.emit(0xf4); // hlt
        }
        out.code()[behind - 1] = (byte) (out.position() - behind);
        out.emit(0x48, 0x0f, 0x07); // sysretq
        return code(out);
    }

    /** Instructions that set flags and look at them. */
    private static void some(Random random, Assembler out) {
        for (int n = random.nextInt(4); n > 0; n--) {
            switch (random.nextInt(6)) {
                case 0 -> out.rr(0x01 | Assembler.W, Assembler.RSI, Assembler.RDI); // add
                case 1 -> out.rr(0x29 | Assembler.W, 8, Assembler.RDX); // sub
                case 2 -> out.rr(0x11 | Assembler.W, Assembler.RAX, 9); // adc
                case 3 -> out.emit(0x9c, 0x58); // pushf; pop rax
                case 4 -> out.rm(0xff, 0, Assembler.RBP, 32); // inc dword
                default -> out.rr(Assembler.M1 | 0x90 | random.nextInt(16), 0, Assembler.RAX); // setcc
            }
        }
    }

    private static byte[] code(Assembler out) {
        return java.util.Arrays.copyOf(out.code(), out.position());
    }
}

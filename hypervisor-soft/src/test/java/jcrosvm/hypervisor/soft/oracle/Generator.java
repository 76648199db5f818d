package jcrosvm.hypervisor.soft.oracle;

import java.util.Random;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;

/** Random sequences of the instructions of user mode, with branches and loops. They never fault. */
final class Generator {
    private static final String[] CONDITIONS = {
        "jo", "jno", "jb", "jnb", "jz", "jnz", "jbe", "jnbe", "js", "jns", "jp", "jnp", "jl", "jnl", "jle", "jnle"
    };

    private final Random random;
    private final SingleInstruction single;
    private final Pool pool;

    Generator(Random random, long window) {
        this.random = random;
        single = new SingleInstruction(random, window);
        pool = single.pool;
    }

    Pool pool() {
        return pool;
    }

    long stack() {
        return single.stack();
    }

    private boolean chance(int n) {
        return random.nextInt(n) == 0;
    }

    Sequence sequence(long address, int instructions) {
        Sequence s = new Sequence(address);
        for (int i = 0; i < instructions; i++) {
            if (random.nextInt(12) == 0) {
                special(s);
            } else {
                int length = s.length();
                while (s.length() == length) {
                    single.add(s, 0);
                }
            }
        }
        return s;
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
                s.add(
                        "push",
                        (chance(3)
                                ? "66 68" + Sequence.little(flags, 2) + "66 9d"
                                : "68" + Sequence.little(flags, 4) + "9d"));
                s.undefined = 0;
                pool.note("popf");
            }
            case 6 -> {
                int mxcsr = 0x1f80 | random.nextInt(4) << 13 | (chance(3) ? 0x8000 : 0) | (chance(3) ? 0x40 : 0);
                s.store(Cpu.RBX, single.operand(1), mxcsr | random.nextInt(64));
                s.add("ldmxcsr", "0f ae 93 00 00 00 00");
                pool.note("ldmxcsr");
            }
            case 7 -> {
                s.store(Cpu.RSI, single.operand(1), 0x7f | random.nextInt(4) << 8 | random.nextInt(4) << 10);
                s.add("fldcw", "d9 6e 00");
                pool.note("fldcw");
            }
            case 8 -> {
                s.set(Cpu.RBP, stack());
                s.add("enter", "c8 %02x 00 %02x".formatted(random.nextInt(64), chance(2) ? 0 : random.nextInt(4)));
                s.set(Cpu.RSP, stack());
                pool.note("enter");
            }
            case 9 -> {
                s.set(Cpu.RBP, stack());
                s.add("leave", "c9");
                s.set(Cpu.RSP, stack());
                pool.note("leave");
            }
            case 10 -> {
                s.set(Cpu.RSP, stack() - random.nextInt(8));
            }
            default -> condition(s);
        }
    }

    private Sequence body(Sequence before, int skipped, int forbidden) {
        Sequence inner = new Sequence(before.address + before.length() + skipped);
        inner.undefined = before.undefined;
        while (inner.length() == 0) {
            single.add(inner, forbidden | 1 << Cpu.RSP);
        }
        return inner;
    }

    private void skip(Sequence s, String what, String opcode, boolean near) {
        int length = opcode.length() / 2 + (near ? 4 : 1);
        Sequence body = body(s, length, 0);
        if (!near && body.length() > 127) {
            return;
        }
        s.add(what, opcode + Sequence.little(body.length(), near ? 4 : 1));
        s.add(body);
        s.undefined |= body.undefined;
    }

    private void condition(Sequence s) {
        int condition = random.nextInt(16);
        s.defineFlags(Rflags.ARITHMETIC, random);
        boolean near = chance(2);
        skip(s, "jcc", near ? "0f%02x".formatted(0x80 | condition) : "%02x".formatted(0x70 | condition), near);
        pool.note(CONDITIONS[condition]);
    }

    private void jump(Sequence s) {
        if (chance(3)) {
            s.set(Cpu.RCX, random.nextInt(2));
            boolean narrow = chance(2);
            skip(s, "jcxz", narrow ? "67e3" : "e3", false);
            pool.note("jcxz");
        } else {
            boolean near = chance(2);
            skip(s, "jmp", near ? "e9" : "eb", near);
            pool.note("jmp");
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
                pool.note("ret");
            }
            default -> { // lea rax, [rip+4]; mov [rbx], rax; jmp [rbx]; ud2
                s.set(Cpu.RBX, single.operand(1));
                s.add("lea", "48 8d 05 07 00 00 00");
                s.add("mov, jmp", "48 89 03 ff 23 0f 0b");
            }
        }
        pool.note("jmp");
    }

    private void call(Sequence s) {
        Sequence body = body(s, 5 + 5, 0);
        boolean immediate = chance(3);
        String ret = immediate ? "c2 %02x 00".formatted(random.nextInt(4) * 8) : "c3";
        int retLength = immediate ? 3 : 1;
        if (chance(2)) { // call over a jump
            s.add("call, jmp", "e8 05 00 00 00 e9" + Sequence.little(body.length() + retLength, 4));
        } else { // lea r10, [rip+8]; call r10; jmp
            body = body(s, 7 + 3 + 5, 0);
            s.add("lea", "4c 8d 15 08 00 00 00");
            s.add("call, jmp", "41 ff d2 e9" + Sequence.little(body.length() + retLength, 4));
        }
        s.add(body);
        s.add("ret", ret);
        s.undefined |= body.undefined;
        pool.note("call");
        pool.note("ret");
    }

    /** mov ecx, n; body; loop back. */
    private void loop(Sequence s) {
        s.set(Cpu.RCX, 1 + random.nextInt(4));
        s.undefined = Rflags.ARITHMETIC; // the body defines what it reads, in each turn
        Sequence body = body(s, 0, 1 << Cpu.RCX);
        int kind = random.nextInt(4);
        if (body.length() > 100) {
            return;
        }
        int top = s.length();
        s.loops = true;
        s.add(body);
        s.undefined = body.undefined;
        if (kind == 3) {
            s.add("dec, jnz", "ff c9 75" + Sequence.little(top - (s.length() + 4), 1));
            s.undefined &= Rflags.CF;
            return;
        }
        if (kind > 0) {
            s.defineFlags(Rflags.ZF, random);
        }
        s.add("loop", "%02x".formatted(0xe2 - kind) + Sequence.little(top - (s.length() + 2), 1));
        pool.note(kind == 0 ? "loop" : kind == 1 ? "loope" : "loopne");
    }
}

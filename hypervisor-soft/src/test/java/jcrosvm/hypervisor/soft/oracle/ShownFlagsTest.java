package jcrosvm.hypervisor.soft.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.concurrent.locks.LockSupport;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.interp.Alu;
import jcrosvm.hypervisor.soft.oracle.GuestMachine.Processor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Flags that no code looks at, but that a fault or an interrupt shows. */
final class ShownFlagsTest extends FaultFixture {
    private static final long HOLE = DATA + 8 * PAGE;
    private static final int PF = GuestException.PF;

    /** What makes flags; rDI and rSI are numbers, rBP is an address of memory, rBX runs towards the hole. */
    private static final String[] MAKERS = {
        "48 39 fb", // cmp rbx, rdi
        "48 81 fb 78 56 34 12", // cmp rbx, imm32
        "4c 39 d7", // cmp rdi, r10
        "48 3b 75 00", // cmp rsi, [rbp]
        "80 7d 00 05", // cmp byte [rbp], 5
        "40 f6 c7 11", // test dil, 11h
        "66 85 ff", // test di, di
        "48 01 f7", // add rdi, rsi
        "01 ff", // add edi, edi
        "48 03 7d 00", // add rdi, [rbp]
        "48 29 f7", // sub rdi, rsi
        "40 80 ef 7f", // sub dil, 7fh
        "48 11 f7", // adc rdi, rsi
        "40 1c ff 48 19 f7", // sbb al, -1; sbb rdi, rsi
        "4d 21 d3", // and r11, r10
        "48 33 7d 00", // xor rdi, [rbp]
        "48 f7 df", // neg rdi
        "ff c7", // inc edi
        "48 ff ce", // dec rsi
        "48 39 fb 48 ff ce", // cmp rbx, rdi; dec rsi
        "48 d1 e7", // shl rdi, 1
        "c1 ef 05", // shr edi, 5
        "48 c1 fe 3f", // sar rsi, 63
        "48 d3 e7", // shl rdi, cl
        "48 d1 c7", // rol rdi, 1
        "48 0f af fe", // imul rdi, rsi
        "69 ff 45 23 01 00", // imul edi, edi, imm
        "48 f7 e6 48 31 f7", // mul rsi; xor rdi, rsi
        "48 f7 e6", // mul rsi
        "f7 6d 00", // imul dword [rbp]
        "31 ff f9", // xor edi, edi; stc
        "0f a3 fe f5", // bt esi, edi; cmc
        "48 ff 45 00", // inc qword [rbp]
        "f0 48 29 75 00", // lock sub [rbp], rsi
        "0f b6 d4 00 e4", // movzx edx, ah; add ah, ah
        "0f 2e c1", // ucomiss
        "f3 0f b8 ff", // popcnt
    };

    /** What a pair of conditions looks at. */
    private static final int[] CONDITION_FLAGS = {
        Rflags.OF,
        Rflags.CF,
        Rflags.ZF,
        Rflags.CF | Rflags.ZF,
        Rflags.SF,
        Rflags.PF,
        Rflags.SF | Rflags.OF,
        Rflags.SF | Rflags.OF | Rflags.ZF
    };

    private GuestMachine other;

    private void registers(GuestMachine machine) {
        long[] values = {
            0x8123_4567_89ab_cdefL, 40, 0x55, HOLE - 3 * 8, DATA + 4 * PAGE, DATA + 0x2000, 0x7fff_ffff_ffff_fff3L, 0x91
        };
        for (int i = 0; i < values.length; i++) {
            machine.cpu.gpr(i, values[i]);
            machine.cpu.gpr(8 + i, values[i] * 31);
        }
        machine.data.fill((byte) 0x33);
        machine.cpu.rflags(Rflags.FIXED | Rflags.IF | Rflags.CF | Rflags.OF);
    }

    private static int defined(String hex) {
        // Multiplication and shifts leave flags undefined; AF is, after logic.
        boolean product =
                hex.contains("0f af") || hex.contains("f7 e6") || hex.startsWith("69") || hex.equals("f7 6d 00");
        boolean bits = hex.startsWith("0f a3");
        boolean shift = hex.contains("c1 ef") || hex.contains("c1 fe") || hex.contains("d3 e7");
        return product || bits ? Rflags.CF : Rflags.ARITHMETIC & ~Rflags.AF & (shift ? ~Rflags.OF : -1);
    }

    /** Runs the same on both machines up to the first fault. */
    private void same(String hex, int flags) {
        registers(guest);
        registers(other);
        String code = hex.replace(" ", "");
        GuestException expected = run(other, code);
        GuestException actual = run(guest, code);
        assertThat(actual.vector()).as(hex).isEqualTo(expected.vector());
        assertThat(guest.cpu.rip()).as(hex).isEqualTo(other.cpu.rip());
        assertThat(guest.cpu.rflags() & flags).as(hex).isEqualTo(other.cpu.rflags() & flags);
        for (int i = 0; i < 16; i++) {
            assertThat(guest.cpu.gpr(i)).as("%s register %d", hex, i).isEqualTo(other.cpu.gpr(i));
        }
    }

    private GuestException run(GuestMachine machine, String code) {
        return fault(machine, HexFormat.of().parseHex(code));
    }

    private void prepare(Processor processor) {
        machine(Processor.INTERPRETED);
        other = guest;
        machine(processor);
        other.rights(8, 0);
        guest.rights(8, 0);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "INTERPRETED")
    void atTheInstructionThatWouldOverwriteThem(Processor processor) throws Exception {
        prepare(processor);
        for (String maker : MAKERS) {
            int flags = defined(maker);
            same(maker + "48 03 3c 25 00 00 00 00", flags); // add rdi, [0]
            same(maker + "48 8b 06", flags); // mov rax, [rsi]
            same(maker + "48 89 f7 48 03 7b 18", flags); // mov rdi, rsi; add rdi, [rbx+24]
            same(maker + "48 8b 45 00 48 03 7b 18", flags); // after an access that does not fault
            same(maker + "eb 00 48 8b 45 00 48 03 7b 18", flags); // in the next block
            same(maker + "72 04 48 03 7b 18 48 89 d7 48 03 7b 18", flags); // behind a branch or at its target
            same(maker + "76 07 48 01 d7 48 03 7b 18 48 03 7b 18", flags & Rflags.CF);
            same(maker + "4c 89 dc 50", flags); // mov rsp, r11; push rax
            same(maker + "48 8d 63 18 c3", flags); // lea rsp, [rbx+24]; ret
            same(maker + "48 8d 63 18 e8 00 00 00 00", flags); // call
            same(maker + "ff 63 18", flags); // jmp [rbx+24]
            same(maker + "31 c9 f7 f1", Rflags.ZF & flags); // xor ecx, ecx; div ecx
            same(maker + "48 8d 7b 18 f3 aa", flags); // lea rdi, [rbx+24]; rep stosb
            same(maker + "0f 0b", flags); // ud2
        }
        other.close();
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "INTERPRETED")
    void aroundLoops(Processor processor) throws Exception {
        prepare(processor);
        for (String maker : MAKERS) {
            for (int condition = 0; condition < 16; condition++) {
                if ((CONDITION_FLAGS[condition >> 1] & ~defined(maker)) != 0) {
                    continue;
                }
                loop("48 8b 13 48 8d 5b 08" + maker, condition, defined(maker)); // mov rdx, [rbx]; lea rbx, [rbx+8]
                loop("8b 13 48 83 c3 08" + maker, condition, defined(maker)); // with add rbx, 8
                loop("48 8d 5b 08" + maker + "8b 13", condition, defined(maker));
                loop("48 8d 5b 08 8b 45 00 89 f7 8b 13" + maker, condition, defined(maker));
            }
        }
        other.close();
    }

    /** Around until the branch is not taken or the hole is reached. */
    private void loop(String body, int condition, int flags) {
        int length = body.replace(" ", "").length() / 2;
        same(body + "%02x %02x".formatted(0x70 | condition, 0x100 - length - 2) + "48 8b 43 18", flags);
    }

    @ParameterizedTest
    @EnumSource
    void carryAndZeroOfAnAdditionThatFaults(Processor processor) {
        machine(processor);
        guest.rights(8, 0);
        guest.cpu.gpr(Cpu.RDI, HOLE);
        guest.cpu.rflags(Rflags.FIXED | Rflags.IF);
        raises(PF, 6, 3, "31 c0 f9 01 07"); // xor eax, eax; stc; add [rdi], eax
        assertThat(guest.cpu.rflags() & Rflags.ARITHMETIC & ~Rflags.AF).isEqualTo(Rflags.CF | Rflags.ZF | Rflags.PF);
    }

    @Test
    void anInterruptOfALoopSeesThemToo() throws InterruptedException {
        machine(Processor.TRANSLATED);
        // add rdx, 3; lea rax, [rdx+5]; cmp rdx, rsi; jne
        interrupted("48 83 c2 03 48 8d 42 05 48 39 f2 75 f3", 4, false);
        // mov rax, [rbp]; add rdx, 3; cmp rdx, rsi; jne
        interrupted("48 8b 45 00 48 83 c2 03 48 39 f2 75 f3", 0, true);
    }

    private void interrupted(String hex, int at, boolean compared) throws InterruptedException {
        byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
        for (int round = 0; round < 3; round++) {
            put(guest, code);
            guest.cpu.gpr(Cpu.RBP, DATA + 0x2000);
            guest.cpu.gpr(Cpu.RSI, -5);
            guest.cpu.gpr(Cpu.RDX, round);
            guest.cpu.take(-1);
            Thread interrupter = Thread.ofPlatform().start(() -> {
                LockSupport.parkNanos(2_000_000);
                guest.cpu.request(Pending.SELF);
            });
            guest.engine.run();
            interrupter.join();
            assertThat(guest.cpu.rip() - CODE).as(hex).isEqualTo(at);
            Alu alu = new Alu(guest.cpu);
            long rdx = guest.cpu.gpr(Cpu.RDX);
            if (compared) {
                alu.sub(8, rdx, guest.cpu.gpr(Cpu.RSI));
            } else {
                alu.add(8, rdx - 3, 3);
            }
            assertThat(guest.cpu.rflags()).as(hex).isEqualTo(alu.flags());
        }
    }
}

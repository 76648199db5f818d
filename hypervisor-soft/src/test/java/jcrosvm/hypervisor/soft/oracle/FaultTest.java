package jcrosvm.hypervisor.soft.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.Random;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.oracle.GuestMachine.Processor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the host cannot be asked, since it would raise a signal: faults leave everything as it was. */
final class FaultTest extends FaultFixture {
    private static final long START = 0x1000;

    @ParameterizedTest
    @EnumSource
    void misalignedVectors(Processor processor) {
        machine(processor);
        Random random = new Random(1);
        SingleInstruction generator = new SingleInstruction(random, DATA);
        int tested = 0;
        for (int number : generator.pool.numbers) {
            if (!Decoder.forms().get(number).has(Form.ALIGNED_16)) {
                continue;
            }
            for (int tries = 0; tries < 200; tries++) {
                Sequence s = new Sequence(CODE);
                generator.misalignment = 1 + random.nextInt(15);
                generator.add(s, number, 0);
                Insn insn = generator.insn;
                boolean disturbed = insn.base == Insn.RIP || insn.base == Cpu.RSP;
                if (s.length() == 0 || !insn.memory || disturbed) {
                    continue;
                }
                GuestException e = fault(s.bytes());
                assertThat(e.vector()).as("%s", s).isEqualTo(GuestException.GP);
                assertThat(e.errorCode()).isZero();
                assertThat(guest.cpu.rip()).as("%s", s).isEqualTo(CODE + s.length() - insn.length);
                tested++;
                break;
            }
        }
        assertThat(tested).isGreaterThan(150);
    }

    @ParameterizedTest
    @EnumSource
    void divisions(Processor processor) {
        machine(processor);
        int none = GuestException.NO_ERROR_CODE;
        raises(GuestException.DE, none, 2, "31 c9 f7 f1"); // xor ecx, ecx; div ecx
        raises(GuestException.DE, none, 2, "31 c9 f6 f9"); // idiv cl
        // mov edx, 5; mov ecx, 5; div rcx
        raises(GuestException.DE, none, 10, "ba 05 00 00 00 b9 05 00 00 00 48 f7 f1");
        // The smallest number by -1: xor eax, eax; bts rax, 63; cqo; or rcx, -1; idiv rcx
        raises(GuestException.DE, none, 13, "31 c0 48 0f ba e8 3f 48 99 48 83 c9 ff 48 f7 f9");
        // mov eax, 0x80000000; cdq; or ecx, -1; idiv ecx
        raises(GuestException.DE, none, 9, "b8 00 00 00 80 99 83 c9 ff f7 f9");
        // mov eax, 0x8000; or ecx, -1; idiv cl: -32768 / -1
        raises(GuestException.DE, none, 8, "b8 00 80 00 00 83 c9 ff f6 f9");
        assertThat(guest.cpu.gpr(Cpu.RAX)).isEqualTo(0x8000);
    }

    @ParameterizedTest
    @EnumSource
    void undefined(Processor processor) {
        machine(processor);
        String[] codes = {
            "0f 0b",
            "f0 01 c0",
            "f0 90",
            "f0 8b 00",
            "0f ff c0",
            "0f b9 c0",
            "06",
            "9a",
            "0f 0f c0 9e",
            "c5 f8 77",
            "62 f1 7c 48 28 c1",
            "8f e8 78 c0 c1 01",
            "0f 38 c8 c1",
            "0f c7 20",
            "0f 01 ca",
            "8e c8",
            "0f 78 c0",
            "0f b8 c0",
            "0f 01 d5",
            "0f 3a cc c1 00"
        };
        for (String code : codes) {
            raises(GuestException.UD, GuestException.NO_ERROR_CODE, 1, "90" + code);
        }
    }

    @ParameterizedTest
    @EnumSource
    void privileged(Processor processor) {
        machine(processor);
        String[] codes = {
            "f4",
            "fa",
            "fb",
            "0f 06",
            "0f 08",
            "0f 09",
            "0f 20 c0",
            "0f 22 c0",
            "0f 23 c0",
            "0f 30",
            "0f 32",
            "0f 01 10",
            "0f 01 38",
            "0f 01 f8",
            "e4 60",
            "ed",
            "6c",
            "0f 00 d8",
            "0f 01 f0"
        };
        for (String code : codes) {
            raises(GuestException.GP, 0, 1, "90" + code);
        }
    }

    @ParameterizedTest
    @EnumSource
    void pageFaults(Processor processor) {
        machine(processor);
        guest.rights(3, 0);
        guest.rights(4, GuestMachine.PRESENT | GuestMachine.USER);
        guest.rights(6, GuestMachine.PRESENT | GuestMachine.WRITABLE);
        long[] values = new long[16];
        Random random = new Random(2);
        record Access(int page, int offset, int size, String code, int errorCode, int faultOffset) {}
        Access[] accesses = {
            new Access(3, 8, 8, "48 8b 03", 4, 8), // mov rax, [rbx]
            new Access(3, 8, 8, "48 89 03", 6, 8), // mov [rbx], rax
            new Access(4, 8, 8, "48 01 03", 7, 8), // add [rbx], rax
            new Access(4, 8, 8, "f0 48 01 03", 7, 8),
            new Access(4, 8, 8, "f0 48 0f b1 0b", 7, 8), // cmpxchg: a write even if it fails
            new Access(4, 8, 8, "48 0f ba 3b 05", 7, 8), // btc
            new Access(6, 8, 8, "48 8b 03", 5, 8),
            new Access(6, 8, 8, "48 89 03", 7, 8),
            new Access(2, PAGE - 3, 8, "48 89 03", 6, PAGE), // over the end of a page
            new Access(3, PAGE - 3, 8, "48 89 03", 6, PAGE - 3),
            new Access(4, -3, 8, "48 8b 03", 4, -3),
            new Access(3, 0, 16, "0f 11 03", 6, 0), // movups [rbx], xmm0
            new Access(2, PAGE - 8, 16, "0f 10 03", 4, PAGE),
            new Access(3, 0, 16, "0f 58 03", 4, 0), // addps
            new Access(4, 0, 4, "f3 0f 11 03", 7, 0), // movss
            new Access(4, 0, 10, "db 3b", 7, 0), // fstp tbyte
            new Access(4, 0, 4, "0f 9f 03", 7, 0), // setg
            new Access(4, 0, 8, "8f 03", 7, 0), // pop
        };
        for (Access access : accesses) {
            for (int i = 0; i < 16; i++) {
                values[i] = random.nextLong();
            }
            values[Cpu.RBX] = DATA + access.page * (long) PAGE + access.offset;
            values[Cpu.RSP] = DATA + 10 * PAGE;
            for (int i = 0; i < 16; i++) {
                guest.cpu.gpr(i, values[i]);
            }
            guest.cpu.rflags(Rflags.FIXED | Rflags.IF | Rflags.CF | Rflags.SF);
            guest.data.fill((byte) 0x5a);
            raises(GuestException.PF, access.errorCode, 0, access.code);
            assertThat(guest.cpu.cr2).as(access.code).isEqualTo(DATA + access.page * (long) PAGE + access.faultOffset);
            for (int i = 0; i < 16; i++) {
                assertThat(guest.cpu.gpr(i)).as(access.code).isEqualTo(values[i]);
            }
            assertThat(guest.cpu.rflags() & Rflags.ARITHMETIC).as(access.code).isEqualTo(Rflags.CF | Rflags.SF);
            for (long i = START; i < 9 * PAGE; i++) {
                assertThat(guest.data.get(ValueLayout.JAVA_BYTE, i))
                        .as(access.code)
                        .isEqualTo((byte) 0x5a);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void addressesThatAreNotCanonical(Processor processor) {
        machine(processor);
        guest.cpu.gpr(Cpu.RBX, 0x8000_0000_0000L);
        guest.cpu.gpr(Cpu.RBP, 0x8000_0000_0000L);
        raises(GuestException.GP, 0, 0, "48 8b 03");
        raises(GuestException.GP, 0, 0, "48 89 03");
        raises(GuestException.SS, 0, 0, "48 8b 45 00");
        raises(GuestException.GP, 0, 0, "0f 10 03");
        raises(GuestException.SS, 0, 0, "0f 28 45 00");
        raises(GuestException.GP, 0, 0, "0f 28 45 01"); // misaligned
        raises(GuestException.GP, 0, 0, "48 0f c7 4d 01");
        if (processor == Processor.INTERPRETED) { // translated branches arrive before they fault
            raises(GuestException.GP, 0, 0, "ff e3"); // jmp rbx
        }
    }
}

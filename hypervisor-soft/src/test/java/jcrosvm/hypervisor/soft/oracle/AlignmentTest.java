package jcrosvm.hypervisor.soft.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.oracle.GuestMachine.Processor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * #AC. Every expectation was seen on an AMD EPYC under Linux, by a program with RFLAGS.AC set and a signal handler; this
 * process would not survive to compare them here.
 */
final class AlignmentTest extends FaultFixture {
    private static final int NONE = 0;
    private static final int AC = GuestException.AC;
    private static final int GP = GuestException.GP;
    private static final int PF = GuestException.PF;

    /** rDI points to aligned memory, rSI to a page that is not there. */
    private void prepare(Processor processor) {
        machine(processor);
        guest.rights(8, 0);
        registers();
    }

    private void registers() {
        guest.cpu.gpr(Cpu.RCX, 1);
        guest.cpu.gpr(Cpu.RDI, DATA + 0x1000);
        guest.cpu.gpr(Cpu.RSI, DATA + 8 * PAGE);
        guest.cpu.gpr(Cpu.RBP, 0x8000_0000_0000L);
        guest.cpu.gpr(Cpu.RSP, DATA + 4 * PAGE);
        guest.cpu.rflags(Rflags.FIXED | Rflags.IF | Rflags.AC);
        guest.mmu.rightsChanged();
    }

    private void expect(int vector, String hex) {
        registers();
        if (vector == NONE) {
            passes(hex);
        } else {
            int error = vector == PF ? 4 : 0;
            raises(vector, error, 0, hex);
        }
    }

    @ParameterizedTest
    @EnumSource
    void operandsOfEachSize(Processor processor) {
        prepare(processor);
        expect(NONE, "8a 47 01"); // a byte
        expect(AC, "66 8b 47 01");
        expect(AC, "8b 47 01");
        expect(AC, "8b 47 02");
        expect(AC, "89 47 02");
        expect(AC, "48 8b 47 04");
        expect(AC, "48 01 47 04");
        expect(AC, "f0 0f b1 4f 01"); // lock cmpxchg
        expect(AC, "0f c7 4f 04"); // cmpxchg8b
        expect(AC, "87 47 01"); // xchg
        expect(AC, "0f a3 47 01"); // bt
        expect(AC, "0f 38 f0 47 01"); // movbe
        expect(AC, "f2 0f 38 f1 47 01"); // crc32
        expect(AC, "0f c3 47 02"); // movnti
        expect(AC, "ff 67 01"); // jmp
        expect(AC, "ff 77 01"); // push
        expect(NONE, "48 8d 47 01"); // lea
        expect(NONE, "0f 18 4f 01"); // prefetcht0
    }

    @ParameterizedTest
    @EnumSource
    void vectorsAndFloatingPoint(Processor processor) {
        prepare(processor);
        expect(AC, "0f 10 47 01"); // movups
        expect(AC, "0f 10 47 08");
        expect(AC, "f3 0f 6f 47 01"); // movdqu
        expect(AC, "f2 0f f0 47 01"); // lddqu
        expect(AC, "66 0f 3a 63 47 01 00"); // pcmpistri
        expect(GP, "0f 28 47 08"); // movaps
        expect(GP, "66 0f fc 47 08"); // paddb
        expect(GP, "66 0f e7 47 08"); // movntdq
        expect(AC, "f3 0f 10 47 01"); // movss
        expect(AC, "f2 0f 10 47 04"); // movsd
        expect(AC, "0f 12 47 04"); // movlps
        expect(AC, "66 0f 6e 47 02"); // movd
        expect(AC, "66 0f 38 30 47 04"); // pmovzxbw
        expect(AC, "0f c4 47 01 00"); // pinsrw
        expect(AC, "0f fc 47 04"); // paddb mm
        expect(AC, "0f e7 47 04"); // movntq
        expect(AC, "0f ae 5f 02"); // stmxcsr
        expect(AC, "db 6f 04"); // fld of 80 bits
        expect(NONE, "db 6f 08");
        expect(NONE, "df 67 08"); // fbld
        expect(AC, "dd 47 04"); // fld of 64 bits
        expect(AC, "df 57 01"); // fist of 16 bits
        expect(AC, "d9 6f 01"); // fldcw
        expect(AC, "dd 7f 01"); // fnstsw
        expect(AC, "d9 77 02"); // fnstenv
        expect(NONE, "d9 77 04");
        expect(AC, "66 d9 77 01");
        expect(NONE, "66 d9 77 02");
        expect(AC, "d9 67 02"); // fldenv
        expect(AC, "dd 77 02"); // fnsave
        expect(NONE, "dd 77 04");
        expect(AC, "0f ae 47 02"); // fxsave
        expect(GP, "0f ae 47 04");
        expect(AC, "0f ae 4f 01"); // fxrstor
        expect(GP, "0f ae 4f 08");
    }

    @ParameterizedTest
    @EnumSource
    void stackAndStrings(Processor processor) {
        prepare(processor);
        String disturb = "48 83 c4 01"; // add rsp, 1
        for (String code : new String[] {"50", "58", "e8 00 00 00 00", "c3", "9c", "9d", "c8 00 00 00", "66 50"}) {
            registers();
            raises(AC, 0, 4, disturb + code);
        }
        registers();
        raises(AC, 0, 4, disturb + "48 cb"); // retf
        registers();
        raises(AC, 0, 4, disturb + "48 cf"); // iretq
        registers();
        passes("48 83 c4 02 66 50");
        registers();
        raises(AC, 0, 5, "48 8d 6c 24 01 c9"); // lea rbp, [rsp+1]; leave
        registers();
        raises(AC, 0, 7, "48 8d 77 40 48 ff c7 a5"); // movsd to a misaligned address
        registers();
        raises(AC, 0, 4, "48 8d 77 41 a5"); // and from one
        registers();
        raises(AC, 0, 4, "48 8d 77 41 f3 a5");
        registers();
        raises(AC, 0, 3, "48 ff c7 66 ab"); // stosw
        registers();
        raises(AC, 0, 6, "48 ff c7 0f 57 c9 66 0f f7 c1"); // maskmovdqu, no byte selected
    }

    @ParameterizedTest
    @EnumSource
    void amongOtherFaults(Processor processor) {
        prepare(processor);
        expect(AC, "8b 46 01"); // on a page that is not there
        expect(AC, "8b 46 fe");
        expect(AC, "01 46 01");
        expect(AC, "0f ae 46 01"); // fxsave
        expect(GP, "0f 28 46 01"); // movaps
        expect(PF, "8b 46 04");
        expect(GuestException.SS, "8b 45 01"); // an address that is not canonical
        expect(GuestException.SS, "0f 10 45 01"); // movups
        registers();
        raises(AC, 0, 3, "48 ff c7 a7"); // cmpsd looks at rDI first
        registers();
        raises(PF, 4, 3, "48 ff c7 a5"); // movsd at rSI
    }

    @ParameterizedTest
    @EnumSource
    void onlyWithBothBitsAtLevel3(Processor processor) {
        prepare(processor);
        String loop = "8b 47 01 9d 8b 47 01"; // mov; popf; mov
        guest.cpu.rflags(Rflags.FIXED | Rflags.IF);
        guest.mmu.rightsChanged();
        guest.mmu.write(DATA + 4 * PAGE, 8, Rflags.AC | Rflags.IF);
        raises(AC, 0, 4, loop);
        assertThat(guest.cpu.flag(Rflags.AC)).isTrue();

        registers();
        guest.mmu.write(DATA + 4 * PAGE, 8, Rflags.IF);
        passes("9d 8b 47 01");

        registers();
        guest.cpu.cr0 &= ~Control.CR0_AM;
        guest.mmu.rightsChanged();
        passes("8b 47 01");
    }
}

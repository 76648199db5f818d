package jcrosvm.hypervisor.soft.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.oracle.GuestMachine.Processor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Where vendors differ or manuals are vague: what an AMD EPYC did in a program with a signal handler. */
final class VendorTest extends FaultFixture {
    private static final long STACK = DATA + 4 * PAGE;
    private static final long HOLE = DATA + 8 * PAGE;
    private static final int GP = GuestException.GP;
    private static final int PF = GuestException.PF;

    private void prepare(Processor processor) {
        machine(processor);
        guest.rights(8, 0);
        guest.data.fill((byte) 0x22);
        registers();
    }

    private void registers() {
        guest.cpu.gpr(Cpu.RAX, 0);
        guest.cpu.gpr(Cpu.RCX, 1);
        guest.cpu.gpr(Cpu.RDI, DATA + 0x1000);
        guest.cpu.gpr(Cpu.RSI, HOLE);
        guest.cpu.gpr(Cpu.RBP, 0x8000_0000_0000L);
        guest.cpu.gpr(Cpu.RSP, STACK);
        guest.cpu.gpr(12, CODE + 0x1_2345);
        guest.cpu.rflags(Rflags.FIXED | Rflags.IF | Rflags.CF);
    }

    /** The branch goes to a 16-bit address, where nothing is. */
    private void goesTo(long target, int pushed, String hex) {
        registers();
        raises(PF, 0x14, (int) (target - CODE), hex);
        assertThat(guest.cpu.cr2).as(hex).isEqualTo(target);
        assertThat(guest.cpu.gpr(Cpu.RSP)).as(hex).isEqualTo(STACK - pushed);
    }

    @ParameterizedTest
    @EnumSource
    void operandSizePrefixTruncatesTargetsOfNearBranches(Processor processor) {
        prepare(processor);
        goesTo(0x13, 0, "66 eb 10");
        goesTo(0x14, 0, "66 e9 10 00");
        goesTo(0x14, 2, "66 e8 10 00");
        goesTo(0x2222, -2, "66 c3");
        goesTo(0x2222, -18, "66 c2 10 00");
        goesTo(0x13, 0, "66 72 10"); // jc
        goesTo(0x15, 0, "66 0f 82 10 00");
        goesTo(0x2345, 0, "66 41 ff e4");
        goesTo(0x2222, 0, "66 ff 27");
        goesTo(0x2345, 2, "66 41 ff d4");
        goesTo(0x2222, 2, "66 ff 17");
        goesTo(0x15, 0, "ff c1 66 e2 10"); // inc ecx; loop
        goesTo(0x15, 0, "ff c9 66 e3 10"); // dec ecx; jrcxz
        registers();
        passes("66 73 10"); // jnc
        registers();
        passes("66 0f 83 10 00");
        registers();
        passes("66 e3 10");
        registers();
        passes("66 48 e9 00 00 00 00"); // REX.W counts
        registers();
        passes("66 48 e8 00 00 00 00");
        assertThat(guest.cpu.gpr(Cpu.RSP)).isEqualTo(STACK - 8);
    }

    @ParameterizedTest
    @EnumSource
    void signExtensionReadsFourBytes(Processor processor) {
        prepare(processor);
        passes("66 63 07");
        assertThat(guest.cpu.gpr(Cpu.RAX)).isEqualTo(0x2222);
        registers();
        raises(PF, 4, 0, "66 63 46 fe");
        assertThat(guest.cpu.cr2).isEqualTo(HOLE);
    }

    @ParameterizedTest
    @EnumSource
    void orderOfFaultsInStringInstructions(Processor processor) {
        prepare(processor);
        raises(PF, 4, 4, "48 8d 7e 01 a6"); // cmpsb at rDI and rSI: rDI first
        assertThat(guest.cpu.cr2).isEqualTo(HOLE + 1);
        registers();
        raises(PF, 4, 6, "48 89 f7 48 89 ee a6");
        registers();
        raises(GP, 0, 3, "48 89 ef a6");
        registers();
        raises(PF, 4, 4, "48 8d 7e 01 a4"); // movsb: rSI first
        assertThat(guest.cpu.cr2).isEqualTo(HOLE);
        registers();
        raises(PF, 4, 3, "48 89 ef a4");
        registers();
        raises(GP, 0, 6, "48 89 f7 48 89 ee a4");
    }

    /** Pops IRETQ's frame, or RETF's, with these values. */
    private void returns(int vector, int errorCode, String instruction, long... values) {
        registers();
        long sp = guest.cpu.gpr(Cpu.RSP);
        for (int i = 0; i < values.length; i++) {
            guest.mmu.write(sp + 8L * i, 8, values[i]);
        }
        raises(vector, errorCode, 0, instruction);
    }

    @ParameterizedTest
    @EnumSource
    void orderOfFaultsInFarReturns(Processor processor) {
        prepare(processor);
        guest.map(0, 0, GuestMachine.ALL); // descriptor tables
        long bad = 0x8000_0000_0000L;
        int cs = 0x1233;
        int ss = 0x1243;
        returns(GP, 0x1230, "48 cf", bad, cs, Rflags.FIXED, STACK, ss);
        returns(GP, 0x1230, "48 cf", CODE, cs, Rflags.FIXED, STACK, ss);
        returns(GP, 0x1230, "48 cb", bad, cs);
        // The stack segment is popped before the code segment is looked at.
        for (int i = 0; i < 4; i++) {
            guest.mmu.write(HOLE - 32 + 8L * i, 8, cs);
        }
        registers();
        guest.cpu.gpr(Cpu.RSP, HOLE - 32);
        raises(PF, 4, 0, "48 cf");
    }

    private void divide(int mxcsr, int expected) {
        int[] a = {0, 0x3f80_0000, 0x3f80_0000, 0x3f80_0000}; // 0/0, 1/3, 1/0, 1/1
        int[] b = {0, 0x4040_0000, 0, 0x3f80_0000};
        for (int i = 0; i < 4; i++) {
            guest.cpu.state().set(ValueLayout.JAVA_INT, StateLayout.XMM + 4L * i, a[i]);
            guest.cpu.state().set(ValueLayout.JAVA_INT, StateLayout.XMM + 16 + 4L * i, b[i]);
        }
        guest.cpu.state().set(ValueLayout.JAVA_INT, StateLayout.MXCSR, mxcsr);
        raises(GuestException.XM, GuestException.NO_ERROR_CODE, 0, "0f 5e c1"); // divps
        assertThat(guest.cpu.state().get(ValueLayout.JAVA_INT, StateLayout.MXCSR))
                .isEqualTo(expected);
    }

    @ParameterizedTest
    @EnumSource
    void exceptionsOfOperandsAreSeenBeforeThoseOfResults(Processor processor) {
        prepare(processor);
        divide(0x1f00, 0x1f05); // invalid
        divide(0x1d80, 0x1d85); // zero divide
        divide(0x0f80, 0x0fa5); // precision
    }

    private void environment(int control, int status, int expectedControl, int expectedStatus) {
        registers();
        long at = DATA + 0x1000;
        guest.mmu.write(at, 4, control);
        guest.mmu.write(at + 4, 4, status);
        guest.mmu.write(at + 8, 4, 0xffff);
        passes("d9 27 d9 37"); // fldenv; fnstenv
        assertThat(guest.mmu.read(at, 2)).isEqualTo(expectedControl);
        assertThat(guest.mmu.read(at + 4, 2)).isEqualTo(expectedStatus);
        guest.cpu.state().set(ValueLayout.JAVA_INT, StateLayout.FX, 0x37f);
    }

    @ParameterizedTest
    @EnumSource
    void reservedBitsOfTheX87(Processor processor) {
        prepare(processor);
        environment(0xffff, 0, 0x1f7f, 0);
        environment(0xe0bf, 0, 0x007f, 0);
        environment(0x037f, 0xffff, 0x037f, 0x7f7f);
        environment(0x037f, 0x8080, 0x037f, 0);
        environment(0, 0x3f, 0x40, 0x80bf);
        registers();
        guest.mmu.write(DATA + 0x1000, 2, 0xffff);
        passes("d9 2f d9 3f"); // fldcw; fnstcw
        assertThat(guest.mmu.read(DATA + 0x1000, 2)).isEqualTo(0x1f7f);
        registers();
        passes("0f ae 07 c7 07 ff ff ff ff 0f ae 0f d9 3f dd 7f 02"); // fxsave; mov; fxrstor; fnstcw; fnstsw
        assertThat(guest.mmu.read(DATA + 0x1000, 4)).isEqualTo(0x7f7f_1f7fL);
    }
}

package jcrosvm.hypervisor.soft.oracle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.oracle.GuestMachine.Processor;
import org.junit.jupiter.api.AfterEach;

/** A processor in user mode that runs code up to its fault. */
abstract class FaultFixture {
    static final int PAGE = SingleInstruction.PAGE;
    static final long CODE = 0x40_0000;
    static final long DATA = 0x7000_1234_0000L;

    GuestMachine guest;

    @AfterEach
    final void close() throws Exception {
        guest.close();
    }

    final void machine(Processor processor) {
        guest = new GuestMachine(processor, CODE, PAGE, DATA, SingleInstruction.WINDOW);
        MemorySegment fx = guest.cpu.state().asSlice(StateLayout.FX, 512);
        fx.set(ValueLayout.JAVA_INT, 0, 0x37f);
        fx.set(ValueLayout.JAVA_INT, 24, 0x1f80);
    }

    /** Runs code and returns the fault; RIP is relative to the code. */
    final GuestException fault(byte[] code) {
        return fault(guest, code);
    }

    static GuestException fault(GuestMachine machine, byte[] code) {
        put(machine, code);
        return assertThrows(GuestException.class, machine.engine::run);
    }

    /** Puts code where the processor goes on. */
    static void put(GuestMachine machine, byte[] code) {
        machine.code.fill((byte) 0xf4); // HLT: #GP where nothing is expected
        MemorySegment.copy(code, 0, machine.code, ValueLayout.JAVA_BYTE, 0, code.length);
        machine.codeChanged(0, PAGE);
        machine.cpu.rip(CODE);
    }

    final void raises(int vector, int errorCode, int at, String hex) {
        GuestException e = fault(HexFormat.of().parseHex(hex.replace(" ", "")));
        assertThat(e.vector()).as(hex).isEqualTo(vector);
        assertThat(e.errorCode()).as(hex).isEqualTo(errorCode);
        assertThat(guest.cpu.rip() - CODE).as(hex).isEqualTo(at);
    }

    /** Runs code to the HLT behind it. */
    final void passes(String hex) {
        raises(GuestException.GP, 0, hex.replace(" ", "").length() / 2, hex);
    }
}

package jcrosvm.hypervisor.soft.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The time stamp counter in translated code, which calls the C library: nothing else changes. */
class TimeCodeTest {
    private static final int CODE = 2 << 20;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0f01f9 f4", // rdtscp, hlt
                "660fefc0 0f01f9 660fefc9 f4" // pxor xmm0,xmm0 before, pxor xmm1,xmm1 behind
            })
    void isTheHostsClock(String code) {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "the translator needs an x86-64 host");
        try (FlatMachine machine = new FlatMachine();
                TranslatingEngine engine = machine.engine(true)) {
            Cpu cpu = machine.cpu;
            machine.code(CODE, HexFormat.of().parseHex(code.replace(" ", "")));
            for (int i = 0; i < 16; i++) {
                cpu.gpr(i, 0x1111_1111_1111_1111L * i);
            }
            for (int i = 0; i < 32; i++) {
                cpu.state().set(ValueLayout.JAVA_LONG, StateLayout.XMM + 8L * i, 1000 + i);
            }
            cpu.tscAux = 7;
            long flags = Rflags.FIXED | Rflags.CF | Rflags.ZF | Rflags.OF;
            cpu.rflags(flags);
            cpu.rip(machine.linear(CODE));

            long before = System.nanoTime();
            engine.run();
            long after = System.nanoTime();

            assertThat(cpu.halted).isTrue();
            assertThat(cpu.gpr(Cpu.RDX) << 32 | cpu.gpr(Cpu.RAX)).isBetween(before, after);
            assertThat(cpu.gpr(Cpu.RCX)).isEqualTo(7);
            assertThat(cpu.rflags()).isEqualTo(flags);
            for (int i = 3; i < 16; i++) {
                assertThat(cpu.gpr(i)).isEqualTo(0x1111_1111_1111_1111L * i);
            }
            boolean pxor = code.length() > 10;
            for (int i = pxor ? 4 : 0; i < 32; i++) {
                assertThat(cpu.state().get(ValueLayout.JAVA_LONG, StateLayout.XMM + 8L * i))
                        .isEqualTo(1000 + i);
            }
        }
    }
}

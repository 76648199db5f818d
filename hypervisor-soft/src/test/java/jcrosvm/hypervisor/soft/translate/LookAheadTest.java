package jcrosvm.hypervisor.soft.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Flags that nobody looked at when a block was translated, but somebody does after a patch of the code behind it. */
class LookAheadTest {
    private static final int CODE = 2 << 20;
    private static final int NEXT = CODE + 0x100;
    private static final int DATA = 4 << 20;

    // mov eax, -1; add eax, 1; mov rbx, [r13]; jmp NEXT
    private static final byte[] BLOCK = HexFormat.of().parseHex("b8ffffffff" + "83c001" + "498b5d00" + "e9ef000000");
    private static final byte[] IGNORES = HexFormat.of().parseHex("31d2" + "90" + "f4"); // xor edx, edx; nop; hlt
    private static final byte[] LOOKS = HexFormat.of().parseHex("0f92c2" + "f4"); // setc dl; hlt

    @Test
    void aPatchBehindABlockBringsItsFlagsBack() {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "the translator needs an x86-64 host");
        try (FlatMachine machine = new FlatMachine();
                TranslatingEngine engine = machine.engine(false)) {
            machine.code(CODE, BLOCK);
            for (int round = 0; round < 3; round++) {
                machine.code(NEXT, IGNORES);
                run(machine, engine);
                assertThat(machine.cpu.gpr(2)).isZero();
                machine.code(NEXT, LOOKS);
                run(machine, engine);
                assertThat(machine.cpu.gpr(2)).isEqualTo(1);
            }
        }
    }

    private static void run(FlatMachine machine, TranslatingEngine engine) {
        machine.cpu.gpr(13, machine.linear(DATA));
        machine.cpu.rip(machine.linear(CODE));
        machine.cpu.take(-1);
        machine.cpu.halted = false;
        engine.run();
    }
}

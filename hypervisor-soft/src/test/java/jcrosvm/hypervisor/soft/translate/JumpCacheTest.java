package jcrosvm.hypervisor.soft.translate;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.Random;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.mmu.Tlb;
import org.junit.jupiter.api.Test;

class JumpCacheTest {
    private final Cpu cpu = new Cpu(0);
    private final JumpCache jumps = new JumpCache(cpu.state());

    /** As generated code looks it up; 0 when it is not there. */
    private long target(int context, long linear) {
        int at = Frame.jumps(context) + Frame.jumpOffset(linear);
        return cpu.state().get(ValueLayout.JAVA_LONG, at) == linear
                ? cpu.state().get(ValueLayout.JAVA_LONG, at + 8L)
                : 0;
    }

    @Test
    void flushesForgetWhatTheTlbForgets() {
        jumps.put(Tlb.SUPERVISOR, 0xffff_8000_0000_1000L, 1, true);
        jumps.put(Tlb.USER, 0x40_1000, 2, false);
        jumps.put(Tlb.USER, 0x40_2ffe, 3, false); // its instruction may end in the next page
        jumps.flushed(0x40_3000, 4096);
        assertThat(target(Tlb.USER, 0x40_2ffe)).isZero();
        assertThat(target(Tlb.USER, 0x40_1000)).isEqualTo(2);
        jumps.flushed(false);
        assertThat(target(Tlb.USER, 0x40_1000)).isZero();
        assertThat(target(Tlb.SUPERVISOR, 0xffff_8000_0000_1000L)).isEqualTo(1);
        jumps.flushed(0xffff_8000_0000_0000L, 1L << 30);
        assertThat(target(Tlb.SUPERVISOR, 0xffff_8000_0000_1000L)).isZero();
        jumps.put(Tlb.SUPERVISOR, 0xffff_8000_0000_1000L, 4, true);
        jumps.flushed(true);
        assertThat(target(Tlb.SUPERVISOR, 0xffff_8000_0000_1000L)).isZero();
    }

    @Test
    void emptyTablesHaveNoAddress() {
        for (int context = 0; context < Tlb.CONTEXTS; context++) {
            assertThat(target(context, 0)).isZero();
            assertThat(target(context, 1)).isZero();
        }
    }

    /** A process that never leaves its address space finds new targets for ever. */
    @Test
    void targetsWithoutEndTakeNoMoreMemory() {
        Random random = new Random(1);
        for (int i = 0; i < 3_000_000; i++) {
            long linear = random.nextLong() >>> 17;
            jumps.put(i % Tlb.CONTEXTS, linear, linear | 1, false);
            assertThat(target(i % Tlb.CONTEXTS, linear)).isEqualTo(linear | 1);
        }
        jumps.flushed(false);
        for (int context = 0; context < Tlb.CONTEXTS; context++) {
            for (int at = 0; at < Frame.JUMPS_SIZE; at += 16) {
                long key = cpu.state().get(ValueLayout.JAVA_LONG, (long) Frame.jumps(context) + at);
                assertThat(target(context, key)).isZero();
            }
        }
    }
}

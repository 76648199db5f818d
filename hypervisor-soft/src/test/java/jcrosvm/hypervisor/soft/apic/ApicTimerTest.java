package jcrosvm.hypervisor.soft.apic;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ApicTimerTest {
    private static final int VECTOR = 0xec;
    private static final int PERIODIC = 1 << 17;
    private static final int TSC_DEADLINE = 2 << 17;
    private static final int BY_1 = 0xb;
    private static final int BY_16 = 0x3;

    private final ApicFixture fixture = ApicFixture.enabled(1);
    private final ApicFixture.Cpu cpu = fixture.cpu(0);
    private final LocalApic apic = cpu.apic;

    @Test
    void oneShotCountsDownOnce() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR);
        apic.write(ApicRegister.DIVIDE, BY_16);
        apic.write(ApicRegister.INITIAL_COUNT, 1000);
        assertThat(fixture.alarm).isEqualTo(fixture.now + 16_000);
        fixture.pass(4000);
        assertThat(apic.read(ApicRegister.CURRENT_COUNT)).isEqualTo(750);
        assertThat(cpu.drain()).isEmpty();
        fixture.pass(12_000);
        assertThat(cpu.drain()).containsExactly(VECTOR);
        assertThat(apic.read(ApicRegister.CURRENT_COUNT)).isZero();
        fixture.pass(100_000);
        assertThat(cpu.drain()).isEmpty();
    }

    @Test
    void allDividers() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR);
        int[] values = {0, 1, 2, 3, 8, 9, 10, 11};
        int[] divisors = {2, 4, 8, 16, 32, 64, 128, 1};
        for (int i = 0; i < values.length; i++) {
            apic.write(ApicRegister.DIVIDE, values[i]);
            apic.write(ApicRegister.INITIAL_COUNT, 1000);
            assertThat(apic.read(ApicRegister.DIVIDE)).isEqualTo(values[i]);
            fixture.pass(1000L * divisors[i] - 1);
            assertThat(cpu.drain()).as("just before, by %d", divisors[i]).isEmpty();
            fixture.pass(1);
            assertThat(cpu.drain()).as("by %d", divisors[i]).containsExactly(VECTOR);
        }
    }

    @Test
    void periodicGoesOnWithoutDrift() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR | PERIODIC);
        apic.write(ApicRegister.DIVIDE, BY_1);
        apic.write(ApicRegister.INITIAL_COUNT, 1_000_000);
        long start = fixture.now;
        fixture.pass(1_000_100);
        assertThat(cpu.drain()).containsExactly(VECTOR);
        assertThat(fixture.alarm).isEqualTo(start + 2_000_000);
        fixture.pass(3_500_000);
        assertThat(cpu.drain()).as("missed periods are one").containsExactly(VECTOR);
        assertThat(fixture.alarm).isEqualTo(start + 5_000_000);
        apic.write(ApicRegister.INITIAL_COUNT, 0);
        fixture.pass(10_000_000);
        assertThat(cpu.drain()).isEmpty();
    }

    @Test
    void aStoppedClockMakesNothingDue() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR | PERIODIC);
        apic.write(ApicRegister.DIVIDE, BY_1);
        apic.write(ApicRegister.INITIAL_COUNT, 1_000_000);
        fixture.pass(400_000);
        long counter = cpu.tsc.read();
        fixture.clock.run(false);
        fixture.timers.clockChanged();
        fixture.alarm = -1;
        fixture.pass(3_600_000_000_000L);
        assertThat(cpu.drain()).isEmpty();
        assertThat(fixture.alarm).as("nothing to wake up for").isEqualTo(-1);
        assertThat(apic.read(ApicRegister.CURRENT_COUNT)).isEqualTo(600_000);
        assertThat(cpu.tsc.read()).isEqualTo(counter);
        fixture.clock.run(true);
        fixture.timers.clockChanged();
        assertThat(fixture.alarm).isEqualTo(fixture.now + 600_000);
        assertThat(cpu.tsc.read()).isEqualTo(counter);
        fixture.pass(600_000);
        assertThat(cpu.drain()).containsExactly(VECTOR);
        fixture.pass(1_000_000);
        assertThat(cpu.drain()).containsExactly(VECTOR);
    }

    @Test
    void periodicTimersCannotFlood() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR | PERIODIC);
        apic.write(ApicRegister.DIVIDE, BY_1);
        apic.write(ApicRegister.INITIAL_COUNT, 1);
        fixture.pass(10);
        assertThat(fixture.alarm).isGreaterThan(fixture.now + 10_000);
    }

    @Test
    void maskedTimerRunsInSilence() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR | ApicRegister.LVT_MASKED);
        apic.write(ApicRegister.INITIAL_COUNT, 1000);
        fixture.pass(10_000);
        assertThat(cpu.drain()).isEmpty();
        assertThat(apic.read(ApicRegister.CURRENT_COUNT)).isZero();
    }

    @Test
    void deadlineOfTheTimeStampCounter() {
        apic.tscDeadline(cpu.tsc.read() + 5000);
        assertThat(apic.tscDeadline()).as("ignored in another mode").isZero();
        apic.write(ApicRegister.LVT_TIMER, VECTOR | TSC_DEADLINE);
        cpu.tsc.offset(1_000_000);
        apic.tscDeadline(cpu.tsc.read() + 5000);
        fixture.pass(4999);
        assertThat(cpu.drain()).isEmpty();
        fixture.pass(1);
        assertThat(cpu.drain()).containsExactly(VECTOR);
        assertThat(apic.tscDeadline()).isZero();
        apic.tscDeadline(1);
        fixture.pass(0);
        assertThat(cpu.drain()).as("one in the past is due").containsExactly(VECTOR);
        apic.tscDeadline(cpu.tsc.read() + 5000);
        apic.tscDeadline(0);
        fixture.pass(10_000);
        assertThat(cpu.drain()).isEmpty();
        apic.tscDeadline(-1);
        fixture.pass(10_000);
        assertThat(cpu.drain()).isEmpty();
        apic.write(ApicRegister.INITIAL_COUNT, 10);
        assertThat(apic.read(ApicRegister.INITIAL_COUNT)).isZero();
    }

    @Test
    void writingTheCounterMovesItsDeadline() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR | TSC_DEADLINE);
        apic.tscDeadline(cpu.tsc.read() + 1_000_000);
        cpu.tsc.offset(cpu.tsc.offset() + 999_000);
        apic.tscChanged();
        fixture.pass(1000);
        assertThat(cpu.drain()).containsExactly(VECTOR);
    }

    @Test
    void changeOfModeDisarms() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR);
        apic.write(ApicRegister.INITIAL_COUNT, 1000);
        apic.write(ApicRegister.LVT_TIMER, VECTOR | TSC_DEADLINE);
        fixture.pass(10_000);
        assertThat(cpu.drain()).isEmpty();
        apic.tscDeadline(cpu.tsc.read() + 1000);
        apic.write(ApicRegister.LVT_TIMER, VECTOR);
        fixture.pass(10_000);
        assertThat(cpu.drain()).isEmpty();
    }

    @Test
    void theClockTakesDeadlinesAlong() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR | TSC_DEADLINE);
        apic.tscDeadline(cpu.tsc.read() + 1_000_000);
        long suspended = fixture.clock.nanos();
        fixture.now += 500_000;
        fixture.clock.set(suspended);
        fixture.timers.clockChanged();
        assertThat(fixture.alarm).isEqualTo(fixture.now + 1_000_000);
        fixture.pass(999_999);
        assertThat(cpu.drain()).isEmpty();
        fixture.pass(1);
        assertThat(cpu.drain()).containsExactly(VECTOR);
    }

    @Test
    void aSavedTimerGoesOn() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR);
        apic.write(ApicRegister.DIVIDE, BY_1);
        apic.write(ApicRegister.INITIAL_COUNT, 1000);
        fixture.pass(400);
        byte[] saved = apic.registers();
        apic.init();
        fixture.pass(10_000);
        apic.registers(saved);
        fixture.pass(599);
        assertThat(cpu.drain()).isEmpty();
        fixture.pass(1);
        assertThat(cpu.drain()).containsExactly(VECTOR);
    }

    /** Its thread may be late, or gone with the machine that was saved. */
    @Test
    void aTimerThatIsDueIsSavedAsARequest() {
        apic.write(ApicRegister.LVT_TIMER, VECTOR);
        apic.write(ApicRegister.DIVIDE, BY_1);
        apic.write(ApicRegister.INITIAL_COUNT, 1000);
        fixture.now += 1000;
        byte[] saved = apic.registers();
        apic.init();
        apic.registers(saved);
        assertThat(cpu.drain()).containsExactly(VECTOR);
    }

    @Test
    void whatNoRegisterShowsIsSavedToo() {
        apic.write(ApicRegister.PAGE_USED, 0); // no register
        int unseen = apic.unseen();
        assertThat(unseen).isNotZero();
        ApicFixture.Cpu other = new ApicFixture(1).cpu(0);
        other.apic.unseen(unseen);
        other.apic.write(ApicRegister.ESR, 0);
        apic.write(ApicRegister.ESR, 0);
        assertThat(other.apic.read(ApicRegister.ESR))
                .isEqualTo(apic.read(ApicRegister.ESR))
                .isNotZero();
    }
}

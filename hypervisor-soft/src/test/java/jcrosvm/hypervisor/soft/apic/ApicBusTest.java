package jcrosvm.hypervisor.soft.apic;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import jcrosvm.hypervisor.soft.cpu.Pending;
import org.junit.jupiter.api.Test;

class ApicBusTest {
    private static List<Integer> receivers(ApicFixture fixture) {
        return fixture.cpus.stream()
                .filter(cpu -> !cpu.drain().isEmpty())
                .map(cpu -> cpu.apic.id())
                .toList();
    }

    private static List<Integer> signalled(ApicFixture fixture, int bit) {
        return fixture.cpus.stream()
                .filter(cpu -> (cpu.take() & bit) != 0)
                .map(cpu -> cpu.apic.id())
                .toList();
    }

    private static void ipi(ApicFixture fixture, int from, int destination, int command) {
        LocalApic apic = fixture.cpu(from).apic;
        apic.write(ApicRegister.ICR_HIGH, destination << 24);
        apic.write(ApicRegister.ICR, command);
    }

    @Test
    void physicalDestinations() {
        ApicFixture fixture = ApicFixture.enabled(3);
        ipi(fixture, 0, 2, 0x41);
        assertThat(receivers(fixture)).containsExactly(2);
        ipi(fixture, 0, 0xff, 0x41);
        assertThat(receivers(fixture)).containsExactly(0, 1, 2);
        ipi(fixture, 0, 7, 0x41);
        assertThat(receivers(fixture)).isEmpty();
    }

    @Test
    void shorthands() {
        ApicFixture fixture = ApicFixture.enabled(3);
        ipi(fixture, 1, 0, 0x41 | Message.SELF << 18);
        assertThat(receivers(fixture)).containsExactly(1);
        ipi(fixture, 1, 0, 0x41 | Message.ALL << 18);
        assertThat(receivers(fixture)).containsExactly(0, 1, 2);
        ipi(fixture, 1, 0, 0x41 | Message.OTHERS << 18);
        assertThat(receivers(fixture)).containsExactly(0, 2);
    }

    @Test
    void flatLogicalDestinations() {
        ApicFixture fixture = ApicFixture.enabled(4);
        ipi(fixture, 0, 0b1010, 0x41 | Message.LOGICAL);
        assertThat(receivers(fixture)).containsExactly(1, 3);
    }

    @Test
    void clusterLogicalDestinations() {
        ApicFixture fixture = ApicFixture.enabled(4);
        for (int n = 0; n < 4; n++) {
            fixture.cpu(n).apic.write(ApicRegister.DFR, 0x0fff_ffff);
            fixture.cpu(n).apic.write(ApicRegister.LDR, (n / 2 << 4 | 1 << n % 2) << 24);
        }
        ipi(fixture, 0, 0x13, 0x41 | Message.LOGICAL);
        assertThat(receivers(fixture)).containsExactly(2, 3);
        ipi(fixture, 0, 0x01, 0x41 | Message.LOGICAL);
        assertThat(receivers(fixture)).containsExactly(0);
    }

    @Test
    void x2apicDestinations() {
        ApicFixture fixture = new ApicFixture(20).x2apic();
        fixture.cpus.forEach(cpu -> cpu.write(0x80f, 0x1ff));
        LocalApic apic = fixture.cpu(17).apic;
        assertThat(X2ApicMsrs.read(apic, 0x802)).isEqualTo(17);
        assertThat(X2ApicMsrs.read(apic, 0x80d)).isEqualTo(0x1_0002);
        fixture.cpu(0).write(0x830, 18L << 32 | 0x41);
        assertThat(receivers(fixture)).containsExactly(18);
        fixture.cpu(0).write(0x830, 0x1_0006L << 32 | 0x41 | Message.LOGICAL);
        assertThat(receivers(fixture)).containsExactly(17, 18);
        fixture.cpu(0).write(0x830, 0xffL << 32 | 0x41);
        assertThat(receivers(fixture)).as("no broadcast here").isEmpty();
        fixture.cpu(0).write(0x830, -1L << 32 | 0x41);
        assertThat(receivers(fixture)).hasSize(20);
        fixture.cpu(5).write(0x83f, 0x42);
        assertThat(receivers(fixture)).containsExactly(5);
    }

    @Test
    void lowestPriorityChoosesOneAndTakesTurns() {
        ApicFixture fixture = ApicFixture.enabled(3);
        int command = 0x41 | Message.LOGICAL | Message.LOWEST_PRIORITY << 8;
        fixture.cpu(1).apic.taskPriority(2);
        ipi(fixture, 0, 0b111, command);
        List<Integer> first = receivers(fixture);
        ipi(fixture, 0, 0b111, command);
        List<Integer> second = receivers(fixture);
        assertThat(first).hasSize(1);
        assertThat(second).hasSize(1).doesNotContainAnyElementsOf(first).doesNotContain(1);
        fixture.cpu(0).apic.taskPriority(3);
        fixture.cpu(2).apic.taskPriority(3);
        ipi(fixture, 0, 0b111, command);
        assertThat(receivers(fixture)).containsExactly(1);
    }

    @Test
    void messagesOfDevices() {
        ApicFixture fixture = ApicFixture.enabled(3);
        fixture.bus.message(0xfee0_1000L, 0x41);
        assertThat(receivers(fixture)).containsExactly(1);
        fixture.bus.message(0xfee0_6004L, 0x41);
        assertThat(receivers(fixture)).as("logical").containsExactly(1, 2);
        fixture.bus.message(0xfee0_600cL, 0x41);
        assertThat(receivers(fixture)).as("redirected").hasSize(1);
        fixture.bus.message(0xfeef_f000L, 0x41);
        assertThat(receivers(fixture)).containsExactly(0, 1, 2);
        fixture.bus.message(0x1_00_fee0_0000L, 0x41);
        assertThat(receivers(fixture)).as("256").isEmpty();
    }

    @Test
    void startOfProcessors() {
        ApicFixture fixture = ApicFixture.enabled(2);
        int level = Message.LEVEL;
        ipi(fixture, 0, 1, Message.INIT << 8 | level | Message.ASSERT);
        assertThat(signalled(fixture, Pending.INIT)).containsExactly(1);
        ipi(fixture, 0, 1, Message.INIT << 8 | level);
        assertThat(signalled(fixture, Pending.INIT)).as("de-assert").isEmpty();
        ipi(fixture, 0, 1, Message.STARTUP << 8 | 0x9a);
        assertThat(fixture.cpu(1).apic.startupVector()).isEqualTo(0x9a);
        assertThat(signalled(fixture, Pending.STARTUP)).containsExactly(1);
        ipi(fixture, 0, 1, Message.NMI << 8);
        assertThat(signalled(fixture, Pending.NMI)).containsExactly(1);
        ipi(fixture, 0, 1, Message.SMI << 8);
        assertThat(fixture.cpu(1).take()).isZero();
        ipi(fixture, 0, 1, Message.EXT_INT << 8 | 0x40);
        assertThat(signalled(fixture, Pending.INTERRUPT)).containsExactly(1);
        assertThat(fixture.cpu(1).apic.hasInterrupt()).isFalse();
    }

    @Test
    void closedApicsHearNothing() {
        ApicFixture fixture = ApicFixture.enabled(2);
        fixture.cpu(1).apic.close();
        fixture.bus.message(0xfeef_f000L, 0x41);
        assertThat(fixture.cpu(1).take()).isZero();
        fixture.cpu(0).apic.close();
        fixture.bus.message(0xfeef_f00cL, 0x41 | Message.LOWEST_PRIORITY << 8);
    }

    @Test
    void x2apicFaults() {
        ApicFixture fixture = new ApicFixture(1);
        ApicFixture.Cpu cpu = fixture.cpu(0);
        assertThat(cpu.write(0x80f, 0x1ff)).as("in xAPIC mode").isFalse();
        assertThat(X2ApicMsrs.isReadable(cpu.apic, 0x802)).isFalse();
        fixture.x2apic();
        assertThat(cpu.write(0x80f, 0x1ff)).isTrue();
        assertThat(cpu.write(0x802, 1)).as("id").isFalse();
        assertThat(cpu.write(0x80b, 1)).as("EOI of 1").isFalse();
        assertThat(cpu.write(0x80b, 0)).isTrue();
        assertThat(cpu.write(0x828, 1)).as("ESR of 1").isFalse();
        assertThat(cpu.write(0x808, 0x100)).as("TPR").isFalse();
        assertThat(cpu.write(0x80e, 0)).as("no DFR").isFalse();
        assertThat(cpu.write(0x831, 0)).as("no high half of the ICR").isFalse();
        for (int readable : new int[] {0x802, 0x803, 0x808, 0x80a, 0x80d, 0x80f, 0x810, 0x827, 0x828, 0x830, 0x83e}) {
            assertThat(X2ApicMsrs.isReadable(cpu.apic, readable))
                    .as("%x", readable)
                    .isTrue();
        }
        for (int unreadable : new int[] {0x800, 0x80b, 0x80e, 0x829, 0x82f, 0x831, 0x83f, 0x840, 0x8ff}) {
            assertThat(X2ApicMsrs.isReadable(cpu.apic, unreadable))
                    .as("%x", unreadable)
                    .isFalse();
        }
    }
}

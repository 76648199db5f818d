package jcrosvm.hypervisor.soft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import jcrosvm.hypervisor.soft.apic.ApicBus;
import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.apic.TimeStampCounter;
import jcrosvm.hypervisor.soft.apic.Timers;
import jcrosvm.hypervisor.soft.apic.VmClock;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.x86.CpuTopology;
import jcrosvm.hypervisor.x86.GuestCpuid;
import jcrosvm.hypervisor.x86.Msr;
import jcrosvm.memory.GuestMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SoftMsrsTest {
    private long now = 5_000_000_000L;
    private final GuestMemory memory = GuestMemory.ofSize(0x1_0000);
    private final VmClock time = new VmClock(() -> now);
    private final TimeStampCounter tsc = new TimeStampCounter(time);
    private final Cpu cpu = new Cpu(0);
    private final LocalApic apic =
            new LocalApic(0, new ApicBus(), time, tsc, new Timers(time, delay -> {}), bits -> {}, vector -> {});
    private final ParavirtualClock clock = new ParavirtualClock(memory, time, tsc);
    private int pagingChanges;
    private final SoftMsrs msrs = new SoftMsrs(cpu, apic, tsc, clock, () -> pagingChanges++);
    private final int[] answer = new int[4];

    @AfterEach
    void close() {
        cpu.close();
        memory.close();
    }

    private void refused(int index, long value) {
        assertThatThrownBy(() -> msrs.write(index, value)).isInstanceOfSatisfying(GuestException.class, e -> {
            assertThat(e.vector()).isEqualTo(GuestException.GP);
            assertThat(e.errorCode()).isZero();
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {0x48, 0x49, 0x10a, 0xc0010200, 0x4b564d04, 0x802, 0x600, 0})
    void unknownOnesFault(int index) {
        assertThatThrownBy(() -> msrs.read(index)).isInstanceOf(GuestException.class);
        refused(index, 0);
    }

    @Test
    void addressesMustBeCanonical() {
        for (int index : new int[] {
            Msr.LSTAR, Msr.CSTAR, Msr.FS_BASE, Msr.GS_BASE, Msr.KERNEL_GS_BASE, Msr.SYSENTER_EIP, Msr.SYSENTER_ESP
        }) {
            refused(index, 0x8000_0000_0000L);
            msrs.write(index, 0xffff_8000_0000_1234L);
            assertThat(msrs.read(index)).as("%x", index).isEqualTo(0xffff_8000_0000_1234L);
        }
        assertThat(cpu.segmentBase(Cpu.FS)).isEqualTo(0xffff_8000_0000_1234L);
    }

    @Test
    void longModeCannotBeChangedUnderPaging() {
        msrs.write(Msr.EFER, Control.EFER_LME | Control.EFER_NXE | Control.EFER_SCE);
        assertThat(pagingChanges).isEqualTo(1);
        cpu.efer |= Control.EFER_LMA;
        cpu.cr0 = Control.CR0_PG | Control.CR0_PE;
        refused(Msr.EFER, 0);
        msrs.write(Msr.EFER, Control.EFER_LME);
        assertThat(msrs.read(Msr.EFER)).as("LMA is the processor's").isEqualTo(Control.EFER_LME | Control.EFER_LMA);
        refused(Msr.EFER, 1 << 12 | Control.EFER_LME);
    }

    @Test
    void memoryTypes() {
        assertThat(msrs.read(Msr.MTRR_CAP)).isEqualTo(0x508);
        msrs.write(Msr.MTRR_DEF_TYPE, 0xc06);
        refused(Msr.MTRR_DEF_TYPE, 0xc02);
        refused(Msr.MTRR_CAP, 0);
        msrs.write(0x200, 0xc000_0000L | 6);
        msrs.write(0x201, 0xff_c000_0000L | 0x800);
        refused(0x201, 1L << 40);
        refused(0x200, 7);
        msrs.write(0x26f, 0x0606_0505_0404_0100L);
        refused(0x26f, 0x02);
        assertThat(msrs.read(0x26f)).isEqualTo(0x0606_0505_0404_0100L);
        assertThat(msrs.read(Msr.PAT)).isEqualTo(0x0007_0406_0007_0406L);
        msrs.write(Msr.PAT, 0x0007_0106_0007_0106L);
        refused(Msr.PAT, 0x2);
        refused(0x210, 0);
    }

    @Test
    void theCounterAndItsAdjustment() {
        now += 1000;
        assertThat(msrs.read(Msr.IA32_TSC)).isEqualTo(1000);
        msrs.write(Msr.IA32_TSC, 5000);
        assertThat(msrs.read(SoftMsrs.TSC_ADJUST)).isEqualTo(4000);
        msrs.write(SoftMsrs.TSC_ADJUST, 1000);
        assertThat(msrs.timeStampCounter()).isEqualTo(2000);
        msrs.restore(SoftMsrs.TSC_ADJUST, 7);
        assertThat(msrs.timeStampCounter()).isEqualTo(2000);
        msrs.restore(Msr.IA32_TSC, 9);
        assertThat(msrs.read(SoftMsrs.TSC_ADJUST)).isEqualTo(7);
        now += 1;
        assertThat(msrs.timeStampCounter()).isEqualTo(10);
    }

    /** What a guest computes from the page. */
    private long guestTime(long at) {
        long delta = msrs.timeStampCounter() - memory.getLong(at + 8);
        long scaled = Math.unsignedMultiplyHigh(
                delta << memory.getByte(at + 28) << 32, (long) memory.getInt(at + 24) & 0xffff_ffffL);
        return memory.getLong(at + 16) + scaled;
    }

    @Test
    void theParavirtualClockAgreesWithTheVms() {
        now += 12_345;
        msrs.write(ParavirtualClock.SYSTEM_TIME, 0x1000 | 1);
        assertThat(memory.getInt(0x1000)).isEqualTo(2);
        assertThat(memory.getByte(0x1000 + 29)).isEqualTo((byte) 1);
        now += 777;
        assertThat(guestTime(0x1000)).isEqualTo(time.nanos()).isEqualTo(13_122);
        msrs.write(Msr.IA32_TSC, 1L << 40);
        now += 3;
        assertThat(guestTime(0x1000)).isEqualTo(time.nanos());
        long suspended = time.nanos();
        now += 1_000_000;
        time.set(suspended);
        assertThat(guestTime(0x1000))
                .as("the clock and the counter stood still")
                .isEqualTo(suspended);
        clock.paused();
        assertThat(memory.getByte(0x1000 + 29)).isEqualTo((byte) 3);
        assertThat(memory.getInt(0x1000) & 1).isZero();
        msrs.write(ParavirtualClock.SYSTEM_TIME, 0);
        memory.putByte(0x1000 + 29, (byte) 0);
        clock.paused();
        assertThat(memory.getByte(0x1000 + 29)).isZero();
        msrs.write(ParavirtualClock.SYSTEM_TIME, 0xffff_f001L);
        msrs.write(ParavirtualClock.WALL_CLOCK, 0xffff_f000L);
    }

    @Test
    void theWallClockIsThatOfTheStart() {
        msrs.write(ParavirtualClock.WALL_CLOCK, 0x2000);
        long seconds = Integer.toUnsignedLong(memory.getInt(0x2004));
        assertThat(seconds).isBetween(System.currentTimeMillis() / 1000 - 10, System.currentTimeMillis() / 1000);
        assertThat(memory.getInt(0x2008)).isBetween(0, 999_999_999);
    }

    @Test
    void bootProcessorsApic() {
        assertThat(msrs.read(Msr.IA32_APIC_BASE)).isEqualTo(0xfee0_0900L);
        refused(Msr.IA32_APIC_BASE, 0xfee0_0500L);
        msrs.write(Msr.IA32_APIC_BASE, 0xfee0_0d00L);
        msrs.write(0x80f, 0x1ff);
        assertThat(msrs.read(0x80f)).isEqualTo(0x1ff);
        refused(0x80b, 1);
    }

    @Test
    void cpuidFollowsTheRegisters() {
        msrs.cpuid(GuestCpuid.forVcpu(SoftCpuid.table(), CpuTopology.of(4, true), 2, true, false));
        msrs.cpuid(1, 0, answer);
        assertThat(answer[1] >>> 24).isEqualTo(2);
        assertThat(answer[2] & 1 << 27).as("OSXSAVE").isZero();
        assertThat(answer[2] & (1 << 31 | 1 << 24 | 1 << 21)).isEqualTo(1 << 31 | 1 << 24 | 1 << 21);
        assertThat(answer[3] & 1 << 9).isNotZero();
        cpu.cr4 = Control.CR4_OSXSAVE;
        apic.base(LocalApic.DEFAULT_BASE);
        msrs.cpuid(1, 0, answer);
        assertThat(answer[2] & 1 << 27).isNotZero();
        assertThat(answer[3] & 1 << 9).isZero();
        msrs.cpuid(0xb, 1, answer);
        assertThat(answer[1]).isEqualTo(4);
        assertThat(answer[3]).isEqualTo(2);
        msrs.cpuid(0x1234_5678, 0, answer);
        assertThat(answer).containsOnly(0);
    }

    @Test
    void cpuidIsInOrderAndNamesItself() {
        assertThat(SoftCpuid.table().leaves())
                .isSortedAccordingTo((a, b) -> a.leaf() != b.leaf()
                        ? Integer.compareUnsigned(a.leaf(), b.leaf())
                        : Integer.compareUnsigned(a.subleaf(), b.subleaf()));
        StringBuilder brand = new StringBuilder();
        for (int leaf = 0x8000_0002; leaf <= 0x8000_0004; leaf++) {
            msrs.cpuid(leaf, 0, answer);
            for (int word : answer) {
                for (int i = 0; i < 4 && (byte) (word >> 8 * i) != 0; i++) {
                    brand.append((char) (word >> 8 * i & 0xff));
                }
            }
        }
        assertThat(brand).hasToString("jcrosvm software CPU");
        msrs.cpuid(0x4000_0000, 0, answer);
        assertThat(answer).containsExactly(0x4000_0001, 0x4b4d564b, 0x564b4d56, 0x4d);
    }

    @Test
    void noVectorsBeyondSse() {
        msrs.cpuid(1, 0, answer);
        assertThat(answer[2] & (1 << 28 | 1 << 12 | 1 << 29))
                .as("AVX, FMA, F16C")
                .isZero();
        msrs.cpuid(7, 0, answer);
        assertThat(answer[1] & (1 << 5 | 1 << 16 | 1 << 29))
                .as("AVX2, AVX-512F, SHA")
                .isZero();
        msrs.cpuid(0xd, 0, answer);
        assertThat(answer).containsExactly(3, 576, 576, 0);
    }
}

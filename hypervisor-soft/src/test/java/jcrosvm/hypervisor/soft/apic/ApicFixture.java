package jcrosvm.hypervisor.soft.apic;

import java.util.ArrayList;
import java.util.List;

/** APICs on a bus, with a clock that the test moves. */
final class ApicFixture {
    long now = 1_000_000;
    long alarm = -1;
    final VmClock clock = new VmClock(() -> now);
    final Timers timers = new Timers(clock, delay -> alarm = now + delay);
    final ApicBus bus = new ApicBus();
    final List<Cpu> cpus = new ArrayList<>();

    /** A processor that only remembers what it was told. */
    static final class Cpu {
        int signalled;
        final List<Integer> ended = new ArrayList<>();
        final TimeStampCounter tsc;
        final LocalApic apic;

        Cpu(ApicFixture fixture, int id) {
            tsc = new TimeStampCounter(fixture.clock);
            apic = new LocalApic(
                    id, fixture.bus, fixture.clock, tsc, fixture.timers, bits -> signalled |= bits, ended::add);
        }

        int take() {
            int was = signalled;
            signalled = 0;
            return was;
        }

        /** Acknowledges everything deliverable: its vectors. */
        List<Integer> drain() {
            List<Integer> vectors = new ArrayList<>();
            for (int vector = apic.acknowledge(); vector >= 0; vector = apic.acknowledge()) {
                vectors.add(vector);
                apic.write(ApicRegister.EOI, 0);
            }
            return vectors;
        }

        boolean write(int msr, long value) {
            return X2ApicMsrs.write(apic, msr, value);
        }
    }

    ApicFixture(int count) {
        for (int id = 0; id < count; id++) {
            cpus.add(new Cpu(this, id));
        }
    }

    Cpu cpu(int n) {
        return cpus.get(n);
    }

    /** All software-enabled, with the flat logical addresses 1, 2, 4, ... */
    static ApicFixture enabled(int count) {
        ApicFixture fixture = new ApicFixture(count);
        for (int n = 0; n < count; n++) {
            LocalApic apic = fixture.cpu(n).apic;
            apic.write(ApicRegister.SVR, 0x1ff);
            apic.write(ApicRegister.LDR, 1 << n + 24);
        }
        return fixture;
    }

    ApicFixture x2apic() {
        cpus.forEach(cpu -> cpu.apic.base(cpu.apic.base() | LocalApic.BASE_X2APIC));
        return this;
    }

    /** Moves time and lets the timers see it. */
    void pass(long nanos) {
        now += nanos;
        timers.fireDue();
    }
}

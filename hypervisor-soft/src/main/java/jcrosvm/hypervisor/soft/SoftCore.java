package jcrosvm.hypervisor.soft;

import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.interp.Msrs;
import jcrosvm.hypervisor.soft.interp.UnsupportedInstruction;
import jcrosvm.hypervisor.soft.mmu.Outside;
import jcrosvm.hypervisor.soft.mmu.PhysicalMemory;

/** The parts that execute guest code, put together. */
final class SoftCore implements Core {
    private final Cpu cpu;

    SoftCore(Cpu cpu, PhysicalMemory memory, Outside outside, Msrs msrs, LocalApic apic) {
        this.cpu = cpu;
    }

    @Override
    public void run() {
        throw new UnsupportedInstruction("no interpreter yet");
    }

    @Override
    public void step() {
        run();
    }

    @Override
    public boolean exception(GuestException fault) {
        return false;
    }

    @Override
    public boolean interrupt(int vector) {
        return false;
    }

    @Override
    public boolean nmi() {
        return false;
    }

    @Override
    public void coherence() {
        cpu.take(Pending.COHERENCE);
    }

    @Override
    public void sleeping(boolean asleep) {}

    @Override
    public void stateChanged() {}
}

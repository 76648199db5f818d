package jcrosvm.hypervisor.soft;

import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.interp.Msrs;
import jcrosvm.hypervisor.soft.interp.UnsupportedInstruction;
import jcrosvm.hypervisor.soft.mmu.Coherence;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import jcrosvm.hypervisor.soft.mmu.PhysicalMemory;

/** The parts that execute guest code, put together. */
final class SoftCore implements Core {
    private final Mmu mmu;
    private final Coherence.Processor processor;

    SoftCore(Cpu cpu, PhysicalMemory memory, OutsideWorld outside, Msrs msrs, LocalApic apic) {
        mmu = new Mmu(cpu, memory, outside);
        processor = mmu.processor();
        outside.processor(processor);
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
        processor.safepoint();
    }

    @Override
    public void enter() {
        processor.enter();
    }

    @Override
    public void leave() {
        processor.leave();
    }

    @Override
    public void stateChanged() {
        mmu.flush(true);
        mmu.rightsChanged();
    }

    @Override
    public void close() {
        processor.close();
    }
}

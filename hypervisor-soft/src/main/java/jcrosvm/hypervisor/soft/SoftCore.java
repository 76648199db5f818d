package jcrosvm.hypervisor.soft;

import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.interp.Debugging;
import jcrosvm.hypervisor.soft.interp.Delivery;
import jcrosvm.hypervisor.soft.interp.Interpreter;
import jcrosvm.hypervisor.soft.interp.Msrs;
import jcrosvm.hypervisor.soft.interp.SystemInstructions;
import jcrosvm.hypervisor.soft.mmu.Coherence;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import jcrosvm.hypervisor.soft.mmu.PhysicalMemory;
import jcrosvm.hypervisor.soft.translate.NativeUnit;

/** The parts that execute guest code, put together. */
final class SoftCore implements Core {
    private final Mmu mmu;
    private final Coherence.Processor processor;
    private final Delivery delivery;
    private final Debugging debugging;
    private final NativeUnit unit;
    private final Interpreter interpreter;

    SoftCore(Cpu cpu, PhysicalMemory memory, OutsideWorld outside, Msrs msrs, LocalApic apic) {
        mmu = new Mmu(cpu, memory, outside);
        processor = mmu.processor();
        outside.processor(processor);
        SystemInstructions system = new SystemInstructions(cpu, mmu, msrs, apic);
        delivery = system.delivery();
        debugging = system.debugging();
        unit = new NativeUnit(cpu, mmu);
        interpreter = new Interpreter(cpu, mmu, outside, system, unit);
    }

    @Override
    public void run() {
        interpreter.run();
    }

    @Override
    public void step() {
        interpreter.step();
    }

    @Override
    public boolean exception(GuestException fault) {
        return delivery.exception(fault);
    }

    @Override
    public boolean interrupt(int vector) {
        return delivery.interrupt(vector);
    }

    @Override
    public boolean nmi() {
        return delivery.nmi();
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
        debugging.changed();
    }

    @Override
    public void close() {
        processor.close();
        interpreter.close();
        unit.close();
    }
}

package jcrosvm.hypervisor.soft;

import java.util.OptionalLong;
import jcrosvm.hypervisor.DebugControl;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.interp.DecodeBudget;
import jcrosvm.hypervisor.soft.interp.Delivery;
import jcrosvm.hypervisor.soft.interp.Engine;
import jcrosvm.hypervisor.soft.interp.Interpreter;
import jcrosvm.hypervisor.soft.interp.Msrs;
import jcrosvm.hypervisor.soft.interp.SystemInstructions;
import jcrosvm.hypervisor.soft.mmu.Coherence;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import jcrosvm.hypervisor.soft.mmu.PhysicalMemory;
import jcrosvm.hypervisor.soft.translate.CodeCache;
import jcrosvm.hypervisor.soft.translate.NativeUnit;
import jcrosvm.hypervisor.soft.translate.TranslatingEngine;
import org.jspecify.annotations.Nullable;

/** The parts that execute guest code, put together. */
final class SoftCore implements Core {
    private final Mmu mmu;
    private final Coherence.Processor processor;
    private final SystemInstructions system;
    private final Delivery delivery;
    private final NativeUnit hostUnit;
    private final Interpreter interpreter;
    private final @Nullable TranslatingEngine translator;
    private final Engine engine;

    /** @param code of the VM, or null to interpret everything */
    SoftCore(
            Cpu cpu,
            PhysicalMemory memory,
            OutsideWorld outside,
            Msrs msrs,
            LocalApic apic,
            DecodeBudget decoded,
            @Nullable CodeCache code) {
        mmu = new Mmu(cpu, memory, outside);
        processor = mmu.processor();
        outside.processor(processor);
        system = new SystemInstructions(cpu, mmu, msrs, apic);
        delivery = system.delivery();
        hostUnit = new NativeUnit(cpu, mmu);
        interpreter = new Interpreter(cpu, mmu, outside, system, hostUnit, decoded);
        translator = code == null ? null : new TranslatingEngine(cpu, mmu, interpreter, system.debugging(), code);
        engine = translator != null ? translator : interpreter;
    }

    @Override
    public void run() {
        engine.run();
    }

    @Override
    public void step() {
        interpreter.step();
    }

    @Override
    public boolean exception(GuestException fault) {
        boolean delivered = delivery.exception(fault);
        system.debugging().stepIntoHandler();
        return delivered;
    }

    @Override
    public void debug(DebugControl control) {
        system.debugging().host(control);
    }

    @Override
    public VcpuExit.@Nullable Debug stop() {
        return system.debugging().takeStop();
    }

    @Override
    public OptionalLong translate(long linear) {
        processor.enter();
        try {
            return mmu.look(linear);
        } finally {
            processor.leave();
        }
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
    public String shutdownReason() {
        return delivery.shutdownReason();
    }

    @Override
    public String place() {
        return delivery.place();
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
        system.debugging().changed();
    }

    @Override
    public void close() {
        processor.close();
        if (translator != null) {
            translator.close();
        }
        interpreter.close();
        hostUnit.close();
    }
}

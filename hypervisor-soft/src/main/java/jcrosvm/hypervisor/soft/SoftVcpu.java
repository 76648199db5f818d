package jcrosvm.hypervisor.soft;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import jcrosvm.hypervisor.DebugControl;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.apic.TimeStampCounter;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.Msr;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.hypervisor.x86.VcpuState;
import jcrosvm.hypervisor.x86.X86Vcpu;

/** A processor in software: its registers and its run loop, seen through the interface. */
final class SoftVcpu implements X86Vcpu {
    private static final String FLOATING_POINT = "FX";
    private static final String LOCAL_APIC = "LOCAL_APIC";
    private static final String MSRS = "MSRS";
    private static final String REST = "REST";
    private static final int FLOATING_POINT_SIZE = 512;
    private static final int[] SAVED_MSRS = Stream.of(
                    SoftMsrs.SAVED, Mtrrs.INDICES, KeptMsrs.INDICES, new int[] {Msr.TSC_DEADLINE})
            .flatMapToInt(IntStream::of)
            .toArray();

    private final Cpu cpu;
    private final LocalApic apic;
    private final OutsideWorld outside;
    private final SoftMsrs msrs;
    private final Core core;
    private final RunLoop loop;

    SoftVcpu(int id, SoftVm vm) {
        cpu = new Cpu(id);
        ResetState.powerOn(cpu);
        TimeStampCounter tsc = new TimeStampCounter(vm.time());
        apic = new LocalApic(id, vm.bus(), vm.time(), tsc, vm.timers(), this::signal, this::endOfInterrupt);
        outside = new OutsideWorld(vm.ioEvents(), apic);
        ParavirtualClock clock = new ParavirtualClock(vm.memory(), vm.time(), tsc);
        msrs = new SoftMsrs(cpu, apic, tsc, clock, this::stateChanged);
        core = vm.core(cpu, outside, msrs, apic);
        loop = new RunLoop(cpu, apic, core, vm.finalHalt(), id != 0);
        core.stateChanged();
    }

    private void endOfInterrupt(int vector) {
        outside.endOfInterrupt(vector);
    }

    private void signal(int bits) {
        loop.signal(bits);
    }

    private void stateChanged() {
        core.stateChanged();
    }

    @Override
    public int id() {
        return cpu.id();
    }

    @Override
    public VcpuExit run(VcpuExitHandler handler) {
        outside.handler(handler);
        return loop.run(handler);
    }

    /** Harmless after {@link #close} too: the registers' memory goes when it is not reachable any more. */
    @Override
    public void kick() {
        loop.signal(Pending.KICK);
    }

    @Override
    public Registers registers() {
        return RegisterAccess.general(cpu);
    }

    @Override
    public void registers(Registers registers) {
        RegisterAccess.general(cpu, registers);
        cpu.halted = false;
        cpu.modeChanged();
        core.stateChanged();
    }

    @Override
    public SpecialRegisters specialRegisters() {
        return new SpecialRegisters(
                RegisterAccess.segment(cpu, Cpu.CS),
                RegisterAccess.segment(cpu, Cpu.DS),
                RegisterAccess.segment(cpu, Cpu.ES),
                RegisterAccess.segment(cpu, Cpu.FS),
                RegisterAccess.segment(cpu, Cpu.GS),
                RegisterAccess.segment(cpu, Cpu.SS),
                RegisterAccess.segment(cpu, Cpu.TR),
                RegisterAccess.segment(cpu, Cpu.LDTR),
                RegisterAccess.gdt(cpu),
                RegisterAccess.idt(cpu),
                cpu.cr0,
                cpu.cr2,
                cpu.cr3,
                cpu.cr4,
                apic.taskPriority(),
                cpu.efer,
                apic.base());
    }

    @Override
    public void specialRegisters(SpecialRegisters r) {
        RegisterAccess.segment(cpu, Cpu.CS, r.cs());
        RegisterAccess.segment(cpu, Cpu.DS, r.ds());
        RegisterAccess.segment(cpu, Cpu.ES, r.es());
        RegisterAccess.segment(cpu, Cpu.FS, r.fs());
        RegisterAccess.segment(cpu, Cpu.GS, r.gs());
        RegisterAccess.segment(cpu, Cpu.SS, r.ss());
        RegisterAccess.segment(cpu, Cpu.TR, r.tr());
        RegisterAccess.segment(cpu, Cpu.LDTR, r.ldt());
        cpu.gdtBase = r.gdt().base();
        cpu.gdtLimit = r.gdt().limit();
        cpu.idtBase = r.idt().base();
        cpu.idtLimit = r.idt().limit();
        cpu.cr0 = r.cr0();
        cpu.cr2 = r.cr2();
        cpu.cr3 = r.cr3();
        cpu.cr4 = r.cr4();
        cpu.efer = r.efer();
        cpu.cpl = r.ss().dpl();
        if (r.apicBase() != apic.base()) {
            apic.base(r.apicBase());
        }
        apic.taskPriority((int) r.cr8());
        cpu.modeChanged();
        core.stateChanged();
    }

    @Override
    public void cpuid(CpuidTable table) {
        msrs.cpuid(table);
    }

    @Override
    public List<Msr> readMsrs(int... indices) {
        List<Msr> values = new ArrayList<>();
        for (int index : indices) {
            try {
                values.add(new Msr(index, msrs.read(index)));
            } catch (GuestException e) {
                // unknown: left out
            }
        }
        return values;
    }

    @Override
    public void writeMsrs(List<Msr> list) {
        for (Msr msr : list) {
            try {
                msrs.restore(msr.index(), msr.value());
            } catch (GuestException e) {
                throw new VmmException(
                        "the software processor refuses to set MSR 0x" + Integer.toHexString(msr.index()) + " to 0x"
                                + Long.toHexString(msr.value()),
                        e);
            }
        }
    }

    @Override
    public byte[] localApic() {
        return apic.registers();
    }

    @Override
    public void localApic(byte[] registers) {
        apic.registers(registers);
    }

    @Override
    public void notifyPaused() {
        msrs.clock().paused();
    }

    @Override
    public void debug(DebugControl control) {
        core.debug(control);
    }

    @Override
    public OptionalLong translate(long address) {
        return core.translate(address);
    }

    @Override
    public VcpuState state() {
        Map<String, byte[]> parts = new LinkedHashMap<>();
        parts.put(
                FLOATING_POINT,
                cpu.state()
                        .asSlice(StateLayout.FX, FLOATING_POINT_SIZE)
                        .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
        // First the deadline among the MSRs: once it is over, the request stands in the APIC's registers.
        List<Msr> values = readMsrs(SAVED_MSRS);
        parts.put(LOCAL_APIC, apic.registers());
        ByteBuffer bytes = buffer(values.size() * 2 * Long.BYTES);
        values.forEach(msr -> bytes.putLong(msr.index()).putLong(msr.value()));
        parts.put(MSRS, bytes(bytes));
        ByteBuffer rest = buffer((cpu.dr.length + 2) * Long.BYTES);
        for (long register : cpu.dr) {
            rest.putLong(register);
        }
        int flags = (cpu.halted ? 1 : 0)
                | (cpu.interruptShadow ? 2 : 0)
                | (cpu.nmiBlocked ? 4 : 0)
                | (loop.waitsForStartup() ? 8 : 0)
                | Math.min(loop.nmiRequests(), 2) << 4
                | ((loop.messages() & Pending.INIT) != 0 ? 64 : 0)
                | ((loop.messages() & Pending.STARTUP) != 0 ? 128 : 0)
                | apic.unseen() << 8;
        rest.putLong(cpu.xcr0).putLong(flags);
        parts.put(REST, bytes(rest));
        return new VcpuState(registers(), specialRegisters(), parts);
    }

    @Override
    public void restore(VcpuState state) {
        specialRegisters(state.specialRegisters());
        registers(state.registers());
        apic.registers(part(state, LOCAL_APIC, LocalApic.REGISTERS));
        cpu.state()
                .asSlice(StateLayout.FX, FLOATING_POINT_SIZE)
                .copyFrom(java.lang.foreign.MemorySegment.ofArray(part(state, FLOATING_POINT, FLOATING_POINT_SIZE)));
        ByteBuffer list = ByteBuffer.wrap(part(state, MSRS, -1)).order(ByteOrder.LITTLE_ENDIAN);
        while (list.remaining() >= 2 * Long.BYTES) {
            writeMsrs(List.of(new Msr((int) list.getLong(), list.getLong())));
        }
        ByteBuffer rest = ByteBuffer.wrap(part(state, REST, (cpu.dr.length + 2) * Long.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int n = 0; n < cpu.dr.length; n++) {
            cpu.dr[n] = rest.getLong();
        }
        cpu.xcr0 = rest.getLong();
        long flags = rest.getLong();
        cpu.halted = (flags & 1) != 0;
        cpu.interruptShadow = (flags & 2) != 0;
        cpu.nmiBlocked = (flags & 4) != 0;
        loop.waitsForStartup((flags & 8) != 0);
        loop.nmiRequests((int) flags >> 4 & 3);
        loop.messages(((flags & 64) != 0 ? Pending.INIT : 0) | ((flags & 128) != 0 ? Pending.STARTUP : 0));
        apic.unseen((int) (flags >> 8));
        core.stateChanged();
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] bytes(ByteBuffer filled) {
        byte[] content = new byte[filled.position()];
        filled.flip().get(content);
        return content;
    }

    private static byte[] part(VcpuState state, String name, int size) {
        byte[] bytes = state.parts().get(name);
        if (bytes == null || (size >= 0 && bytes.length != size)) {
            throw new VmmException("the saved processor has no " + name + " of the software processor's kind");
        }
        return bytes;
    }

    @Override
    public void close() {
        apic.close();
        core.close();
    }
}

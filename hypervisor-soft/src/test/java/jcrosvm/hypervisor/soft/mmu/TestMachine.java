package jcrosvm.hypervisor.soft.mmu;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.MemorySlot;
import jcrosvm.hypervisor.soft.cpu.Cpu;

/** A processor over a few pages of RAM at 0, with a device that notes what it is asked. */
final class TestMachine implements Outside {
    final Cpu cpu;
    final PhysicalMemory memory;
    final Mmu mmu;
    final Mapping ram;
    final MemorySlot slot;
    final List<String> device = new ArrayList<>();
    long answer;

    TestMachine(long ramSize) {
        this(new PhysicalMemory(), Mapping.anonymous(ramSize));
    }

    private TestMachine(PhysicalMemory memory, Mapping ram) {
        this(memory, ram, memory.add(0, ram.segment(), false), 0);
    }

    TestMachine(PhysicalMemory memory, Mapping ram, MemorySlot slot, int id) {
        this.slot = slot;
        this.memory = memory;
        this.ram = ram;
        cpu = new Cpu(id);
        cpu.modeChanged();
        mmu = new Mmu(cpu, memory, this);
    }

    long physical(long address) {
        return ram.segment().get(ValueLayout.JAVA_LONG, address);
    }

    void physical(long address, long value) {
        ram.segment().set(ValueLayout.JAVA_LONG, address, value);
    }

    @Override
    public long portRead(int port, int size) {
        throw new AssertionError();
    }

    @Override
    public void portWrite(int port, int size, long value) {
        throw new AssertionError();
    }

    @Override
    public long mmioRead(long address, int size) {
        device.add("read %x %d".formatted(address, size));
        return size == 8 ? answer : answer & (1L << size * 8) - 1;
    }

    @Override
    public void mmioWrite(long address, int size, long value) {
        device.add("write %x %d %x".formatted(address, size, value));
    }
}

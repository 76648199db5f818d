package jcrosvm.vmm.x86;

import jcrosvm.bus.Bus;
import jcrosvm.hypervisor.VcpuExitHandler;

/** Exits of every vCPU, sent to the two buses. */
class BusExits implements VcpuExitHandler {
    private final Bus ports;
    private final Bus memory;

    BusExits(Bus ports, Bus memory) {
        this.ports = ports;
        this.memory = memory;
    }

    @Override
    public long portRead(int port, int size) {
        return ports.read(port, size);
    }

    @Override
    public void portWrite(int port, int size, long value) {
        ports.write(port, size, value);
    }

    @Override
    public long mmioRead(long address, int size) {
        return memory.read(address, size);
    }

    @Override
    public void mmioWrite(long address, int size, long value) {
        memory.write(address, size, value);
    }
}

package jcrosvm.vmm.board;

import java.util.List;
import jcrosvm.boot.CpuSpeed;
import jcrosvm.boot.DeviceNode;
import jcrosvm.bus.Bus;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.Vm;
import jcrosvm.memory.GuestMemory;
import jcrosvm.platform.PowerEvents;
import jcrosvm.virtio.KernelParameters;

/**
 * What a machine has of its architecture: memory, processors, interrupt controllers, buses, the platform's devices, and
 * the tables that a guest boots from. A board is made whole but for the virtio devices and PCI functions, which the
 * machine adds to its buses before {@link #load}. What it holds of the host is in {@link BoardContext#resources}.
 */
public interface Board {
    GuestMemory memory();

    Vm vm();

    /** The vCPUs; the first one boots. */
    List<? extends Vcpu> processors();

    /** Where the exits of a vCPU go. */
    VcpuExitHandler exits(Vcpu processor);

    Interrupts interrupts();

    PciBus pci();

    /** Devices that are reached by memory accesses. */
    Bus mmio();

    /**
     * Where a virtio device on no bus has its place.
     *
     * @param number from 0
     */
    DeviceNode virtio(int number);

    PowerEvents power();

    /**
     * Places the PCI functions, loads the guest into memory and prepares the vCPUs.
     *
     * @param devices virtio devices on no bus
     * @param parameters that the machine's devices need
     * @param speed decides whether the kernel is unpacked on the host
     * @throws jcrosvm.base.VmmException when a file of the guest cannot be used
     */
    void load(List<DeviceNode> devices, KernelParameters parameters, CpuSpeed speed);
}

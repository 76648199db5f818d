package jcrosvm.vmm;

import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExit;

/** What a {@link Machine} tells its owner. Called on vCPU threads; returns at once. */
interface MachineEvents {
    /** The guest powered off or asked for a reset. */
    void ended(VmExit how);

    /** The guest reported a panic and goes on. */
    void guestPanicked();

    /** A device has lost its backend. */
    void deviceLost(String reason);

    /** The guest wrote to the port of {@code --debug-exit}. */
    void debugExit(int value);

    /**
     * A vCPU has stopped for a debugger. It holds still until {@link VcpuThread#goOn} unless it is to go on at once.
     *
     * @return whether it goes on at once
     */
    boolean vcpuStopped(Vcpu vcpu, VcpuExit.Debug stop);

    /** A vCPU cannot go on. */
    void vcpuEnded(Vcpu vcpu, VcpuExit exit);
}

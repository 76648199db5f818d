package jcrosvm.vmm;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.LimitedLog;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.vmm.config.RebootPolicy;

/** What the events of one machine mean to its VM. Those after its end are dropped: vCPUs run on until they are stopped. */
final class VmEvents implements MachineEvents {
    private static final System.Logger LOG = System.getLogger(VmEvents.class.getName());

    /** By rebooting in place a guest could fill the log with them. */
    private static final LimitedLog SHUTDOWNS = LimitedLog.of(VmEvents.class);

    private final RebootPolicy reboot;
    private final Endings endings;
    private final AtomicBoolean panicked;
    private final AtomicInteger debugExit;
    private final AtomicBoolean isOver = new AtomicBoolean();

    /**
     * @param panicked is set when the guest reports a panic
     * @param debugExit is set to the value that a test's guest leaves
     */
    VmEvents(RebootPolicy reboot, Endings endings, AtomicBoolean panicked, AtomicInteger debugExit) {
        this.reboot = reboot;
        this.endings = endings;
        this.panicked = panicked;
        this.debugExit = debugExit;
    }

    @Override
    public void ended(VmExit how) {
        if (!isOver.getAndSet(true)) {
            endings.add(how);
        }
    }

    @Override
    public void guestPanicked() {
        if (!isOver.get()) {
            panicked.set(true);
        }
    }

    @Override
    public void deviceLost(String reason) {
        if (!isOver.get()) {
            LOG.log(System.Logger.Level.ERROR, reason);
            ended(VmExit.CRASH);
        }
    }

    @Override
    public void debugExit(int value) {
        if (!isOver.getAndSet(true)) {
            debugExit.set(value & 0x7fff_ffff);
            endings.add(VmExit.STOP);
        }
    }

    @Override
    public boolean vcpuStopped(Vcpu vcpu, VcpuExit.Debug stop) {
        if (!isOver.get()) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "vCPU {0} stopped for a debugger, and there is none, at 0x{1}",
                    vcpu.id(),
                    Long.toHexString(stop.address()));
            ended(VmExit.CRASH);
        }
        return false;
    }

    @Override
    public void vcpuEnded(Vcpu vcpu, VcpuExit exit) {
        if (isOver.get()) {
            return;
        }
        switch (exit) {
            case VcpuExit.Shutdown shutdown -> {
                SHUTDOWNS.log(System.Logger.Level.INFO, "vCPU " + vcpu.id() + ": " + shutdown.reason());
                logRegisters(vcpu);
                // crosvm ends the VM; a machine that reboots in place resets, as hardware does.
                ended(reboot == RebootPolicy.IN_PLACE ? VmExit.RESET : VmExit.STOP);
            }
            case VcpuExit.SystemEvent event ->
                ended(
                        switch (event.kind()) {
                            case SHUTDOWN -> VmExit.STOP;
                            case RESET -> VmExit.RESET;
                            case CRASH -> VmExit.GUEST_PANIC;
                        });
            case VcpuExit.Halt halt -> {
                LOG.log(System.Logger.Level.INFO, "vCPU {0} halted for good", vcpu.id());
                ended(VmExit.STOP);
            }
            case VcpuExit.Failed failed -> {
                LOG.log(System.Logger.Level.ERROR, "vCPU {0}: {1}", vcpu.id(), failed.reason());
                logRegisters(vcpu);
                ended(VmExit.CRASH);
            }
            case VcpuExit.Debug debug -> throw new IllegalArgumentException("a vCPU can go on after " + debug);
            case VcpuExit.Interrupted interrupted -> {}
        }
    }

    private static void logRegisters(Vcpu vcpu) {
        LOG.log(System.Logger.Level.DEBUG, vcpu::describe);
    }
}

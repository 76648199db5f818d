package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.vmm.board.Board;
import jcrosvm.vmm.config.CpuConfig;
import jcrosvm.vmm.config.HostCpus;

/** The vCPUs of a machine, each on its thread. Guarded by the machine. */
final class Vcpus {
    private final List<VcpuThread> threads = new ArrayList<>();
    private boolean suspended;

    /**
     * @param suspended whether they hold still from the start
     */
    Vcpus(Board board, CpuConfig config, boolean suspended, MachineEvents events) {
        this.suspended = suspended;
        for (Vcpu vcpu : board.processors()) {
            threads.add(new VcpuThread(vcpu, board.exits(vcpu), HostCpus.of(config, threads.size()), events));
        }
    }

    void start() {
        threads.forEach(thread -> thread.start(suspended));
    }

    /** Whether they hold still because the machine's owner asked for it. */
    boolean isSuspended() {
        return suspended;
    }

    /** Holds them still until {@link #resume}. */
    void suspend() throws InterruptedException {
        if (!suspended) {
            suspended = true;
            threads.forEach(VcpuThread::pause);
        }
        awaitStill();
    }

    /** The same without being suspended: the guest asked for it. */
    void pause() throws InterruptedException {
        threads.forEach(VcpuThread::pause);
        awaitStill();
    }

    private void awaitStill() throws InterruptedException {
        for (VcpuThread thread : threads) {
            thread.awaitStill();
        }
    }

    void resume() {
        suspended = false;
        threads.forEach(thread -> thread.vcpu().notifyPaused());
        threads.forEach(VcpuThread::resume);
    }

    /** Ends the threads and waits for them. */
    void end() {
        threads.forEach(VcpuThread::stop);
        threads.forEach(VcpuThread::join);
    }
}

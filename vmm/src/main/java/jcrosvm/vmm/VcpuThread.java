package jcrosvm.vmm;

import java.util.Collection;
import java.util.function.BiConsumer;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.base.io.Threads;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;

/** Runs one vCPU on a platform thread of its own, holding still when asked to. */
final class VcpuThread {
    // Exits reach devices through a few dozen frames at most.
    private static final long STACK = 512 << 10;

    private final Vcpu vcpu;
    private final VcpuExitHandler handler;
    private final BiConsumer<Vcpu, VcpuExit> onFinalExit;
    private final Thread thread;

    private final Object lock = new Object();
    private volatile boolean pausing;
    private volatile boolean stopping;
    private boolean still; // guarded by lock: not in guest code, and will not enter it before resume()

    /**
     * @param hostCpus to pin the thread to; empty for none
     * @param onFinalExit called on the thread for an exit after which the vCPU cannot go on
     */
    VcpuThread(
            Vcpu vcpu, VcpuExitHandler handler, Collection<Integer> hostCpus, BiConsumer<Vcpu, VcpuExit> onFinalExit) {
        this.vcpu = vcpu;
        this.handler = handler;
        this.onFinalExit = onFinalExit;
        thread = ThreadScope.current().unstarted("vcpu" + vcpu.id(), STACK, () -> loop(hostCpus));
    }

    Vcpu vcpu() {
        return vcpu;
    }

    void start(boolean paused) {
        pausing = paused;
        thread.start();
    }

    private void loop(Collection<Integer> hostCpus) {
        try {
            if (!hostCpus.isEmpty()) {
                Threads.pinTo(hostCpus);
            }
            while (!stopping) {
                if (pausing) {
                    holdStill();
                    continue;
                }
                VcpuExit exit = vcpu.run(handler);
                if (!(exit instanceof VcpuExit.Interrupted)) {
                    onFinalExit.accept(vcpu, exit);
                    break;
                }
            }
        } catch (InterruptedException e) {
            // asked to end
        } catch (VmmException e) { // the host refuses
            onFinalExit.accept(vcpu, new VcpuExit.Failed(String.valueOf(e.getMessage())));
        } finally {
            synchronized (lock) {
                still = true;
                lock.notifyAll();
            }
        }
    }

    private void holdStill() throws InterruptedException {
        synchronized (lock) {
            still = true;
            lock.notifyAll();
            while (pausing && !stopping) {
                lock.wait();
            }
            still = false;
        }
    }

    /** Asks the vCPU to leave guest code; {@link #awaitStill} waits for it. */
    void pause() {
        pausing = true;
        vcpu.kick();
    }

    void awaitStill() throws InterruptedException {
        synchronized (lock) {
            while (!still && thread.isAlive()) {
                lock.wait();
            }
        }
    }

    void resume() {
        synchronized (lock) {
            pausing = false;
            lock.notifyAll();
        }
    }

    /** Asks the thread to end; {@link #join} waits for it. */
    void stop() {
        stopping = true;
        synchronized (lock) {
            lock.notifyAll();
        }
        vcpu.kick();
    }

    void join() {
        Threads.join(thread);
    }
}

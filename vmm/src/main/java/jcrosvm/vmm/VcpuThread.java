package jcrosvm.vmm;

import java.util.Collection;
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
    private final MachineEvents events;
    private final Thread thread;

    private final Object lock = new Object();
    private volatile boolean pausing;
    private volatile boolean stopping;
    private volatile boolean stopped; // by a debugger
    private boolean still; // guarded by lock: not in guest code, and will not enter it before resume()

    /**
     * @param hostCpus to pin the thread to; empty for none
     * @param events called on the thread when the vCPU stops for a debugger or cannot go on
     */
    VcpuThread(Vcpu vcpu, VcpuExitHandler handler, Collection<Integer> hostCpus, MachineEvents events) {
        this.vcpu = vcpu;
        this.handler = handler;
        this.events = events;
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
                if (pausing || stopped) {
                    holdStill();
                    continue;
                }
                VcpuExit exit = vcpu.run(handler);
                if (exit instanceof VcpuExit.Debug debug) {
                    stopped = true; // before it is told, so that goOn() is not lost
                    if (events.vcpuStopped(vcpu, debug)) {
                        stopped = false;
                    }
                } else if (!(exit instanceof VcpuExit.Interrupted)) {
                    events.vcpuEnded(vcpu, exit);
                    break;
                }
            }
        } catch (InterruptedException e) {
            // asked to end
        } catch (VmmException e) { // the host refuses
            events.vcpuEnded(vcpu, new VcpuExit.Failed(String.valueOf(e.getMessage())));
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
            while ((pausing || stopped) && !stopping) {
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

    /** Ends a stop for a debugger. */
    void goOn() {
        synchronized (lock) {
            stopped = false;
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

package jcrosvm.hypervisor.soft;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.interp.HostStop;
import jcrosvm.hypervisor.soft.interp.UnsupportedInstruction;
import org.jspecify.annotations.Nullable;

/**
 * Runs a processor: guest code until something is pending, then what is pending, in the order of its priority (SDM
 * volume 3, table 7-2). A halted processor sleeps. All on its thread, but for {@link #signal}.
 */
final class RunLoop implements LocalApic.Processor {
    private static final int MESSAGES = Pending.INIT | Pending.STARTUP;

    private final Cpu cpu;
    private final LocalApic apic;
    private final Core core;
    private final FinalHalt end;

    private volatile @Nullable Thread sleeper;
    /** Sleeps, and nothing but an NMI, INIT or start-up message can wake it. */
    private volatile boolean hopeless;

    private boolean waitsForStartup;
    private final AtomicInteger nmis = new AtomicInteger(); // that no round has seen yet
    private int nmiRequests;

    RunLoop(Cpu cpu, LocalApic apic, Core core, FinalHalt end, boolean waitsForStartup) {
        this.cpu = cpu;
        this.apic = apic;
        this.core = core;
        this.end = end;
        this.waitsForStartup = waitsForStartup;
        end.join(this);
    }

    @Override
    public void signal(int bits) {
        if ((bits & Pending.INIT) != 0) {
            cpu.take(Pending.STARTUP); // what came before the INIT is lost
        }
        if ((bits & Pending.NMI) != 0) {
            nmis.incrementAndGet();
        }
        cpu.request(bits);
        Thread asleep = sleeper;
        if (asleep != null) {
            LockSupport.unpark(asleep);
        }
    }

    VcpuExit run(VcpuExitHandler handler) {
        core.enter();
        try {
            while (true) {
                VcpuExit exit = attend(handler);
                if (exit != null) {
                    return exit;
                }
            }
        } catch (UnsupportedInstruction e) {
            return new VcpuExit.Failed("the software processor cannot execute " + e.getMessage() + ", " + core.place());
        } finally {
            core.leave();
        }
    }

    /** One round. A method of its own, so that it is compiled after some rounds, not after a long loop. */
    private @Nullable VcpuExit attend(VcpuExitHandler handler) {
        int pending = cpu.pending();
        if ((pending & Pending.COHERENCE) != 0) {
            core.coherence();
        }
        if ((pending & Pending.KICK) != 0 && cpu.take(Pending.KICK) != 0) {
            return VcpuExit.INTERRUPTED;
        }
        VcpuExit stop = core.stop();
        if (stop != null) {
            return stop;
        }
        if ((pending & (Pending.INIT | Pending.STARTUP | Pending.NMI)) != 0) {
            rare();
        }
        cpu.take(Pending.SELF | Pending.INTERRUPT);
        if (waitsForStartup) {
            return sleep(true);
        }
        boolean external = apic.acceptsExternalInterrupts() && handler.externalInterrupt();
        boolean interrupt = external || apic.hasInterrupt();
        boolean open = cpu.flag(Rflags.IF);
        if (cpu.halted) {
            if ((interrupt && open) || (nmiRequests > 0 && !cpu.nmiBlocked)) {
                cpu.halted = false;
            } else {
                cpu.interruptWaiting = false;
                return sleep(!open);
            }
        }
        try {
            return execute(handler, interrupt, open);
        } catch (GuestException fault) {
            return core.exception(fault) ? null : new VcpuExit.Shutdown(core.shutdownReason());
        } catch (HostStop stopped) {
            return null;
        }
    }

    private @Nullable VcpuExit execute(VcpuExitHandler handler, boolean interrupt, boolean open) {
        if (cpu.interruptShadow && (interrupt || nmiRequests > 0)) {
            cpu.interruptWaiting = false;
            core.step(); // the shadow ends behind it
            return null;
        }
        if (nmiRequests > 0 && !cpu.nmiBlocked) {
            nmiRequests--;
            if (!core.nmi()) {
                return new VcpuExit.Shutdown(core.shutdownReason());
            }
            open = cpu.flag(Rflags.IF);
        }
        if (interrupt && open) {
            int vector = acknowledge(handler);
            if (vector >= 0 && !core.interrupt(vector)) {
                return new VcpuExit.Shutdown(core.shutdownReason());
            }
            interrupt = apic.hasInterrupt() || (apic.acceptsExternalInterrupts() && handler.externalInterrupt());
        }
        cpu.interruptWaiting = interrupt || nmiRequests > 0;
        core.run();
        return null;
    }

    // The PIC's come first: it has no priorities in common with the APIC.
    private int acknowledge(VcpuExitHandler handler) {
        if (apic.acceptsExternalInterrupts() && handler.externalInterrupt()) {
            int vector = handler.acknowledgeInterrupt();
            if (vector >= 0) {
                return vector;
            }
        }
        return apic.acknowledge();
    }

    private void rare() {
        if (cpu.take(Pending.INIT) != 0) {
            boolean bootProcessor = (apic.base() & LocalApic.BASE_BOOT_PROCESSOR) != 0;
            ResetState.init(cpu);
            apic.init();
            nmiRequests = 0;
            waitsForStartup = !bootProcessor;
            core.stateChanged();
        }
        if (cpu.take(Pending.STARTUP) != 0 && waitsForStartup) {
            ResetState.startAt(cpu, apic.startupVector());
            waitsForStartup = false;
            core.stateChanged();
        }
        if (cpu.take(Pending.NMI) != 0) {
            // One waits while another is being handled; two can come at once.
            nmiRequests = Math.min(nmiRequests + nmis.getAndSet(0), cpu.nmiBlocked ? 1 : 2);
        }
    }

    /** Until something is pending; at once and with a result if nothing ever will be. */
    private @Nullable VcpuExit sleep(boolean withoutHope) {
        core.leave();
        try {
            sleeper = Thread.currentThread();
            hopeless = withoutHope;
            if (withoutHope && end.isReached()) {
                return VcpuExit.HALT;
            }
            while (cpu.pending() == 0) {
                LockSupport.park(this);
                // An interrupt of the thread would make every park return at once; nothing here waits for one.
                Thread.interrupted();
            }
            return null;
        } finally {
            hopeless = false; // before what is pending is taken
            sleeper = null;
            core.enter();
        }
    }

    /** From any thread. What is pending counts, even if the processor has not noticed yet. */
    boolean isHopeless() {
        return hopeless && cpu.pending() == 0;
    }

    boolean waitsForStartup() {
        return waitsForStartup;
    }

    void waitsForStartup(boolean waits) {
        waitsForStartup = waits;
    }

    /** INIT and start-up messages that no round has seen yet, as {@link Pending} bits. */
    int messages() {
        return cpu.pending() & MESSAGES;
    }

    void messages(int bits) {
        cpu.take(MESSAGES);
        cpu.request(bits & MESSAGES);
    }

    int nmiRequests() {
        return nmiRequests + nmis.get();
    }

    void nmiRequests(int requests) {
        nmiRequests = requests;
    }
}

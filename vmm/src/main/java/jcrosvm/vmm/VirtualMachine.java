package jcrosvm.vmm;

import java.util.OptionalInt;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.Errno;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.boot.CpuSpeed;
import jcrosvm.config.Value;
import jcrosvm.hypervisor.HypervisorProvider.Availability;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.x86.GuestCpuid;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import jcrosvm.hypervisor.x86.X86Vcpu;
import jcrosvm.vmm.config.CpuConfig;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.RebootPolicy;
import jcrosvm.vmm.config.StartState;
import jcrosvm.vmm.config.VmConfig;
import org.jspecify.annotations.Nullable;

/**
 * A VM as an object: made from a {@link VmConfig}, run by the caller's thread, controlled from any other.
 *
 * <pre>{@code
 * try (VirtualMachine vm = VirtualMachine.create(config)) {
 *     VmExit how = vm.run();
 * }
 * }</pre>
 */
public final class VirtualMachine implements VmControl, AutoCloseable {
    private static final System.Logger LOG = System.getLogger(VirtualMachine.class.getName());

    /** By rebooting in place a guest could fill the log with them. */
    private static final LimitedLog SHUTDOWNS = LimitedLog.of(VirtualMachine.class);

    private static final int PROBE_DELAY_MILLIS = 1000;
    /** Bytes of heap that are given up when a thread fails: enough to take the machine apart and to say so. */
    private static final int RESERVE = 1 << 20;

    private final VmConfig config;
    private final HypervisorChoice choice;
    private final ThreadScope threads = new ThreadScope(this::threadFailed);
    private final X86Hypervisor hypervisor;
    private final SerialConsoles consoles;
    private final Devices devices;
    private final Endings endings = new Endings();
    private final AtomicBoolean panicked = new AtomicBoolean();
    private final AtomicBoolean isProbed = new AtomicBoolean();
    private volatile int debugExit = -1;

    @SuppressWarnings("UnusedVariable") // it is there to be given up
    private volatile byte @Nullable [] reserve = new byte[RESERVE];

    private volatile Runnable onFailure = () -> {};

    private Machine machine; // guarded by this
    private boolean started; // guarded by this
    private boolean closed; // guarded by this

    private VirtualMachine(VmConfig config, HypervisorChoice choice) {
        this.config = config;
        this.choice = choice;
        hypervisor = (X86Hypervisor) choice.open(config.hypervisor());
        SerialConsoles opened = null;
        Devices made = null;
        try {
            if (config.cpus().count() > hypervisor.maxVcpus()) {
                throw new VmmException(config.cpus().count() + " vCPUs: " + hypervisor.name() + " on this host allows "
                        + hypervisor.maxVcpus());
            }
            if (config.cpus().nested() == CpuConfig.NestedMode.ON
                    && !GuestCpuid.offersNesting(hypervisor.supportedCpuid())) {
                throw new VmmException("--nested on: " + hypervisor.name() + " offers guests neither VMX nor SVM here");
            }
            config.validateOn(hypervisor);
            opened = threads.call(() -> new SerialConsoles(config.allSerial()));
            consoles = opened;
            made = threads.call(() -> new Devices(config));
            devices = made;
            machine = newMachine(config.start());
        } catch (RuntimeException | Error e) {
            if (made != null) {
                made.close();
            }
            if (opened != null) {
                opened.close();
            }
            hypervisor.close();
            throw e;
        }
    }

    /**
     * Checks the configuration, takes all host resources and loads the guest.
     *
     * @throws VmmException with one line for the user
     */
    public static VirtualMachine create(VmConfig config) {
        config.validate();
        HypervisorChoice choice = HypervisorChoice.of(config.hypervisor());
        if (choice.availability().level() == Availability.Level.INTERPRETED) {
            warnOfInterpretation(choice);
        } else {
            // Somebody who asked for nothing in particular may have expected KVM.
            boolean fallback = choice.availability().level() == Availability.Level.TRANSLATED
                    && config.hypervisor().kind().equals(HypervisorConfig.AUTO);
            System.Logger.Level level = fallback ? System.Logger.Level.INFO : System.Logger.Level.DEBUG;
            LOG.log(level, "hypervisor " + choice.description());
        }
        return new VirtualMachine(config, choice);
    }

    private static void warnOfInterpretation(HypervisorChoice choice) {
        LOG.log(System.Logger.Level.WARNING, choice.description() + ": too slow for an operating system");
    }

    /** On a hypervisor that was chosen already. */
    static VirtualMachine create(VmConfig config, HypervisorChoice choice) {
        config.validate();
        return new VirtualMachine(config, choice);
    }

    /** Which hypervisor runs it, and why. */
    public HypervisorChoice hypervisor() {
        return choice;
    }

    /** Whether a console of the guest reads standard input. */
    public boolean readsStandardInput() {
        return consoles.readsStandardInput();
    }

    /** Starts the vCPUs and returns; {@link #await} waits for the end. */
    public synchronized void start() {
        if (started || closed) {
            throw new IllegalStateException("a VM starts once");
        }
        started = true;
        machine.start();
    }

    /** Starts the VM and waits for its end. */
    public VmExit run() throws InterruptedException {
        start();
        return await();
    }

    /** Waits until the VM has ended; its vCPUs stand still then. A reset does not count where reboots are in place. */
    public VmExit await() throws InterruptedException {
        while (true) {
            VmExit how = ending();
            if (how != VmExit.RESET || config.reboot() != RebootPolicy.IN_PLACE || panicked.get()) {
                endings.add(how); // for whoever else waits
                synchronized (this) {
                    machine.close();
                }
                return panicked.get() && how != VmExit.CRASH ? VmExit.GUEST_PANIC : how;
            }
            reboot();
        }
    }

    // Who named a hypervisor gets it. What it is worth need not be known before the guest runs, and the probe is kept
    // out of the way of its first second.
    private VmExit ending() throws InterruptedException {
        if (choice.availability().level() == Availability.Level.NATIVE && !isProbed.getAndSet(true)) {
            VmExit early = endings.poll(PROBE_DELAY_MILLIS);
            if (early != null) {
                return early;
            }
            HypervisorChoice measured = choice.measured(config.hypervisor());
            if (measured.availability().level() == Availability.Level.INTERPRETED) {
                warnOfInterpretation(measured);
            }
        }
        return endings.take();
    }

    private Machine newMachine(StartState state) {
        return threads.call(() -> new Machine(config, hypervisor, consoles, devices, speed(), new Events(), state));
    }

    @Override
    public ThreadScope threads() {
        return threads;
    }

    // There may be no memory left: the end first, which needs none, then what the way down lives on.
    private void threadFailed(Thread thread, Throwable error) {
        endings.add(VmExit.CRASH);
        reserve = null;
        try {
            LOG.log(System.Logger.Level.ERROR, "internal error: thread " + thread.getName() + ": " + error);
            LOG.log(System.Logger.Level.DEBUG, "internal error", error);
        } catch (VirtualMachineError e) {
            LOG.log(System.Logger.Level.ERROR, "internal error: out of memory");
        } finally {
            onFailure.run();
        }
    }

    /**
     * What to do, besides, when a thread of the VM has failed. It runs on that thread, and there may be no memory left;
     * {@link #await} returns {@link VmExit#CRASH} if the rest of the VM can still be taken apart.
     */
    public void onFailure(Runnable action) {
        onFailure = action;
    }

    private CpuSpeed speed() {
        return choice.availability().level() == Availability.Level.NATIVE ? CpuSpeed.NATIVE : CpuSpeed.EMULATED;
    }

    private synchronized void reboot() {
        if (closed) {
            endings.add(VmExit.STOP);
            return;
        }
        machine.close();
        if (!endings.isEmpty()) {
            return; // somebody stopped it meanwhile
        }
        StartState state = machine.startState();
        try {
            machine = newMachine(state);
            machine.start();
        } catch (RuntimeException | Error e) {
            endings.add(VmExit.CRASH); // for whoever else waits
            throw e;
        }
    }

    /** The value that a test's guest left through the debug exit port. */
    public OptionalInt debugExit() {
        return debugExit < 0 ? OptionalInt.empty() : OptionalInt.of(debugExit);
    }

    @Override
    public void stop() {
        endings.add(VmExit.STOP);
    }

    @Override
    public synchronized void powerButton() {
        machine.powerButton();
    }

    @Override
    public synchronized void sleepButton() {
        machine.sleepButton();
    }

    @Override
    public synchronized void suspend(boolean full) {
        try {
            machine.suspend(full);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new OsException("suspend", Errno.EINTR);
        }
    }

    @Override
    public synchronized void resume(boolean full) {
        machine.resume(full);
    }

    @Override
    public synchronized CompletionStage<Value> perform(String verb, Value body) {
        if (closed) {
            throw new OsException(verb, Errno.ENODEV);
        }
        return devices.perform(verb, body);
    }

    /** Stops the VM if it runs, and gives back all that it holds. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        endings.add(VmExit.STOP);
        machine.close();
        devices.close();
        consoles.close();
        hypervisor.close();
    }

    /** Of one machine. What follows its end is of no account: vCPUs run on until they are stopped. */
    private final class Events implements MachineEvents {
        private final AtomicBoolean isOver = new AtomicBoolean();

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
        public void debugExit(int value) {
            if (!isOver.getAndSet(true)) {
                debugExit = value & 0x7fff_ffff;
                endings.add(VmExit.STOP);
            }
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
                    ended(config.reboot() == RebootPolicy.IN_PLACE ? VmExit.RESET : VmExit.STOP);
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
                case VcpuExit.Debug debug -> {
                    LOG.log(
                            System.Logger.Level.ERROR,
                            "vCPU {0} stopped for a debugger, and there is none, at rip 0x{1}",
                            vcpu.id(),
                            Long.toHexString(debug.rip()));
                    ended(VmExit.CRASH);
                }
                case VcpuExit.Interrupted interrupted -> {}
            }
        }

        private void logRegisters(Vcpu vcpu) {
            if (vcpu instanceof X86Vcpu x86 && LOG.isLoggable(System.Logger.Level.DEBUG)) {
                LOG.log(System.Logger.Level.DEBUG, x86.registers() + " " + x86.specialRegisters());
            }
        }
    }
}

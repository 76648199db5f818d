package jcrosvm.vmm;

import java.util.OptionalInt;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.boot.CpuSpeed;
import jcrosvm.config.Value;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.vmm.board.SerialConsoles;
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

    private static final int PROBE_DELAY_MILLIS = 1000;
    /** Bytes of heap that are given up when a thread fails: enough to take the machine apart and to say so. */
    private static final int RESERVE = 1 << 20;

    private final VmConfig config;
    private final HypervisorChoice choice;
    private final ThreadScope threads = new ThreadScope(this::threadFailed);
    private final Hypervisor hypervisor;
    private final SerialConsoles consoles;
    private final Devices devices;
    private final Endings endings = new Endings();
    private final AtomicBoolean panicked = new AtomicBoolean();
    private final AtomicBoolean isProbed = new AtomicBoolean();
    private final AtomicInteger debugExit = new AtomicInteger(-1);

    @SuppressWarnings("UnusedVariable") // it is there to be given up
    private volatile byte @Nullable [] reserve = new byte[RESERVE];

    private volatile Runnable onFailure = () -> {};

    private Machine machine; // guarded by this
    private boolean started; // guarded by this
    private boolean closed; // guarded by this

    private VirtualMachine(VmConfig config, HypervisorChoice choice) {
        this.config = config;
        this.choice = choice;
        hypervisor = choice.open(config.hypervisor());
        SerialConsoles opened = null;
        Devices made = null;
        try {
            Boards.validate(config, hypervisor);
            opened = threads.call(() -> new SerialConsoles(config.allSerial()));
            consoles = opened;
            made = threads.call(() -> new Devices(config, hypervisor.supports(Hypervisor.Capability.FOREIGN_WRITES)));
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
        choice.log(config.hypervisor());
        return new VirtualMachine(config, choice);
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
                endings.add(how); // for other threads that wait
                synchronized (this) {
                    machine.close();
                }
                return panicked.get() && how != VmExit.CRASH ? VmExit.GUEST_PANIC : how;
            }
            reboot();
        }
    }

    // A hypervisor that the user named is used whatever it is worth: that need not be known before the guest runs, and
    // the probe is kept out of the way of its first second.
    private VmExit ending() throws InterruptedException {
        if (choice.isNative() && !isProbed.getAndSet(true)) {
            VmExit early = endings.poll(PROBE_DELAY_MILLIS);
            if (early != null) {
                return early;
            }
            choice.measured(config.hypervisor()).warnOfInterpretation();
        }
        return endings.take();
    }

    private Machine newMachine(StartState state) {
        CpuSpeed speed = choice.isNative() ? CpuSpeed.NATIVE : CpuSpeed.EMULATED;
        MachineEvents events = new VmEvents(config.reboot(), endings, panicked, debugExit);
        return threads.call(() -> new Machine(config, hypervisor, consoles, devices, speed, events, state));
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

    private synchronized void reboot() {
        if (closed) {
            endings.add(VmExit.STOP);
            return;
        }
        machine.close();
        if (!endings.isEmpty()) {
            return; // it was stopped meanwhile
        }
        StartState state = machine.startState();
        try {
            machine = newMachine(state);
            machine.start();
        } catch (RuntimeException | Error e) {
            endings.add(VmExit.CRASH); // for other threads that wait
            throw e;
        }
    }

    /** The value that a test's guest left through the debug exit port. */
    public OptionalInt debugExit() {
        int value = debugExit.get();
        return value < 0 ? OptionalInt.empty() : OptionalInt.of(value);
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
    public synchronized CompletionStage<Value> performOnDevices(VmRequest request) {
        if (closed) {
            throw new OsException(request.verb(), Errno.ENODEV);
        }
        return devices.perform(request.verb(), request.body());
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
}

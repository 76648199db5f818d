package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventThread;
import jcrosvm.boot.CpuSpeed;
import jcrosvm.config.Value;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.platform.pci.PciContext;
import jcrosvm.platform.pci.PciModules;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.KernelParameters;
import jcrosvm.vmm.board.Board;
import jcrosvm.vmm.board.BoardContext;
import jcrosvm.vmm.board.BoardEvents;
import jcrosvm.vmm.board.Parts;
import jcrosvm.vmm.board.Resources;
import jcrosvm.vmm.board.SerialConsoles;
import jcrosvm.vmm.config.StartState;
import jcrosvm.vmm.config.SuspendClock;
import jcrosvm.vmm.config.VmConfig;

/** One incarnation of the machine, from loading the kernel to power-off or reset. */
final class Machine implements AutoCloseable {
    private final VmConfig config;
    private final Hypervisor hypervisor;
    private final boolean clockStops;
    private final SerialConsoles consoles;
    private final MachineClock clock;
    private final Resources resources = new Resources();
    private final Parts parts = new Parts();
    private final Board board;
    private final Devices devices;
    private final VirtioTransports virtio;
    private final HotplugSlots slots;
    private final Vcpus vcpus;
    private final Sleep sleep;

    private boolean devicesSuspended; // both guarded by this
    private boolean closed;

    /**
     * Builds the machine and loads the guest; nothing runs yet.
     *
     * @param speed decides whether the kernel is unpacked on the host
     * @param events told of what the guest does; they may come before {@link #start} returns
     * @param state to start in, unless it is suspended or resumed before that
     */
    Machine(
            VmConfig config,
            Hypervisor hypervisor,
            SerialConsoles consoles,
            Devices devices,
            CpuSpeed speed,
            MachineEvents events,
            StartState state) {
        this.config = config;
        this.hypervisor = hypervisor;
        this.consoles = consoles;
        this.devices = devices;
        clockStops = config.suspendClock() == SuspendClock.STOP;
        clock = new MachineClock(clockStops);
        try {
            BoardEvents boardEvents = boardEvents(events);
            parts.add("clock", MachineClockState.class, clock);
            board = Boards.of(hypervisor, new BoardContext(config, clock, consoles, boardEvents, parts, resources));
            EventThread deviceEvents = new EventThread("events");
            virtio = new VirtioTransports(board, config.platform(), deviceEvents, events::deviceLost);
            slots = new HotplugSlots(config.platform().hotplugSlots(), board.pci(), virtio, deviceEvents, devices);
            resources.add(slots::close);
            resources.add(deviceEvents::close);
            resources.add(virtio::close);
            switch (config.platform().virtio()) {
                case PCI -> {
                    virtio.attach(devices);
                    devices.all().forEach(placed -> slots.attached(placed.id()));
                }
                case MMIO -> virtio.attach(devices, board.mmio(), board::virtio);
            }
            PciModules.make(config.functions(), new PciContext(boardEvents))
                    .forEach(function -> board.pci().add(function, null));
            parts.add("virtio", VirtioTransportsState.class, virtio);
            board.load(virtio.nodes(), parameters(), speed);
            vcpus = new Vcpus(board, config.cpus(), state != StartState.RUNNING, events);
            sleep = new Sleep(this, board.power(), vcpus);
            parts.add("sleep", SleepState.class, sleep);
            if (vcpus.isSuspended()) {
                stopClock();
            }
            if (state == StartState.SUSPENDED) {
                suspendDevices();
            }
        } catch (RuntimeException | Error e) {
            release();
            throw e;
        }
    }

    private void release() {
        clock.close(); // its timers use the VM
        resources.close();
    }

    private KernelParameters parameters() {
        List<String> early = new ArrayList<>(consoles.kernelParameters());
        early.addAll(devices.kernelParameters().early());
        if (!config.boot().acpi()) {
            early.addAll(virtio.kernelParameters());
        }
        return new KernelParameters(early, devices.kernelParameters().late());
    }

    private BoardEvents boardEvents(MachineEvents events) {
        return new BoardEvents() {
            @Override
            public void powerOff() {
                events.ended(VmExit.STOP);
            }

            @Override
            public void reset() {
                events.ended(VmExit.RESET);
            }

            @Override
            public void sleep() {
                sleep.request();
            }

            @Override
            public void alarm() {
                sleep.alarm();
            }

            @Override
            public void guestPanicked() {
                events.guestPanicked();
            }

            @Override
            public void debugExit(int value) {
                events.debugExit(value);
            }
        };
    }

    synchronized void start() {
        consoles.ports().start();
        if (!devicesSuspended) {
            consoles.ports().resume(); // an earlier machine may have left them suspended
        }
        vcpus.start();
    }

    /** What a machine that takes this one's place starts in. */
    synchronized StartState startState() {
        if (devicesSuspended) {
            return StartState.SUSPENDED;
        }
        return vcpus.isSuspended() ? StartState.VCPUS_SUSPENDED : StartState.RUNNING;
    }

    /** As the other calls from outside, does nothing once the machine is closed. */
    synchronized void powerButton() {
        press(board.power()::pressPowerButton);
    }

    synchronized void sleepButton() {
        press(board.power()::pressSleepButton);
    }

    private void press(Runnable button) {
        if (!config.boot().acpi()) {
            throw new OsException("the machine has no ACPI", Errno.ENOTSUP);
        }
        if (!closed) {
            sleep.press(button);
        }
    }

    synchronized void suspend(boolean full) throws InterruptedException {
        if (closed) {
            return;
        }
        vcpus.suspend();
        stopClock();
        if (full && !devicesSuspended) {
            suspendDevices();
        }
    }

    // With the vCPUs still: the devices' clock must not run on without theirs.
    private void stopClock() {
        if (clockStops) {
            board.vm().clockRuns(false);
            clock.suspend();
        }
    }

    private void suspendDevices() {
        devicesSuspended = true;
        slots.settle(); // the vCPUs are still: no more will go
        parts.suspend();
    }

    /**
     * Makes a device and puts it into a free slot for hot-plug, or into the one that its configuration names; the guest is
     * told. The device belongs to the VM then.
     *
     * @throws VmmException when there can be no such device, or no slot is free
     */
    synchronized DeviceId plug(DeviceConfig device) {
        if (closed) {
            throw new OsException("the machine has ended", Errno.ENODEV);
        }
        return slots.plug(device, hypervisor);
    }

    /**
     * Asks the guest to let go of a device in a slot for hot-plug; the device is closed once it has.
     *
     * @throws OsException ENODEV when there is none
     */
    synchronized void unplug(DeviceId id) {
        if (!closed) {
            slots.release(id);
        }
    }

    /**
     * Everything but the memory, as {@link #restore} reads it.
     *
     * @throws VmmException when the machine is not suspended with its devices, or has one that cannot be saved
     */
    synchronized Value save() {
        requireSuspended("saved");
        return parts.save();
    }

    /**
     * Takes over what an equal machine saved; the memory's content is the caller's.
     *
     * @throws VmmException when it does not fit; if this machine is another than the saved one it can only be closed
     */
    synchronized void restore(Value saved) {
        requireSuspended("restored");
        parts.restore(saved);
    }

    private void requireSuspended(String what) {
        if (!devicesSuspended || closed) {
            throw new VmmException("a machine can only be " + what + " while it is suspended, with its devices");
        }
    }

    synchronized void resume(boolean full) {
        if (closed) {
            return;
        }
        if (devicesSuspended && !full) {
            throw new OsException("devices are suspended too: resume --full", Errno.EINVAL);
        }
        if (clockStops) {
            board.vm().clockRuns(true);
        }
        clock.resume();
        if (devicesSuspended) {
            devicesSuspended = false;
            parts.resume();
        }
        if (vcpus.isSuspended() || sleep.isAsleep()) {
            sleep.end();
            vcpus.resume();
        }
    }

    /** Ends the vCPU threads, then gives everything back; once. Not on a vCPU's thread, none of which takes this lock. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        sleep.close();
        vcpus.end();
        release();
    }
}

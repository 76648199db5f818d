package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Mapping;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.boot.Boot;
import jcrosvm.boot.CpuSpeed;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.LoadedGuest;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.boot.Rom;
import jcrosvm.bus.Bus;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.bus.pci.PciBusState;
import jcrosvm.bus.pci.PciConfigPorts;
import jcrosvm.bus.pci.PciConfigPortsState;
import jcrosvm.bus.pci.PciEcam;
import jcrosvm.bus.pci.PciWindows;
import jcrosvm.config.Value;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.Vm;
import jcrosvm.hypervisor.x86.CpuTopology;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.VcpuState;
import jcrosvm.memory.GuestMemory;
import jcrosvm.platform.AcpiPm;
import jcrosvm.platform.AcpiPmState;
import jcrosvm.platform.Cmos;
import jcrosvm.platform.CmosState;
import jcrosvm.platform.I8042;
import jcrosvm.platform.PowerControl;
import jcrosvm.platform.PvPanic;
import jcrosvm.platform.serial.SerialPorts;
import jcrosvm.platform.serial.SerialPortsState;
import jcrosvm.vmm.config.CpuConfig.NestedMode;
import jcrosvm.vmm.config.StartState;
import jcrosvm.vmm.config.SuspendClock;
import jcrosvm.vmm.config.VmConfig;

/** One incarnation of the machine, from loading the kernel to power-off or reset. */
final class Machine implements AutoCloseable {
    private static final int COM1_COM3_IRQ = 4;
    private static final int COM2_COM4_IRQ = 3;
    private static final int RTC_IRQ = 8;
    private static final List<Integer> INTX_GSIS = List.of(9, 10, 11, 12);
    private static final PciWindows.Window PCI_PORTS = new PciWindows.Window(0xd000, 0x3000);

    private static final System.Logger LOG = System.getLogger(Machine.class.getName());

    private final ThreadScope scope = ThreadScope.current();
    private final VmConfig config;
    private final GuestMemory memory;
    private final Vm vm;
    private final MachineClock clock;
    private final boolean clockStops;
    private final Interrupts interrupts;
    private final Parts parts = new Parts();
    private final SerialConsoles consoles;
    private final SerialPorts serial;
    private final VirtioTransports virtio;
    private final AcpiPm pm;
    private final List<VcpuThread> vcpus = new ArrayList<>();

    /** Presses and alarms that end a sleep: tells a sleep that was asked for before one from one after it. */
    private final AtomicInteger wakeEvents = new AtomicInteger();

    /** One request at a time, however often the guest writes it. */
    private final AtomicBoolean fallingAsleep = new AtomicBoolean();

    private final AtomicBoolean waking = new AtomicBoolean();

    private boolean vcpusSuspended; // by whoever controls the VM; guarded by this, as are the rest
    private boolean devicesSuspended;
    private boolean asleep; // by the guest: its vCPUs stand still
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
        this.consoles = consoles;
        clockStops = config.suspendClock() == SuspendClock.STOP;
        clock = new MachineClock(clockStops);
        serial = consoles.ports();
        CpuidTable supported = hypervisor.supportedCpuid();
        MemoryLayout layout =
                MemoryLayout.of(config.memory().sizeBytes(), config.pci(), VcpuSetup.addressBits(supported));
        memory = new GuestMemory(
                layout.ram(),
                new GuestMemory.Options(
                        config.memory().hugepages(), config.memory().locked()));
        Vm made = null;
        VirtioTransports attached = null;
        List<Vcpu> processors = new ArrayList<>();
        try {
            made = hypervisor.createVm(memory, irqChipMode(hypervisor));
            vm = made;
            CpuTopology topology = Topologies.of(config.cpus());
            for (int n = 0; n < config.cpus().count(); n++) {
                processors.add(vm.createVcpu(topology.apicId(n)));
            }
            interrupts = new Interrupts(vm.irqChip(), clock, processors.getFirst()::kick);

            Bus ports = Bus.ports();
            Bus mmio = Bus.memory();
            PowerControl power = power(events);
            interrupts.attach(ports, mmio);
            parts.add("clock", MachineClockState.class, clock);
            parts.add("guest-clock", GuestClockState.class, new GuestClock(vm));
            parts.add("interrupts", InterruptsState.class, interrupts);
            processors.forEach(vcpu -> parts.add("vcpu" + vcpu.id(), VcpuState.class, vcpu));
            pm = new AcpiPm(interrupts.line(Hardware.DEFAULT_SCI_IRQ), power);
            pm.attach(ports, Hardware.DEFAULT_PM_PORT);
            parts.add("acpi-pm", AcpiPmState.class, pm);
            parts.add("sleep", SleepState.class, new Sleep());
            if (config.platform().rtc()) {
                cmos(layout).attach(ports);
            }
            if (config.platform().i8042()) {
                // The in-kernel PIT answers port 0x61 itself; the user-space one does so too.
                new I8042(power).attach(ports, false);
            }
            consoles.connect(interrupts.line(COM1_COM3_IRQ), interrupts.line(COM2_COM4_IRQ));
            serial.attach(ports);
            PciBus pci = pci(layout, ports, mmio);
            virtio = new VirtioTransports(vm, memory, interrupts, config.platform());
            attached = virtio;
            switch (config.platform().virtio()) {
                case PCI -> virtio.attach(devices, pci, config.platform().virtioIntx());
                case MMIO -> virtio.attach(devices, mmio);
            }
            if (config.platform().pvpanic()) {
                pci.add(new PvPanic(power), null);
            }
            pci.allocate();
            parts.add("pci", PciBusState.class, pci); // before the functions' own registers
            parts.add("virtio", VirtioTransportsState.class, virtio);
            parts.add("serial", SerialPortsState.class, serial);
            publish(pci, layout, ports, mmio, power);
            if (config.debugExit() != null) {
                ports.insert(
                        new DebugExit(events::debugExit), config.debugExit().port(), DebugExit.PORTS);
                if (config.debugExit().testPorts()) {
                    TestPorts.attach(ports, mmio, interrupts::line, parts);
                }
            }

            BootData data = new BootData(config, devices, consoles, virtio);
            LoadedGuest guest = Boot.load(memory, layout, data.hardware(processors, pci), data.config(), speed);
            LOG.log(System.Logger.Level.DEBUG, guest::description);
            guest.rom().ifPresent(rom -> mapRom(rom, hypervisor));
            boolean nested = config.cpus().nested() != NestedMode.OFF;
            long gapStart = Math.min(layout.pciMmio32().start(), layout.ecam().start());
            new VcpuSetup(hypervisor, supported, topology, nested, gapStart)
                    .prepare(processors, guest.entry().orElse(null));
            for (Vcpu vcpu : processors) {
                vcpus.add(new VcpuThread(
                        vcpu,
                        interrupts.exits(ports, mmio, vcpu.id() == 0),
                        Topologies.hostCpus(config.cpus(), vcpus.size()),
                        events::vcpuEnded));
            }
            vcpusSuspended = state != StartState.RUNNING;
            if (vcpusSuspended) {
                stopClock();
            }
            if (state == StartState.SUSPENDED) {
                suspendDevices();
            }
        } catch (RuntimeException | Error e) {
            if (attached != null) {
                attached.close();
            }
            clock.close();
            consoles.disconnect();
            processors.forEach(Vcpu::close); // each holds the VM alive in the kernel
            if (made != null) {
                made.close();
            }
            memory.close();
            throw e;
        }
    }

    private IrqChipMode irqChipMode(Hypervisor hypervisor) {
        IrqChipMode asked = config.hypervisor().irqChip();
        if (asked != null) {
            return asked;
        }
        return hypervisor.supports(Hypervisor.Capability.KERNEL_IRQCHIP) ? IrqChipMode.KERNEL : IrqChipMode.SPLIT;
    }

    private Cmos cmos(MemoryLayout layout) {
        Cmos cmos = new Cmos(
                clock,
                interrupts.line(RTC_IRQ),
                this::rtcAlarm,
                layout.lowRam(),
                layout.highRam(),
                config.cpus().count());
        parts.add("cmos", CmosState.class, cmos);
        return cmos;
    }

    private PciBus pci(MemoryLayout layout, Bus ports, Bus mmio) {
        PciWindows windows = new PciWindows(
                PCI_PORTS,
                new PciWindows.Window(
                        layout.pciMmio32().start(), layout.pciMmio32().size()),
                new PciWindows.Window(
                        layout.pciMmio64().start(), layout.pciMmio64().size()));
        return new PciBus(mmio, ports, windows, INTX_GSIS, interrupts::line);
    }

    private void publish(PciBus pci, MemoryLayout layout, Bus ports, Bus mmio, PowerControl power) {
        PciConfigPorts configPorts =
                new PciConfigPorts(pci, power::reset, config.platform().pciPortAccess());
        configPorts.attach(ports);
        parts.add("pci-config-ports", PciConfigPortsState.class, configPorts);
        pci.publishEcam(layout.ecam().start(), layout.ecam().size());
        mmio.insert(new PciEcam(pci), layout.ecam().start(), layout.ecam().size());
    }

    private void mapRom(Rom rom, Hypervisor hypervisor) {
        Mapping mapping = Mapping.anonymous(rom.content().length);
        mapping.segment().copyFrom(java.lang.foreign.MemorySegment.ofArray(rom.content()));
        boolean readOnly = hypervisor.supports(Hypervisor.Capability.READONLY_MEMORY);
        vm.addMemory(rom.address(), mapping.segment(), readOnly);
    }

    private PowerControl power(MachineEvents events) {
        return new PowerControl() {
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
                // Not on this vCPU's thread: whoever holds the machine's lock may be waiting for it.
                int seen = wakeEvents.get();
                if (fallingAsleep.compareAndSet(false, true)) {
                    scope.start("sleep", () -> Machine.this.sleep(seen));
                }
            }

            @Override
            public void guestPanicked() {
                events.guestPanicked();
            }
        };
    }

    synchronized void start() {
        serial.start();
        if (!devicesSuspended) {
            serial.resume(); // an earlier machine may have left them suspended
        }
        vcpus.forEach(vcpu -> vcpu.start(vcpusSuspended));
    }

    /** What a machine that takes this one's place starts in. */
    synchronized StartState startState() {
        if (devicesSuspended) {
            return StartState.SUSPENDED;
        }
        return vcpusSuspended ? StartState.VCPUS_SUSPENDED : StartState.RUNNING;
    }

    // ACPI S1
    private synchronized void sleep(int seen) {
        fallingAsleep.set(false);
        if (closed) {
            return;
        }
        if (wakeEvents.get() != seen || pm.isEventPending()) {
            pm.woken(); // before it slept
            return;
        }
        vcpus.forEach(VcpuThread::pause);
        try {
            for (VcpuThread vcpu : vcpus) {
                vcpu.awaitStill();
            }
        } catch (InterruptedException e) {
            throw new AssertionError("nobody interrupts this thread", e);
        }
        asleep = true;
    }

    // May run on a vCPU's thread, which must not wait for the lock.
    private void rtcAlarm() {
        wakeEvents.incrementAndGet();
        pm.rtcAlarm();
        if (waking.compareAndSet(false, true)) {
            scope.start("wake", this::alarm);
        }
    }

    private synchronized void alarm() {
        waking.set(false);
        wake();
    }

    private synchronized void wake() {
        if (asleep && !vcpusSuspended && !closed) {
            resumeVcpus();
        }
    }

    /** As the other calls from outside, does nothing once the machine is closed. */
    synchronized void powerButton() {
        press(pm::pressPowerButton);
    }

    synchronized void sleepButton() {
        press(pm::pressSleepButton);
    }

    private void press(Runnable button) {
        if (!config.boot().acpi()) {
            throw new OsException("the machine has no ACPI", Errno.ENOTSUP);
        }
        if (closed) {
            return;
        }
        wakeEvents.incrementAndGet();
        button.run();
        wake();
    }

    synchronized void suspend(boolean full) throws InterruptedException {
        if (closed) {
            return;
        }
        if (!vcpusSuspended) {
            vcpusSuspended = true;
            vcpus.forEach(VcpuThread::pause);
        }
        for (VcpuThread vcpu : vcpus) {
            vcpu.awaitStill();
        }
        stopClock();
        if (full && !devicesSuspended) {
            suspendDevices();
        }
    }

    // With the vCPUs still: the devices' clock must not run on without theirs.
    private void stopClock() {
        if (clockStops) {
            vm.clockRuns(false);
            clock.suspend();
        }
    }

    private void suspendDevices() {
        devicesSuspended = true;
        parts.suspend();
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

    /** Whether vCPUs stand still because the guest asked for it. Guarded by the machine. */
    private final class Sleep implements Stateful<SleepState> {
        @Override
        public SleepState state() {
            return new SleepState(asleep || fallingAsleep.get());
        }

        @Override
        public void restore(SleepState state) {
            asleep = state.asleep();
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
            vm.clockRuns(true);
        }
        clock.resume();
        if (devicesSuspended) {
            devicesSuspended = false;
            parts.resume();
        }
        resumeVcpus();
    }

    private void resumeVcpus() {
        if (!vcpusSuspended && !asleep) {
            return;
        }
        vcpusSuspended = false;
        if (asleep) {
            asleep = false;
            pm.woken();
        }
        vcpus.forEach(vcpu -> vcpu.vcpu().notifyPaused());
        vcpus.forEach(VcpuThread::resume);
    }

    /** Ends the vCPU threads, then gives everything back; once. Not on a vCPU's thread, none of which takes this lock. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        vcpus.forEach(VcpuThread::stop);
        vcpus.forEach(VcpuThread::join);
        virtio.close();
        consoles.disconnect();
        clock.close();
        vcpus.forEach(vcpu -> vcpu.vcpu().close());
        vm.close();
        memory.close();
    }
}

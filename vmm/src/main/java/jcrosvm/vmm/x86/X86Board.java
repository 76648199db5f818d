package jcrosvm.vmm.x86;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Mapping;
import jcrosvm.boot.Boot;
import jcrosvm.boot.CpuSpeed;
import jcrosvm.boot.DeviceNode;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.LoadedGuest;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.boot.PcDevices;
import jcrosvm.boot.Rom;
import jcrosvm.bus.Bus;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.bus.pci.PciBusState;
import jcrosvm.bus.pci.PciConfigPorts;
import jcrosvm.bus.pci.PciConfigPortsState;
import jcrosvm.bus.pci.PciEcam;
import jcrosvm.bus.pci.PciWindows;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.x86.CpuTopology;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.GuestCpuid;
import jcrosvm.hypervisor.x86.VcpuState;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import jcrosvm.hypervisor.x86.X86Vcpu;
import jcrosvm.hypervisor.x86.X86Vm;
import jcrosvm.memory.GuestMemory;
import jcrosvm.platform.AcpiPm;
import jcrosvm.platform.AcpiPmState;
import jcrosvm.platform.Cmos;
import jcrosvm.platform.CmosState;
import jcrosvm.platform.DebugExit;
import jcrosvm.platform.I8042;
import jcrosvm.platform.PowerEvents;
import jcrosvm.platform.TestMemoryState;
import jcrosvm.platform.TestPorts;
import jcrosvm.platform.serial.SerialPortsState;
import jcrosvm.virtio.KernelParameters;
import jcrosvm.vmm.board.Board;
import jcrosvm.vmm.board.BoardContext;
import jcrosvm.vmm.board.GuestClock;
import jcrosvm.vmm.board.GuestClockState;
import jcrosvm.vmm.board.Interrupts;
import jcrosvm.vmm.config.CpuConfig.NestedMode;
import jcrosvm.vmm.config.VmConfig;

/** An x86-64 machine: PIC and IOAPIC, PCI Express, COM ports, CMOS clock, i8042 and the fixed hardware of ACPI. */
public final class X86Board implements Board {
    private static final List<Integer> INTX_GSIS = List.of(9, 10, 11, 12);
    private static final PciWindows.Window PCI_PORTS = new PciWindows.Window(0xd000, 0x3000);

    private static final System.Logger LOG = System.getLogger(X86Board.class.getName());

    private final X86Hypervisor hypervisor;
    private final BoardContext context;
    private final VmConfig config;
    private final CpuidTable supported;
    private final CpuTopology topology;
    private final MemoryLayout layout;
    private final GuestMemory memory;
    private final X86Vm vm;
    private final List<X86Vcpu> processors = new ArrayList<>();
    private final Bus ports = Bus.ports();
    private final Bus mmio = Bus.memory();
    private final X86Interrupts interrupts;
    private final AcpiPm pm;
    private final PciBus pci;

    public X86Board(X86Hypervisor hypervisor, BoardContext context) {
        this.hypervisor = hypervisor;
        this.context = context;
        config = context.config();
        supported = hypervisor.supportedCpuid();
        topology = Topologies.of(config.cpus());
        layout = MemoryLayout.of(config.memory().sizeBytes(), config.pci(), VcpuSetup.addressBits(supported));
        memory = new GuestMemory(
                layout.ram(),
                new GuestMemory.Options(
                        config.memory().hugepages(), config.memory().locked()));
        context.resources().add(memory::close);
        vm = hypervisor.createVm(memory, irqChipMode());
        context.resources().add(vm::close);
        for (int n = 0; n < config.cpus().count(); n++) {
            X86Vcpu vcpu = vm.createVcpu(topology.apicId(n));
            context.resources().add(vcpu::close); // before the VM: each holds it alive in the kernel
            processors.add(vcpu);
        }
        context.parts().add("guest-clock", GuestClockState.class, new GuestClock(vm));
        interrupts = new X86Interrupts(vm.irqChip(), context.clock(), processors.getFirst()::kick);
        interrupts.attach(ports, mmio);
        context.parts().add("interrupts", InterruptsState.class, interrupts);
        processors.forEach(vcpu -> context.parts().add("vcpu" + vcpu.id(), VcpuState.class, vcpu));
        pm = new AcpiPm(interrupts.line(PcDevices.ACPI_PM.gsi()), context.events());
        pm.attach(ports, (int) PcDevices.ACPI_PM.base());
        context.parts().add("acpi-pm", AcpiPmState.class, pm);
        if (config.platform().rtc()) {
            addClock();
        }
        if (config.platform().i8042()) {
            // The in-kernel PIT answers port 0x61 itself; the user-space one does so too.
            new I8042(context.events()).attach(ports, false);
        }
        pci = new PciBus(mmio, ports, windows(), INTX_GSIS, interrupts::line);
        context.parts().add("pci", PciBusState.class, pci); // before the functions' own registers
        addPciConfiguration();
        addSerialPorts();
        addTestDevices();
    }

    /** @throws VmmException when this hypervisor cannot do what the configuration asks for */
    public static void validate(VmConfig config, X86Hypervisor hypervisor) {
        if (config.cpus().nested() == NestedMode.ON && !GuestCpuid.offersNesting(hypervisor.supportedCpuid())) {
            throw new VmmException("--nested on: " + hypervisor.name() + " offers guests neither VMX nor SVM here");
        }
    }

    private IrqChipMode irqChipMode() {
        IrqChipMode asked = config.hypervisor().irqChip();
        if (asked != null) {
            return asked;
        }
        return hypervisor.supports(Hypervisor.Capability.KERNEL_IRQCHIP) ? IrqChipMode.KERNEL : IrqChipMode.SPLIT;
    }

    private void addClock() {
        Cmos cmos = new Cmos(
                context.clock(),
                interrupts.line(PcDevices.RTC.gsi()),
                this::alarm,
                layout.lowRam(),
                layout.highRam(),
                config.cpus().count());
        context.parts().add("cmos", CmosState.class, cmos);
        cmos.attach(ports);
    }

    private void alarm() {
        pm.rtcAlarm();
        context.events().alarm();
    }

    private PciWindows windows() {
        return new PciWindows(
                PCI_PORTS,
                new PciWindows.Window(
                        layout.pciMmio32().start(), layout.pciMmio32().size()),
                new PciWindows.Window(
                        layout.pciMmio64().start(), layout.pciMmio64().size()));
    }

    private void addPciConfiguration() {
        PciConfigPorts configPorts = new PciConfigPorts(
                pci, context.events()::reset, config.platform().pciPortAccess());
        configPorts.attach(ports);
        context.parts().add("pci-config-ports", PciConfigPortsState.class, configPorts);
        mmio.insert(new PciEcam(pci), layout.ecam().start(), layout.ecam().size());
    }

    private void addSerialPorts() {
        // COM3 and COM4 share the interrupts of COM1 and COM2.
        context.consoles()
                .connect(
                        interrupts.line(PcDevices.SERIAL.get(0).gsi()),
                        interrupts.line(PcDevices.SERIAL.get(1).gsi()));
        context.resources().add(context.consoles()::disconnect);
        context.consoles().ports().attach(ports);
        context.parts().add("serial", SerialPortsState.class, context.consoles().ports());
    }

    private void addTestDevices() {
        if (config.debugExit() != null) {
            ports.insert(
                    new DebugExit(context.events()::debugExit),
                    config.debugExit().port(),
                    DebugExit.PORTS);
            if (config.debugExit().testPorts()) {
                TestPorts.attach(
                        ports,
                        mmio,
                        interrupts::line,
                        (name, part) -> context.parts().add(name, TestMemoryState.class, part));
            }
        }
    }

    @Override
    public GuestMemory memory() {
        return memory;
    }

    @Override
    public X86Vm vm() {
        return vm;
    }

    @Override
    public List<X86Vcpu> processors() {
        return processors;
    }

    @Override
    public VcpuExitHandler exits(Vcpu processor) {
        return interrupts.exits(ports, mmio, processor.id() == 0);
    }

    @Override
    public Interrupts interrupts() {
        return interrupts;
    }

    @Override
    public PciBus pci() {
        return pci;
    }

    @Override
    public Bus mmio() {
        return mmio;
    }

    @Override
    public DeviceNode virtio(int number) {
        return PcDevices.virtio(number);
    }

    @Override
    public PowerEvents power() {
        return pm;
    }

    @Override
    public void load(List<DeviceNode> devices, KernelParameters parameters, CpuSpeed speed) {
        pci.allocate();
        pci.publishEcam(layout.ecam().start(), layout.ecam().size());
        List<String> params = new ArrayList<>(config.boot().params());
        params.addAll(parameters.late());
        LoadedGuest guest = Boot.load(
                memory, layout, hardware(devices, parameters), config.boot().withParams(params), speed);
        LOG.log(System.Logger.Level.DEBUG, guest::description);
        guest.rom().ifPresent(this::mapRom);
        boolean nested = config.cpus().nested() != NestedMode.OFF;
        long gapStart = Math.min(layout.pciMmio32().start(), layout.ecam().start());
        new VcpuSetup(hypervisor, supported, topology, nested, gapStart)
                .prepare(processors, guest.entry().orElse(null));
    }

    private Hardware hardware(List<DeviceNode> devices, KernelParameters parameters) {
        List<DeviceNode> all = new ArrayList<>(PcDevices.SERIAL);
        all.add(PcDevices.ACPI_PM);
        if (config.platform().rtc()) {
            all.add(PcDevices.RTC);
        }
        if (config.platform().i8042()) {
            all.add(PcDevices.I8042);
        }
        all.addAll(devices);
        return new Hardware(
                processors.stream().map(Vcpu::id).toList(),
                all,
                pci.intxRoutes().stream()
                        .map(r -> new Hardware.PciInterrupt(r.device(), r.pin(), r.gsi()))
                        .toList(),
                parameters.early());
    }

    private void mapRom(Rom rom) {
        Mapping mapping = Mapping.anonymous(rom.content().length);
        mapping.segment().copyFrom(MemorySegment.ofArray(rom.content()));
        boolean readOnly = hypervisor.supports(Hypervisor.Capability.READONLY_MEMORY);
        vm.addMemory(rom.address(), mapping.segment(), readOnly);
    }
}

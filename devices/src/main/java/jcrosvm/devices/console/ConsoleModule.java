package jcrosvm.devices.console;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jcrosvm.config.Arguments;
import jcrosvm.config.ConfigException;
import jcrosvm.config.Option;
import jcrosvm.config.UsageException;
import jcrosvm.serial.EndpointFiles;
import jcrosvm.serial.Endpoints;
import jcrosvm.serial.SerialConfig;
import jcrosvm.serial.SerialOptions;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.KernelParameters;
import jcrosvm.virtio.SandboxProfile;
import jcrosvm.virtio.StandaloneOptions;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;

/** The serial options whose hardware is a virtio console: a device with one port for each. */
public final class ConsoleModule implements DeviceModule<ConsoleConfig> {
    @Override
    public String name() {
        return "console";
    }

    @Override
    public Class<ConsoleConfig> configType() {
        return ConsoleConfig.class;
    }

    /** Serial ports are described by the same option, which the machine reads itself. */
    @Override
    public Option.Group options() {
        return SerialOptions.GROUP;
    }

    /** In the order of their numbers, as guests count them. */
    @Override
    public List<ConsoleConfig> read(Arguments arguments) {
        return SerialOptions.read(arguments).stream()
                .filter(serial -> serial.hardware().isVirtio())
                .sorted((a, b) -> Integer.compare(a.num(), b.num()))
                .map(ConsoleModule::device)
                .toList();
    }

    private static ConsoleConfig device(SerialConfig serial) {
        try {
            return new ConsoleConfig(serial);
        } catch (ConfigException e) {
            throw new UsageException("invalid value of option --serial: " + e.getMessage(), e);
        }
    }

    /**
     * Linux counts its consoles as it finds them, whatever numbers they have here. A port with a name is found last: it
     * takes a conversation over the control queues, for which the driver does not wait.
     */
    @Override
    public KernelParameters kernelParameters(List<ConsoleConfig> all) {
        List<ConsoleConfig> found = new ArrayList<>(all);
        found.sort(
                (a, b) -> Boolean.compare(!portName(a).isEmpty(), !portName(b).isEmpty()));
        List<String> parameters = new ArrayList<>();
        for (int i = 0; i < found.size(); i++) {
            if (found.get(i).serial().console()) {
                parameters.add("console=hvc" + i);
            }
        }
        return new KernelParameters(parameters, List.of());
    }

    private static String portName(ConsoleConfig config) {
        String name = config.serial().name();
        return name == null ? "" : name;
    }

    @Override
    public Optional<StandaloneOptions<ConsoleConfig>> standalone() {
        return Optional.of(ConsoleStandalone.OPTIONS);
    }

    @Override
    public String pciAddress(ConsoleConfig config) {
        String address = config.serial().pciAddress();
        return address == null ? "" : address;
    }

    @Override
    public SandboxProfile sandbox(ConsoleConfig config) {
        return SandboxProfile.of("read", "readv", "write", "writev", "sendmsg", "recvmsg", "ioctl");
    }

    @Override
    public HostResources open(ConsoleConfig config, int index, VmFacts vm) {
        EndpointFiles files = EndpointFiles.open(config.serial());
        return new HostResources()
                .withOptional("output", files.output())
                .withOptional("input", files.input())
                .withOptional("terminal", files.terminal());
    }

    @Override
    public VirtioDevice create(ConsoleConfig config, int index, HostResources resources, VmFacts vm) {
        SerialConfig serial = config.serial();
        String name = "console" + serial.num();
        Endpoints ends = new EndpointFiles(
                        resources.takeOptional("output"),
                        resources.takeOptional("input"),
                        resources.takeOptional("terminal"))
                .connect(name, serial);
        ConsolePort port = new ConsolePort(name, portName(config), true, ends.input(), ends.output());
        List<Integer> sizes = serial.maxQueueSizes();
        return new ConsoleDevice(List.of(port), sizes == null ? List.of() : sizes, ends.terminal());
    }
}

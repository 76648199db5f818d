package jcrosvm.vmm.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.boot.BootOptions;
import jcrosvm.config.Arguments;
import jcrosvm.config.ConfigFile;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.devices.DeviceModules;
import jcrosvm.platform.pci.PciModules;
import jcrosvm.serial.SerialOptions;
import org.jspecify.annotations.Nullable;

/** All options that describe a VM, and the way from what was given to a {@link VmConfig}. */
public final class VmOptions {
    private static final Option<String> NAME =
            Option.word("name", String.class, "NAME", "Name of the process, of which Linux keeps 15 bytes.");
    private static final Option<Path> SOCKET = Option.word(
                    "socket",
                    Path.class,
                    "PATH",
                    "Control socket to make; in a directory it is named jcrosvm-PID.sock.")
            .withLetter('s');
    private static final Option<Boolean> SUSPENDED =
            Option.flag("suspended", "Start with vCPUs and devices suspended, until 'resume --full'.");
    private static final Option<Boolean> SUSPENDED_VCPUS =
            Option.flag("suspended-vcpus", "Start with vCPUs suspended, until 'resume'.");
    private static final Option<SuspendClock> SUSPEND_CLOCK = Option.structured(
            "suspend-clock",
            SuspendClock.class,
            "run|stop",
            "What the guest's clocks do while the VM is suspended: go on (default), or stand still, so that the guest"
                    + " stays behind by that time.");
    private static final Option<RebootPolicy> REBOOT = Option.structured(
            "reboot",
            RebootPolicy.class,
            "exit|in-place",
            "What the guest's reset does: end the process (default), or start the VM again in it.");
    private static final Option<DebugExitConfig> DEBUG_EXIT = Option.structured(
            "debug-exit",
            DebugExitConfig.class,
            "port=PORT[,test-ports]",
            "For tests: a guest's write of V to this I/O port (default 0xf4) ends the process with exit code 2V+1;"
                    + " with test-ports the guest can drive its interrupt lines.");
    private static final Option<Path> CFG = Option.word(
                    "cfg",
                    Path.class,
                    "FILE",
                    "JSON file with options as keys, without dashes, and \"kernel\". The command line and later files"
                            + " win; options that can be repeated add up.")
            .repeatable();
    private static final Option<Boolean> DISABLE_SANDBOX = Option.flag(
            "disable-sandbox",
            "Devices run without sandbox, which they do anyway as yet: with this option no line at the start says so.");

    private static final Option.Group VM = new Option.Group(
            "Virtual machine",
            List.of(CFG, NAME, SOCKET, SUSPENDED, SUSPENDED_VCPUS, SUSPEND_CLOCK, REBOOT, DEBUG_EXIT, DISABLE_SANDBOX));

    /** The kernel's place on the command line. */
    public static final Syntax.Positional KERNEL =
            new Syntax.Positional("KERNEL", "kernel", false, "bzImage, ELF or Multiboot image; not with --bios.");

    private VmOptions() {}

    /** The tables, in the order of the help. */
    public static List<Option.Group> groups() {
        List<Option.Group> groups = new ArrayList<>(
                List.of(VM, CpuOptions.GROUP, MemoryOptions.GROUP, HypervisorOptions.GROUP, BootOptions.GROUP));
        DeviceModules.all().forEach(module -> groups.add(module.options()));
        groups.addAll(PciModules.options());
        groups.add(PlatformOptions.GROUP);
        return groups;
    }

    /**
     * The arguments on top of those from the configuration files they name.
     *
     * @throws VmmException when a file is missing or wrong
     */
    public static Arguments withFiles(Arguments arguments, Syntax syntax) {
        List<Path> files = arguments.values(CFG);
        Arguments all = arguments;
        // The command line wins over the last file, which wins over those before it.
        for (int i = files.size() - 1; i >= 0; i--) {
            Arguments file = ConfigFile.read(files.get(i), syntax);
            if (file.has(CFG)) {
                throw new VmmException("configuration file " + files.get(i) + " names another one with 'cfg'");
            }
            all = all.over(file);
        }
        return all;
    }

    /**
     * The VM that the arguments describe, checked.
     *
     * @throws jcrosvm.config.UsageException when a value cannot be read
     * @throws VmmException when values contradict each other or cannot be
     */
    public static VmConfig read(Arguments arguments) {
        @Nullable String kernel = arguments.positional(0);
        RebootPolicy reboot = arguments.value(REBOOT);
        SuspendClock clock = arguments.value(SUSPEND_CLOCK);
        VmConfigBuilder builder = VmConfig.builder()
                .name(arguments.value(NAME))
                .cpus(CpuOptions.read(arguments))
                .memory(MemoryOptions.read(arguments))
                .hypervisor(HypervisorOptions.read(arguments))
                .boot(BootOptions.read(arguments, kernel == null ? null : Path.of(kernel)))
                .functions(PciModules.read(arguments))
                .platform(PlatformOptions.read(arguments))
                .pci(PlatformOptions.readPci(arguments))
                .socket(arguments.value(SOCKET))
                .reboot(reboot == null ? RebootPolicy.EXIT : reboot)
                .start(start(arguments))
                .suspendClock(clock == null ? SuspendClock.RUN : clock)
                .debugExit(arguments.value(DEBUG_EXIT));
        // The device module of the virtio consoles reads the same option, and has it in its table.
        SerialOptions.read(arguments).stream()
                .filter(serial -> !serial.hardware().isVirtio())
                .forEach(builder::serial);
        DeviceModules.all().forEach(module -> module.read(arguments).forEach(builder::device));
        arguments.refuseUnsupported();
        return builder.build();
    }

    /** Whether devices without sandbox are what the user wants. */
    public static boolean isSandboxDisabled(Arguments arguments) {
        return arguments.has(DISABLE_SANDBOX);
    }

    private static StartState start(Arguments arguments) {
        boolean all = arguments.has(SUSPENDED);
        boolean vcpus = arguments.has(SUSPENDED_VCPUS);
        if (all && vcpus) {
            throw new VmmException("--suspended and --suspended-vcpus exclude each other");
        }
        return all ? StartState.SUSPENDED : vcpus ? StartState.VCPUS_SUSPENDED : StartState.RUNNING;
    }
}

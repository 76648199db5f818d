package jcrosvm.app;

import java.util.List;
import jcrosvm.app.log.Log;
import jcrosvm.base.io.Fd;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.devices.net.NetConfig;
import jcrosvm.guest.DemoGuest;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.hypervisor.HypervisorProvider.Availability.Level;
import jcrosvm.network.user.UserNetworkConfig;
import jcrosvm.vmm.HypervisorChoice;
import jcrosvm.vmm.config.VmConfig;

/**
 * {@code demo}: boots a small Linux. On a terminal it has a shell; otherwise it prints what it is and powers off. It runs
 * on whatever is best here, which on most hosts without KVM is the software processor.
 */
final class DemoCommand extends Command {
    private static final int STANDARD_INPUT = 0;
    private static final int STANDARD_OUTPUT = 1;
    private static final int GRACE_SECONDS = 10;
    private static final int MAX_PORT = 65535;

    private static final Option<Boolean> DISK = Option.flag(
            "disk",
            "Boots a Debian with a disk, systemd, a network and ssh. The disk is made once, which takes minutes; each run"
                    + " is on a copy that is thrown away.");
    private static final Option<Integer> SSH_PORT = Option.word(
            "ssh-port",
            Integer.class,
            "PORT",
            "Port of 127.0.0.1 that leads to ssh in the guest of --disk (default 2222, or any that is free).");

    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm demo",
                "Boots a small Linux: a shell on a terminal, otherwise a short script. The guest's parts are Debian"
                        + " packages, fetched once.",
                List.of(new Option.Group("Debian", List.of(DISK, SSH_PORT))),
                List.of());
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        boolean isInteractive = isTerminal(STANDARD_INPUT) && isTerminal(STANDARD_OUTPUT);
        Integer port = arguments.value(SSH_PORT);
        if (port != null && (port < 1 || port > MAX_PORT)) {
            throw new UsageException("option --ssh-port: " + port + " is no port from 1 to " + MAX_PORT);
        }
        if (Boolean.TRUE.equals(arguments.value(DISK))) {
            return DiskDemo.run(port, isInteractive, terminal(), isExtended);
        }
        if (port != null) {
            throw new UsageException("option --ssh-port needs --disk");
        }
        DemoGuest guest = new DemoGuest(Guests.ofUser(Log::info));
        GuestImage image = isInteractive ? guest.shell(terminal(), 0, 0) : guest.script();
        VmConfig config = VmConfig.builder()
                .name("demo")
                .kernel(image.kernel())
                .initrd(image.initramfs())
                .params(image.parameters())
                .device(NetConfig.user(UserNetworkConfig.defaults()))
                .build();
        HypervisorChoice choice = HypervisorChoice.of(config.hypervisor());
        if (choice.availability().level() == Level.NATIVE) {
            Log.info("hypervisor " + choice.description()); // any other is worth a line in every run
        }
        return VmSession.run(config, GRACE_SECONDS, isExtended);
    }

    // The descriptors are the process's: they are not to be closed.
    private static boolean isTerminal(int number) {
        return Fd.adopt(number).isTerminal();
    }

    private static String terminal() {
        String name = System.getenv("TERM");
        return name == null ? "" : name;
    }
}

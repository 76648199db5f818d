package jcrosvm.app;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.app.log.Log;
import jcrosvm.base.VmmException;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.devices.net.NetConfig;
import jcrosvm.disk.DiskFormat;
import jcrosvm.guest.DebianDisk;
import jcrosvm.guest.DiskCopy;
import jcrosvm.guest.DiskRecipe;
import jcrosvm.guest.DiskSession;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.GuestSsh;
import jcrosvm.guest.Guests;
import jcrosvm.hypervisor.HypervisorProvider.Availability.Level;
import jcrosvm.network.user.UserNetworkConfig;
import jcrosvm.serial.SerialConfig;
import jcrosvm.vmm.HypervisorChoice;
import jcrosvm.vmm.VirtualMachine;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.jspecify.annotations.Nullable;

/**
 * {@code demo --disk}: a Debian with a disk, a network and an ssh server. On a terminal it has a login; otherwise a
 * visitor comes by ssh, shows what it is, and switches it off.
 */
final class DiskDemo {
    private static final int USUAL_PORT = 2222;
    private static final int GRACE_SECONDS = 30;

    private DiskDemo() {}

    /**
     * Runs it to its end.
     *
     * @param port of the host that leads to the guest's ssh server; null: 2222, or any that is free
     * @return exit code
     */
    static int run(@Nullable Integer port, boolean isInteractive, String terminal, boolean isExtended) {
        int chosen = port == null ? freePort() : port;
        DebianDisk disk = new DebianDisk(Guests.ofUser(Log::info), DiskRecipe.DEMO, DiskDemo::setUp, Log::info);
        try (DiskSession session = disk.open(DiskCopy.RAW)) {
            GuestSsh ssh = new GuestSsh(session, chosen);
            GuestImage guest = isInteractive ? session.interactive(terminal, 0, 0) : session.quiet();
            VmConfigBuilder builder = machine(guest, session.disk());
            builder.device(network(chosen));
            if (!isInteractive) {
                builder.serial(console(SerialConfig.Type.FILE, session.console()));
            }
            VmConfig config = builder.build();
            HypervisorChoice choice = HypervisorChoice.of(config.hypervisor());
            if (choice.availability().level() == Level.NATIVE) {
                Log.info("hypervisor " + choice.description()); // any other is worth a line in every run
            }
            Log.info("log in with: " + ssh.command());
            if (isInteractive) {
                return VmSession.run(config, GRACE_SECONDS, isExtended);
            }
            Log.info("waiting for the guest's ssh server...");
            DemoVisitor visitor = new DemoVisitor(ssh);
            int code = VmSession.run(config, GRACE_SECONDS, isExtended, visitor::start);
            visitor.ended();
            return code;
        }
    }

    /** Runs the machine that sets a new disk up. */
    private static void setUp(GuestImage guest, Path disk, Path socket) {
        VmConfig config = machine(guest, disk)
                .serial(console(SerialConfig.Type.UNIX_STREAM, socket))
                .build();
        try (VirtualMachine vm = VirtualMachine.create(config)) {
            VmExit exit = vm.run();
            if (exit != VmExit.STOP) {
                throw new VmmException("the machine that sets up the disk ended by " + exit);
            }
        } catch (InterruptedException e) {
            throw new VmmException("the main thread was interrupted", e);
        }
    }

    private static VmConfigBuilder machine(GuestImage guest, Path disk) {
        return VmConfig.builder()
                .name("demo")
                .memoryMib(DebianDisk.MEMORY_MIB)
                .kernel(guest.kernel())
                .initrd(guest.initramfs())
                .params(guest.parameters())
                .device(BlockConfig.of(disk).with(to -> to.format = DiskFormat.RAW));
    }

    private static NetConfig network(int port) {
        return NetConfig.user(UserNetworkConfig.defaults().withHostfwd(List.of("tcp:127.0.0.1:" + port + "-:22")));
    }

    private static SerialConfig console(SerialConfig.Type type, Path path) {
        return SerialConfig.defaults().with(to -> {
            to.type = type;
            to.path = path;
        });
    }

    /** Another program may take the port before the machine does; the machine reports that. */
    private static int freePort() {
        InetAddress here = InetAddress.getLoopbackAddress();
        try (ServerSocket usual = new ServerSocket()) {
            usual.bind(new InetSocketAddress(here, USUAL_PORT));
            return USUAL_PORT;
        } catch (IOException _) {
            try (ServerSocket any = new ServerSocket(0, 1, here)) {
                return any.getLocalPort();
            } catch (IOException e) {
                throw new VmmException("no port of 127.0.0.1 is free: " + e.getMessage(), e);
            }
        }
    }
}

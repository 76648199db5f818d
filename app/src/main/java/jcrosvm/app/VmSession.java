package jcrosvm.app;

import java.util.OptionalInt;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Signals;
import jcrosvm.control.ControlServer;
import jcrosvm.vmm.VirtualMachine;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.VmConfig;
import org.jspecify.annotations.Nullable;

/** One VM in this process, with its control socket and with signals that end it. */
final class VmSession {
    private VmSession() {}

    /**
     * Runs a VM to its end.
     *
     * @return exit code
     */
    static int run(VmConfig config, int graceSeconds, boolean isExtended) {
        // The socket first: a path in use is found before anything is built.
        try (Socket socket = new Socket(config);
                VirtualMachine vm = VirtualMachine.create(config)) {
            Termination termination = new Termination(vm, graceSeconds);
            Signals.onTermination(termination);
            if (socket.server != null) {
                socket.server.serve(vm);
            }
            VmExit exit = vm.run();
            termination.ended();
            OptionalInt debugExit = vm.debugExit();
            return ExitCode.of(exit, debugExit, isExtended);
        } catch (InterruptedException e) {
            throw new VmmException("the main thread was interrupted", e);
        }
    }

    /** A control socket, or none. */
    private static final class Socket implements AutoCloseable {
        final @Nullable ControlServer server;

        Socket(VmConfig config) {
            server = config.socket() == null ? null : ControlServer.listen(config.socket());
        }

        @Override
        public void close() {
            if (server != null) {
                server.close();
            }
        }
    }
}

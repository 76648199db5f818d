package jcrosvm.app;

import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.function.Consumer;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Signals;
import jcrosvm.base.io.Threads;
import jcrosvm.control.ControlServer;
import jcrosvm.vmm.VirtualMachine;
import jcrosvm.vmm.VmControl;
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
        return run(config, graceSeconds, isExtended, _ -> {});
    }

    /**
     * Runs a VM to its end.
     *
     * @param onReady gets the VM just before it starts
     * @return exit code
     */
    static int run(VmConfig config, int graceSeconds, boolean isExtended, Consumer<VmControl> onReady) {
        // The socket first: a path in use is found before anything is built. Until there is a VM whose button could be
        // pressed, a signal ends the process.
        try (Socket socket = new Socket(config);
                VirtualMachine vm = VirtualMachine.create(config);
                ConsoleTerminal terminal = new ConsoleTerminal(vm, socket.path())) {
            Termination termination = new Termination(vm, Duration.ofSeconds(graceSeconds));
            Signals.onTermination(termination);
            vm.onFailure(new LastResort(isExtended ? ExitCode.CRASH : ExitCode.FAILURE));
            socket.serve(vm);
            onReady.accept(vm);
            VmExit exit = vm.run();
            termination.ended();
            OptionalInt debugExit = vm.debugExit();
            return ExitCode.of(exit, debugExit, isExtended);
        } catch (InterruptedException e) {
            throw new VmmException("the main thread was interrupted", e);
        }
    }

    /** A control socket, or none. It goes with the process, which a signal may end before there is a VM. */
    private static final class Socket implements AutoCloseable {
        private @Nullable ControlServer server; // guarded by this
        private boolean closed; // guarded by this

        Socket(VmConfig config) {
            if (config.socket() != null) {
                // First: others see the path before anything here knows of it.
                Threads.atExit("socket-removal", this::close);
                listen(config.socket());
            }
        }

        private synchronized void listen(Path path) {
            if (!closed) {
                server = ControlServer.listen(path);
            }
        }

        synchronized @Nullable Path path() {
            return server == null ? null : server.path();
        }

        synchronized void serve(VmControl vm) {
            if (server != null && !closed) {
                server.serve(vm);
            }
        }

        @Override
        public synchronized void close() {
            closed = true;
            if (server != null) {
                server.close();
            }
        }
    }
}

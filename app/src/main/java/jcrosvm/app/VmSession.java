package jcrosvm.app;

import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.function.Consumer;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Signals;
import jcrosvm.base.io.Terminal;
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
                RawTerminal terminal = new RawTerminal()) {
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

    /** Standard input in raw mode while the VM runs, if it is a terminal: whoever reads it, keys belong to the guest. */
    private static final class RawTerminal implements AutoCloseable {
        private final @Nullable Terminal terminal;

        RawTerminal() {
            // The descriptor is the process's: it stays open.
            Fd stdin = Fd.adopt(0);
            terminal = stdin.isTerminal() ? Terminal.raw(stdin) : null;
        }

        @Override
        public void close() {
            if (terminal != null) {
                terminal.close();
            }
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

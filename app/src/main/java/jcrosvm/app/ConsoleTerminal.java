package jcrosvm.app;

import java.nio.file.Path;
import jcrosvm.app.log.Log;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Terminal;
import jcrosvm.vmm.VirtualMachine;
import org.jspecify.annotations.Nullable;

/**
 * Standard input in raw mode while the VM runs, if it is a terminal and a console of the guest reads it: then keys belong
 * to the guest. Otherwise the terminal is left alone, so that a VM can run in the background of a shell.
 */
final class ConsoleTerminal implements AutoCloseable {
    private static final int STANDARD_INPUT = 0;
    private static final int STANDARD_ERROR = 2;

    private final @Nullable Terminal terminal;

    /** @param socket the VM's control socket, for the line that tells how to end it */
    ConsoleTerminal(VirtualMachine vm, @Nullable Path socket) {
        // The descriptors are the process's: they stay open.
        Fd stdin = Fd.adopt(STANDARD_INPUT);
        if (!vm.readsStandardInput() || !stdin.isTerminal()) {
            terminal = null;
            return;
        }
        terminal = Terminal.raw(stdin);
        // Only for a reader who has lost the keyboard to the guest: logs and scripts do without.
        if (Fd.adopt(STANDARD_ERROR).isTerminal()) {
            Log.info(wayOut(socket, ProcessHandle.current().pid()));
        }
    }

    static String wayOut(@Nullable Path socket, long pid) {
        String stop = socket == null ? "" : "'jcrosvm stop " + socket.toAbsolutePath() + "' or ";
        return "the guest has the keyboard; " + stop + "'kill " + pid + "' in another terminal ends the VM";
    }

    @Override
    public void close() {
        if (terminal != null) {
            terminal.close();
        }
    }
}

package jcrosvm.devices.console;

import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Signals;
import jcrosvm.base.io.Terminal;

/** Follows the size of a terminal. */
final class WindowSize implements AutoCloseable {
    /** Called with a size in characters. */
    @FunctionalInterface
    interface Listener {
        void resize(int columns, int rows);
    }

    private final Fd terminal;
    private final Listener listener;
    private final Signals.Subscription subscription;

    /**
     * Tells the size at once, and again whenever it changes.
     *
     * @param terminal owned from now on
     */
    WindowSize(Fd terminal, Listener listener) {
        this.terminal = terminal;
        this.listener = listener;
        subscription = Signals.onWindowChange(this::tell);
        tell();
    }

    private void tell() {
        Terminal.Size size;
        synchronized (terminal) {
            if (!terminal.isOpen()) {
                return; // a signal on its way while the device closes
            }
            size = Terminal.size(terminal);
        }
        listener.resize(size.columns(), size.rows());
    }

    @Override
    public void close() {
        subscription.close();
        synchronized (terminal) {
            terminal.close();
        }
    }
}

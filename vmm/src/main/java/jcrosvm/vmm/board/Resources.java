package jcrosvm.vmm.board;

import java.util.ArrayDeque;
import java.util.Deque;

/** Things to be closed together, the last one first. Belongs to one thread at a time. */
public final class Resources implements AutoCloseable {
    private final Deque<Runnable> closing = new ArrayDeque<>();

    /** Adds the closing of something that has just been opened. */
    public void add(Runnable close) {
        closing.push(close);
    }

    /** Closes all, also when some of them throw; twice is harmless. The last throwable is thrown on. */
    @Override
    public void close() {
        Runnable close = closing.poll();
        if (close != null) {
            try {
                close.run();
            } finally {
                close();
            }
        }
    }
}

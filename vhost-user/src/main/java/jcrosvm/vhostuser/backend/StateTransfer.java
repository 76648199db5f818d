package jcrosvm.vhostuser.backend;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.base.io.Threads;
import org.jspecify.annotations.Nullable;

/**
 * The device's state on its way through a descriptor of the front end's ("Migrating back-end state"), on a thread of its
 * own: the other end of a pipe may be slow, or never come.
 */
final class StateTransfer implements AutoCloseable {
    /** Bytes of a state at most. */
    static final int MAX_STATE = 64 << 20;

    private static final int CHUNK = 64 << 10;

    private final Fd file;
    private final byte @Nullable [] toSave;
    private final EventFd cancel = new EventFd();
    private final CountDownLatch done = new CountDownLatch(1);
    private final ByteArrayOutputStream loaded = new ByteArrayOutputStream(); // the thread's until it is done
    private final Thread thread;
    private volatile boolean isCancelled;
    private volatile @Nullable String problem;

    private StateTransfer(Fd file, byte @Nullable [] toSave) {
        this.file = file;
        this.toSave = toSave;
        thread = ThreadScope.current().start("vhost-user state", this::run);
    }

    /** Begins to write a state; the descriptor is closed at the end. */
    static StateTransfer save(byte[] state, Fd to) {
        return new StateTransfer(to, state);
    }

    /** Begins to read a state up to the end of the stream; the descriptor is closed then. */
    static StateTransfer load(Fd from) {
        return new StateTransfer(from, null);
    }

    private void run() {
        try (Poller poller = new Poller();
                Arena arena = Arena.ofConfined()) {
            poller.add(cancel.fd(), Poller.READABLE, events -> isCancelled = true);
            watch(poller);
            MemorySegment chunk = arena.allocate(CHUNK);
            if (toSave == null) {
                load(poller, chunk);
            } else {
                save(poller, chunk, toSave);
            }
        } catch (VmmException e) {
            problem = String.valueOf(e.getMessage());
        } finally {
            file.close();
            done.countDown();
        }
    }

    private void watch(Poller poller) {
        try {
            poller.add(file, toSave == null ? Poller.READABLE : Poller.WRITABLE, events -> {});
        } catch (OsException e) {
            if (e.errno() != Errno.EPERM) { // of a regular file, which makes no thread wait
                throw e;
            }
        }
    }

    private void load(Poller poller, MemorySegment chunk) {
        while (true) {
            long n = transfer(poller, () -> file.read(chunk));
            if (n == 0) {
                return;
            }
            if (loaded.size() + n > MAX_STATE) {
                throw new VmmException("the state has more than " + MAX_STATE + " bytes");
            }
            loaded.writeBytes(chunk.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE));
        }
    }

    private void save(Poller poller, MemorySegment chunk, byte[] state) {
        for (int at = 0; at < state.length; ) {
            int length = Math.min(CHUNK, state.length - at);
            MemorySegment.copy(state, at, chunk, ValueLayout.JAVA_BYTE, 0, length);
            at += (int) transfer(poller, () -> file.write(chunk.asSlice(0, length)));
        }
    }

    /** A system call. */
    private interface Call {
        long perform();
    }

    private long transfer(Poller poller, Call call) {
        while (!isCancelled) {
            try {
                return call.perform();
            } catch (OsException e) {
                if (e.errno() != Errno.EAGAIN) {
                    throw e;
                }
                poller.poll(-1);
            }
        }
        throw new VmmException("the front end has not ended the transfer of the state");
    }

    /**
     * Waits for the end, which the front end says has come.
     *
     * @return the state that was read; empty after a save
     * @throws VmmException when the transfer has failed, or does not end in time
     */
    byte[] end(int timeoutMillis) {
        try {
            if (!done.await(timeoutMillis, TimeUnit.MILLISECONDS)) {
                close();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            close();
        }
        String failure = problem;
        if (failure != null) {
            throw new VmmException(failure);
        }
        return loaded.toByteArray();
    }

    /** Gives a transfer up that has not ended. */
    @Override
    public void close() {
        isCancelled = true;
        if (thread.isAlive()) {
            cancel.signal();
            Threads.join(thread);
        }
        cancel.close();
    }
}

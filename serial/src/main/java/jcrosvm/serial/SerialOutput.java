package jcrosvm.serial;

import jcrosvm.base.io.Fd;
import jcrosvm.base.io.ThreadScope;

/**
 * Where the bytes of a serial port or console go. A device only puts them into memory; a thread of this output's own writes them, as soon
 * as there are any. Thread-safe, allocates nothing.
 *
 * <p>A receiver that does not keep up makes the output {@link #congested}, which a UART shows as a transmitter that
 * is busy: a driver waits, and nothing is lost. Those that write all the same have as much room again; beyond that
 * they are slowed down, and what does not fit then is dropped.
 */
public final class SerialOutput implements AutoCloseable {
    /** Bytes from which it is congested. */
    public static final int CONGESTED = 1 << 16;

    private static final int CAPACITY = 1 << 20;
    private static final int FIRST_CAPACITY = 1 << 12;
    private static final long FULL_WAIT_MILLIS = 100;
    private static final long CLOSE_WAIT_MILLIS = 1000;

    private final ThreadScope scope = ThreadScope.current();
    private final String name;
    private final OutputWriter writer;
    private final byte[] chunk = new byte[OutputWriter.CHUNK];
    // All guarded by this.
    private byte[] ring = new byte[FIRST_CAPACITY];
    private int head;
    private int count;
    private boolean writing;
    private boolean idle;
    private boolean closed;
    private boolean waitForRoom;
    private Thread thread = Thread.currentThread(); // replaced by the first byte
    private boolean started;
    private Runnable onRoom = () -> {};

    /**
     * @param name of its thread
     * @param target what a message calls the other end, such as a file's name
     * @param fd owned from now on
     */
    SerialOutput(String name, String target, Fd fd, OutputWriter.Format format) {
        this.name = name;
        writer = new OutputWriter(name + " to " + target, fd, format);
    }

    /** Told, on another thread and without locks, when the output stops being congested. */
    public synchronized void onRoom(Runnable action) {
        onRoom = action;
    }

    /** Whether the receiver does not keep up: better wait for {@link #onRoom}. */
    public synchronized boolean congested() {
        return count >= CONGESTED;
    }

    /** Takes a byte. */
    public synchronized void put(int value) {
        if (closed || (count == ring.length && !grow() && !makeRoom())) {
            return;
        }
        ring[(head + count++) & (ring.length - 1)] = (byte) value;
        wakeUp();
    }

    /** Takes several bytes without ever waiting: those that do not fit into the room beyond congestion are dropped. */
    public synchronized void put(byte[] bytes, int offset, int length) {
        for (int i = 0; i < length && !closed && (count < ring.length || grow()); i++) {
            ring[(head + count++) & (ring.length - 1)] = bytes[offset + i];
        }
        if (count > 0 && !closed) {
            wakeUp();
        }
    }

    private void wakeUp() {
        waitForRoom |= count >= CONGESTED;
        if (!started) {
            started = true;
            thread = scope.start(name + "-out", this::loop);
        } else if (idle) {
            idle = false;
            notifyAll();
        }
    }

    private boolean grow() {
        if (ring.length == CAPACITY) {
            return false;
        }
        byte[] larger = new byte[ring.length * 2];
        for (int i = 0; i < count; i++) {
            larger[i] = ring[(head + i) & (ring.length - 1)];
        }
        ring = larger;
        head = 0;
        return true;
    }

    private boolean makeRoom() {
        try {
            long deadline = System.nanoTime() + FULL_WAIT_MILLIS * 1_000_000;
            for (long left; count == ring.length && !closed && (left = deadline - System.nanoTime()) > 0; ) {
                wait(left / 1_000_000 + 1);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return count < ring.length && !closed;
    }

    private void loop() {
        while (true) {
            int length = take();
            if (length == 0) {
                return;
            }
            writer.write(chunk, length);
            Runnable told = null;
            synchronized (this) {
                writing = false;
                if (waitForRoom && count < CONGESTED / 2) {
                    waitForRoom = false;
                    told = onRoom;
                }
                notifyAll();
            }
            if (told != null) {
                told.run();
            }
        }
    }

    /** Waits for bytes and moves some into the chunk; 0 when there will be no more. */
    private synchronized int take() {
        while (count == 0) {
            if (closed) {
                return 0;
            }
            idle = true;
            try {
                wait();
            } catch (InterruptedException e) {
                return 0; // only the end of the output interrupts this thread
            }
        }
        idle = false;
        int length = Math.min(count, chunk.length);
        for (int i = 0; i < length; i++) {
            chunk[i] = ring[(head + i) & (ring.length - 1)];
        }
        head = (head + length) & (ring.length - 1);
        count -= length;
        writing = true;
        return length;
    }

    /** Waits until everything is written, or so many milliseconds. */
    public synchronized void flush(long millis) {
        boolean interrupted = false;
        long deadline = System.nanoTime() + millis * 1_000_000;
        for (long left; (count > 0 || writing) && (left = deadline - System.nanoTime()) > 0; ) {
            try {
                wait(left / 1_000_000 + 1);
            } catch (InterruptedException e) {
                interrupted = true;
                break;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Writes what is left, but does not wait long for a receiver that hangs. */
    @Override
    public void close() {
        flush(CLOSE_WAIT_MILLIS);
        Thread last;
        synchronized (this) {
            closed = true;
            notifyAll();
            last = started ? thread : null;
        }
        writer.cancel();
        if (last == null) {
            writer.close();
            return;
        }
        try {
            last.join(CLOSE_WAIT_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!last.isAlive()) {
            writer.close();
        }
    }
}

package jcrosvm.devices.console;

import java.util.concurrent.TimeUnit;
import jcrosvm.base.io.Fd;
import jcrosvm.serial.SerialInput;
import jcrosvm.serial.SerialOutput;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.MessageSource;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.RequestHandler;
import jcrosvm.virtio.Virtqueue;
import jcrosvm.virtio.Writer;
import org.jspecify.annotations.Nullable;

/**
 * One port: moves bytes between two queues and the host's streams, which have threads of their own, so that a terminal
 * that hangs never holds up the worker. The worker's thread only, but for what says otherwise.
 */
final class ConsolePort implements MessageSource, AutoCloseable {
    /** What is moved at once. */
    private static final int CHUNK = 4096;

    private final String name;
    private final boolean isConsole;
    private final @Nullable SerialInput input;
    private final @Nullable SerialOutput output;
    private final RequestHandler transmission = this::transmit;
    private final byte[] chunk = new byte[CHUNK];
    private volatile @Nullable QueueWorker worker;
    private @Nullable Virtqueue receive;
    private @Nullable Virtqueue transmit;
    private @Nullable DescriptorChain sending; // taken, and not all of it written
    private boolean isOpen;
    private boolean isWaiting; // for the output to take more

    private final Object lock = new Object();
    // Input that the guest has not taken. Guarded by the lock.
    private final byte[] pending = new byte[CHUNK];
    private int head;
    private int count;

    /**
     * @param thread what the thread of its input is called
     * @param name that the guest sees, or empty
     * @param isConsole whether the guest's kernel makes a terminal of it
     * @param input owned from now on, or null
     * @param output owned from now on, or null to throw bytes away
     */
    ConsolePort(String thread, String name, boolean isConsole, @Nullable Fd input, @Nullable SerialOutput output) {
        this.name = name;
        this.isConsole = isConsole;
        this.input = input == null ? null : new SerialInput(thread, input, this::accept);
        this.output = output;
        if (output != null) {
            output.onRoom(() -> execute(this::roomMade));
        }
    }

    String name() {
        return name;
    }

    boolean isConsole() {
        return isConsole;
    }

    /** The guest has opened or closed it: input waits in the host while the guest does not read. */
    void open(boolean open) {
        isOpen = open;
        inputPending();
    }

    /** From any thread. */
    QueueHandler receiver(QueueWorker on) {
        worker = on;
        if (input != null) {
            input.start();
        }
        return new QueueHandler() {
            @Override
            public void process(Virtqueue queue) {
                receive = queue;
                queue.deliver(ConsolePort.this);
            }

            @Override
            public void drain(Virtqueue queue) {
                receive = null;
            }
        };
    }

    /** From any thread. */
    QueueHandler transmitter(QueueWorker on) {
        worker = on;
        return new QueueHandler() {
            @Override
            public void process(Virtqueue queue) {
                transmit = queue;
                transmit(queue);
            }

            @Override
            public void drain(Virtqueue queue) {
                DescriptorChain rest = sending;
                if (rest != null) {
                    sending = null;
                    int length = (int) Math.min(CHUNK, rest.readable().remaining()); // Linux sends a page at most
                    send(rest, length);
                    queue.complete(rest, 0);
                }
                isWaiting = false;
                transmit = null;
            }
        };
    }

    private void execute(Runnable task) {
        QueueWorker runner = worker;
        if (runner != null) {
            runner.execute(task);
        }
    }

    // On the input's thread.
    private int accept(byte[] bytes, int offset, int length, long waitMillis) throws InterruptedException {
        int n;
        synchronized (lock) {
            long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(waitMillis);
            while (count == pending.length) {
                long left = deadline - System.nanoTime();
                if (left <= 0) {
                    return 0;
                }
                TimeUnit.NANOSECONDS.timedWait(lock, left);
            }
            n = Math.min(length, pending.length - count);
            for (int i = 0; i < n; i++) {
                pending[(head + count + i) % pending.length] = bytes[offset + i];
            }
            count += n;
        }
        if (n > 0) {
            execute(this::inputPending);
        }
        return n;
    }

    private void inputPending() {
        Virtqueue queue = receive;
        QueueWorker runner = worker;
        if (queue != null && runner != null) {
            runner.process(queue.index());
        }
    }

    /** Whether there is input that the guest may have. */
    @Override
    public boolean hasMessage() {
        synchronized (lock) {
            return isOpen && count > 0;
        }
    }

    /** What does not fit waits for the guest's next buffer. */
    @Override
    public int take(Writer buffer) {
        int length;
        synchronized (lock) {
            length = (int) Math.min(count, buffer.remaining());
            for (int i = 0; i < length; i++) {
                chunk[i] = pending[(head + i) % pending.length];
            }
        }
        buffer.put(chunk, 0, length);
        drop(length);
        return length;
    }

    private void drop(int length) {
        synchronized (lock) {
            head = (head + length) % pending.length;
            count -= length;
            lock.notifyAll();
        }
    }

    private void transmit(Virtqueue queue) {
        DescriptorChain rest = sending;
        if (isWaiting || rest != null && !send(rest)) {
            return;
        }
        if (rest != null) {
            sending = null;
            queue.complete(rest, 0);
        }
        queue.forEach(transmission);
    }

    private long transmit(DescriptorChain chain) {
        if (isWaiting) {
            return RequestHandler.LATER;
        }
        if (send(chain)) {
            return 0;
        }
        sending = chain;
        return RequestHandler.KEPT;
    }

    /** Whether all of it is written or thrown away; otherwise the output is waited for. */
    private boolean send(DescriptorChain chain) {
        SerialOutput to = output;
        while (to != null && chain.readable().remaining() > 0) {
            if (to.congested()) {
                isWaiting = true; // its word that there is room comes as a task, and so after this
                return false;
            }
            send(chain, (int) Math.min(CHUNK, chain.readable().remaining()));
        }
        return true;
    }

    private void send(DescriptorChain chain, int length) {
        if (output != null) {
            chain.readable().get(chunk, 0, length);
            output.put(chunk, 0, length);
        }
    }

    private void roomMade() {
        isWaiting = false;
        Virtqueue queue = transmit;
        QueueWorker runner = worker;
        if (queue != null && runner != null) {
            runner.process(queue.index());
        }
    }

    /** Its queues are stopped. What is not written yet gets a moment to be. */
    @Override
    public void close() {
        if (input != null) {
            input.close();
        }
        if (output != null) {
            output.close();
        }
    }
}

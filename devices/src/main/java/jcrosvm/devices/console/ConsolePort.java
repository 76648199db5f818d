package jcrosvm.devices.console;

import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/** One port: moves bytes between two descriptors and two queues. The worker's thread only. */
final class ConsolePort implements AutoCloseable {
    /** What is moved at once: a pipe that is writable takes so much without waiting. */
    private static final int CHUNK = 4096;

    private static final System.Logger LOG = System.getLogger("console");

    private final String name;
    private final boolean isConsole;
    private final @Nullable Fd input;
    private final @Nullable Fd output;
    private final IoVec pieces = new IoVec(1024);
    private @Nullable QueueWorker worker;
    private @Nullable Virtqueue receive;
    private @Nullable Virtqueue transmit;
    private @Nullable DescriptorChain sending; // taken, and not all of it written
    private boolean isOpen;
    private boolean isReading;
    private boolean isWaiting; // for the output to take more
    private boolean inputEnded;
    private boolean outputGone;

    /**
     * @param name that the guest sees, or empty
     * @param isConsole whether the guest's kernel makes a terminal of it
     * @param input owned from now on, or null
     * @param output owned from now on, or null to throw bytes away
     */
    ConsolePort(String name, boolean isConsole, @Nullable Fd input, @Nullable Fd output) {
        this.name = name;
        this.isConsole = isConsole;
        this.input = input;
        this.output = output;
    }

    String name() {
        return name;
    }

    boolean isConsole() {
        return isConsole;
    }

    /** The guest has opened or closed it: input waits in the host while nobody reads. */
    void open(boolean open) {
        isOpen = open;
        if (receive != null) {
            receive(receive);
        }
    }

    QueueHandler receiver(QueueWorker on) {
        worker = on;
        return new QueueHandler() {
            @Override
            public void process(Virtqueue queue) {
                receive = queue;
                receive(queue);
            }

            @Override
            public void drain(Virtqueue queue) {
                receive = null;
                watchInput(false);
            }
        };
    }

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
                watchOutput(false);
                DescriptorChain rest = sending;
                if (rest != null) {
                    sending = null; // what the receiver would not take in time is lost
                    queue.complete(rest, 0);
                }
                transmit = null;
            }
        };
    }

    /** Reads when there is a buffer to read into; otherwise the input waits for the next kick. */
    private void receive(Virtqueue queue) {
        boolean hasRoom = queue.enableNotifications();
        watchInput(hasRoom && isOpen && !inputEnded);
    }

    private void inputReady() {
        Virtqueue queue = receive;
        Fd from = input;
        if (queue == null || from == null) {
            watchInput(false);
            return;
        }
        DescriptorChain chain = queue.pop();
        if (chain == null) {
            receive(queue);
            return;
        }
        pieces.clear();
        chain.writable().collect(pieces, Math.min(CHUNK, chain.writable().remaining()));
        long n = pieces.length() == 0 ? 0 : from.tryReadv(pieces);
        if (n > 0 || pieces.length() == 0) {
            queue.complete(chain, (int) n);
            queue.flush();
        } else {
            queue.unpop(chain);
            inputEnded = n != -Errno.EAGAIN; // a closed terminal or pipe fails in its own way
        }
        receive(queue);
    }

    private void transmit(Virtqueue queue) {
        do {
            queue.disableNotifications();
            while (!isWaiting) {
                DescriptorChain chain = sending != null ? sending : queue.pop();
                if (chain == null) {
                    break;
                }
                sending = chain;
                if (send(chain)) {
                    sending = null;
                    queue.complete(chain, 0);
                }
            }
            queue.flush();
        } while (!isWaiting && queue.enableNotifications());
    }

    /** Whether all of it is written or thrown away; otherwise the output is waited for. */
    private boolean send(DescriptorChain chain) {
        Fd to = output;
        while (to != null && !outputGone && chain.readable().remaining() > 0) {
            if (Poller.await(to, Poller.WRITABLE, 0) == 0) {
                watchOutput(true);
                return false;
            }
            pieces.clear();
            int length = (int) Math.min(CHUNK, chain.readable().remaining());
            chain.readable().peek(pieces, length);
            long n = to.tryWritev(pieces);
            if (n >= 0) {
                chain.readable().skip(n);
            } else if (n == -Errno.EAGAIN) {
                watchOutput(true);
                return false;
            } else {
                outputGone = n == -Errno.EPIPE || n == -Errno.ECONNRESET || n == -Errno.ECONNREFUSED;
                LOG.log(System.Logger.Level.WARNING, "{0}: output is dropped: {1}", name, Errno.name((int) -n));
                return true;
            }
        }
        return true;
    }

    private void outputReady() {
        watchOutput(false);
        Virtqueue queue = transmit;
        if (queue != null && worker != null) {
            worker.process(queue.index());
        }
    }

    private void watchInput(boolean on) {
        if (input == null || worker == null || on == isReading) {
            return;
        }
        isReading = on;
        if (!on) {
            worker.poller().remove(input);
            return;
        }
        try {
            worker.poller().add(input, Poller.READABLE, events -> inputReady());
        } catch (OsException e) {
            isReading = false;
            inputEnded = true;
            LOG.log(System.Logger.Level.WARNING, "{0}: cannot wait for input: {1}", name, e.getMessage());
        }
    }

    private void watchOutput(boolean on) {
        if (output == null || worker == null || on == isWaiting) {
            return;
        }
        isWaiting = on;
        if (on) {
            worker.poller().add(output, Poller.WRITABLE, events -> outputReady());
        } else {
            worker.poller().remove(output);
        }
    }

    /** Its queues are stopped. */
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

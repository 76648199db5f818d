package jcrosvm.devices.console;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.List;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.MessageSource;
import jcrosvm.virtio.Reader;
import jcrosvm.virtio.RequestHandler;
import jcrosvm.virtio.Virtqueue;
import jcrosvm.virtio.Writer;
import org.jspecify.annotations.Nullable;

/** The control queues of a device with several ports (virtio 1.3, 5.3.6.2). The worker's thread only. */
final class ConsoleControl implements MessageSource {
    static final int DEVICE_READY = 0;
    static final int PORT_ADD = 1;
    static final int PORT_READY = 3;
    static final int CONSOLE_PORT = 4;
    static final int RESIZE = 5;
    static final int PORT_OPEN = 6;
    static final int PORT_NAME = 7;

    private static final int HEADER = 8;
    private static final int MESSAGES_PER_PORT = 8;

    private final List<ConsolePort> ports;
    private final RequestHandler messages = this::perform;
    private final ArrayDeque<byte[]> outgoing = new ArrayDeque<>();
    private @Nullable Virtqueue receive;
    private byte[] size = new byte[0]; // of the first port's terminal, once it is known

    ConsoleControl(List<ConsolePort> ports) {
        this.ports = ports;
    }

    /** The driver gave buffers for messages. */
    void receive(Virtqueue queue) {
        receive = queue;
        deliver();
    }

    private void deliver() {
        if (receive != null) {
            receive.deliver(this);
        }
    }

    @Override
    public boolean hasMessage() {
        return !outgoing.isEmpty();
    }

    @Override
    public int take(Writer buffer) {
        byte[] message = outgoing.remove();
        int length = (int) Math.min(message.length, buffer.remaining());
        buffer.put(message, 0, length);
        return length;
    }

    /** The driver sends messages. */
    void transmit(Virtqueue queue) {
        queue.forEach(messages);
        deliver();
    }

    private long perform(DescriptorChain message) {
        Reader from = message.readable();
        if (from.remaining() >= HEADER) {
            int port = from.getInt();
            int event = from.getShort();
            perform(port, event, from.getShort());
        }
        return 0;
    }

    private void perform(int id, int event, int value) {
        if (event == DEVICE_READY && value == 1) {
            for (int i = 0; i < ports.size(); i++) {
                send(i, PORT_ADD, 1, new byte[0]);
            }
            return;
        }
        if (id < 0 || id >= ports.size()) {
            return;
        }
        ConsolePort port = ports.get(id);
        if (event == PORT_READY && value == 1) {
            if (port.isConsole()) {
                send(id, CONSOLE_PORT, 1, new byte[0]);
                if (id == 0 && size.length > 0) {
                    send(id, RESIZE, 0, size);
                }
            }
            if (!port.name().isEmpty()) {
                send(id, PORT_NAME, 1, port.name().getBytes(StandardCharsets.UTF_8));
            }
            send(id, PORT_OPEN, 1, new byte[0]);
        } else if (event == PORT_OPEN) {
            port.open(value == 1);
        }
    }

    /** Tells the driver the size of the terminal behind the first port. */
    void resize(int columns, int rows) {
        sized(columns, rows);
        send(0, RESIZE, 0, size);
        deliver();
    }

    /** The size that a driver is told when it finds the port. */
    void sized(int columns, int rows) {
        size = ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putShort((short) columns)
                .putShort((short) rows)
                .array();
    }

    private void send(int port, int event, int value, byte[] rest) {
        // A driver that asks again and again, and takes no answer, gets only so many.
        if (outgoing.size() < MESSAGES_PER_PORT * ports.size()) {
            outgoing.add(ByteBuffer.allocate(HEADER + rest.length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(port)
                    .putShort((short) event)
                    .putShort((short) value)
                    .put(rest)
                    .array());
        }
    }

    void reset() {
        receive = null;
        outgoing.clear();
    }
}

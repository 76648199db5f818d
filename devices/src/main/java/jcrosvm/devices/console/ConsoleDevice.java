package jcrosvm.devices.console;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import jcrosvm.base.io.Fd;
import jcrosvm.virtio.ConfigBytes;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/** A console with one port, or with several, or with one that has a name: one thread for all. */
final class ConsoleDevice implements VirtioDevice {
    static final long VIRTIO_CONSOLE_F_SIZE = 1;
    static final long VIRTIO_CONSOLE_F_MULTIPORT = 1 << 1;

    private static final String UNSAVABLE = "its ports are open streams";
    private static final int TYPE = 3;
    private static final int CONFIG_LENGTH = 12;
    private static final int COLUMNS = 0;
    private static final int ROWS = 2;
    private static final int PORTS = 4;
    private static final int QUEUE_SIZE = 256;
    private static final int CONTROL_RECEIVE = 2;
    private static final int CONTROL_TRANSMIT = 3;

    private final DeviceTraits traits;
    private final List<ConsolePort> ports;
    private final ConsoleControl control;
    private final QueueWorker worker = new QueueWorker("console");
    private DeviceHost host = DeviceHost.NONE; // guarded by this, as are the rest
    private long features;
    private final @Nullable WindowSize window;
    private int columns;
    private int rows;

    /** @param ports one, or several for a device with control queues; owned from now on */
    ConsoleDevice(List<ConsolePort> ports) {
        this(ports, List.of(), null);
    }

    /**
     * @param ports more than one, or one with a name, make a device with control queues; owned from now on
     * @param maxQueueSizes of the first queues; the others have the usual size
     * @param terminal behind the first port, whose size the guest learns; owned from now on, or null
     */
    ConsoleDevice(List<ConsolePort> ports, List<Integer> maxQueueSizes, @Nullable Fd terminal) {
        this.ports = List.copyOf(ports);
        control = new ConsoleControl(this.ports);
        boolean several = ports.size() > 1 || !ports.getFirst().name().isEmpty();
        List<Integer> sizes = new ArrayList<>(Collections.nCopies(several ? 2 * ports.size() + 2 : 2, QUEUE_SIZE));
        for (int i = 0; i < maxQueueSizes.size(); i++) {
            sizes.set(i, maxQueueSizes.get(i));
        }
        traits = new DeviceTraits(
                        TYPE, VIRTIO_CONSOLE_F_SIZE | (several ? VIRTIO_CONSOLE_F_MULTIPORT : 0), sizes, CONFIG_LENGTH)
                .unsavable(UNSAVABLE);
        window = terminal == null ? null : new WindowSize(terminal, this::resize);
    }

    @Override
    public DeviceTraits traits() {
        return traits;
    }

    @Override
    public synchronized void attach(DeviceHost newHost) {
        host = newHost;
    }

    @Override
    public synchronized void negotiated(long accepted) {
        features = accepted;
    }

    @Override
    public synchronized void readConfig(int offset, byte[] into) {
        new ConfigBytes(CONFIG_LENGTH)
                .putShort(COLUMNS, columns)
                .putShort(ROWS, rows)
                .putInt(PORTS, ports.size())
                .read(offset, into);
    }

    /** The terminal behind the first port has another size now. From any thread. */
    synchronized void resize(int newColumns, int newRows) {
        columns = newColumns;
        rows = newRows;
        if (worker.isStarted() && (features & VIRTIO_CONSOLE_F_MULTIPORT) != 0) {
            worker.execute(() -> control.resize(newColumns, newRows));
        } else if ((features & VIRTIO_CONSOLE_F_SIZE) != 0) {
            host.configChanged();
        }
    }

    @Override
    public synchronized void startQueue(int index, QueueResources resources) {
        boolean several = (features & VIRTIO_CONSOLE_F_MULTIPORT) != 0;
        if (several && index == CONTROL_TRANSMIT && columns > 0) {
            int c = columns;
            int r = rows;
            worker.execute(() -> control.sized(c, r));
        }
        if (!several && index == 0) {
            worker.execute(() -> ports.getFirst().open(true)); // no message says when the driver opens it
        }
        worker.start(resources, handler(index, several));
    }

    private QueueHandler handler(int index, boolean several) {
        if (several && index == CONTROL_RECEIVE) {
            return control::receive;
        }
        if (several && index == CONTROL_TRANSMIT) {
            return control::transmit;
        }
        ConsolePort port = ports.get(index < 2 ? 0 : index / 2 - 1);
        return index % 2 == 0 ? port.receiver(worker) : port.transmitter(worker);
    }

    @Override
    public synchronized @Nullable QueueState stopQueue(int index) {
        return worker.stop(index);
    }

    @Override
    public synchronized void reset() {
        features = 0;
        if (worker.isStarted()) {
            worker.execute(() -> {
                control.reset();
                ports.forEach(port -> port.open(false));
            });
        }
    }

    @Override
    public byte[] saveState() {
        throw new UnsupportedOperationException(UNSAVABLE);
    }

    @Override
    public void restoreState(byte[] state) {
        throw new UnsupportedOperationException(UNSAVABLE);
    }

    @Override
    public synchronized void close() {
        worker.close();
        if (window != null) {
            window.close();
        }
        ports.forEach(ConsolePort::close);
    }
}

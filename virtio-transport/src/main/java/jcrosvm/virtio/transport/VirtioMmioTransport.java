package jcrosvm.virtio.transport;

import static jcrosvm.virtio.transport.MmioSpec.*;

import java.util.Optional;
import jcrosvm.base.VmmException;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.IrqLine;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.DeviceTraits.SharedMemoryRegion;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;

/**
 * A virtio device as memory-mapped registers (virtio 1.3, 4.2), for machines without PCI. Queues are kicked through
 * events on the notification register, told apart by what is written.
 *
 * <p>Nothing announces such a device: the kernel is told of it by {@link #kernelParameter}, or by ACPI as LNRO0005.
 */
public final class VirtioMmioTransport implements BusDevice, VirtioTransport {
    /** Bytes of the range that it takes on the bus. */
    public static final int SIZE = 0x1000;

    /** For a machine that has no guest addresses for shared memory: the driver finds no region. */
    public static final long NO_SHARED_MEMORY = -1;

    private static final int REGISTER = 4;

    private final String name;
    private final DeviceTraits traits;
    private final long sharedMemory;
    private final MmioInterrupt interrupt;
    private final DeviceSession session;
    private final Kicks kicks;
    private int deviceFeaturesSel; // these four guarded by this
    private int driverFeaturesSel;
    private int queueSel;
    private int shmSel;

    /**
     * @param name for messages: {@code block0}
     * @param address where it is put on the memory bus, {@link #SIZE} bytes
     * @param line up as long as there is something to acknowledge
     * @param sharedMemory guest address at which the device's shared memory regions begin, one behind the other as the
     *     traits list them; or {@link #NO_SHARED_MEMORY}
     */
    public VirtioMmioTransport(
            String name, VirtioDevice device, TransportHost host, long address, IrqLine line, long sharedMemory) {
        this.name = name;
        this.sharedMemory = sharedMemory;
        traits = device.traits();
        interrupt = new MmioInterrupt(host, line, traits.queueSizes().size());
        session = new DeviceSession(device, host.features(), host.memory(), interrupt);
        kicks = new Kicks(host, session, 0, REGISTER);
        kicks.moveTo(address + QUEUE_NOTIFY);
    }

    /** What tells Linux of a device. */
    public static String kernelParameter(long address, int irq) {
        return "virtio_mmio.device=%d@0x%x:%d".formatted(SIZE, address, irq);
    }

    @Override
    public DeviceSession session() {
        return session;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long read(long offset, int size) {
        if (offset >= CONFIG) {
            return session.readConfig(offset - CONFIG, size);
        }
        if (offset == INTERRUPT_STATUS && size == REGISTER) {
            return interrupt.status(); // without the lock, which another vCPU may hold for as long as a reset takes
        }
        return size == REGISTER && offset >= 0 ? readRegister((int) offset) & 0xffffffffL : 0;
    }

    private synchronized int readRegister(int register) {
        return switch (register) {
            case MAGIC_VALUE -> MAGIC;
            case VERSION -> VERSION_MODERN;
            case DEVICE_ID -> traits.type();
            case VENDOR_ID -> VENDOR;
            case DEVICE_FEATURES -> session.deviceFeatures(deviceFeaturesSel);
            case QUEUE_SIZE_MAX -> session.maxQueueSize(queueSel);
            case QUEUE_READY -> session.isEnabled(queueSel) ? 1 : 0;
            case STATUS -> session.status();
            case SHM_LEN -> (int) sharedLength();
            case SHM_LEN + HIGH -> (int) (sharedLength() >>> 32);
            case SHM_BASE -> (int) sharedBase();
            case SHM_BASE + HIGH -> (int) (sharedBase() >>> 32);
            case CONFIG_GENERATION -> session.configGeneration();
            default -> 0; // QUEUE_RESET too: a reset is done when the write of it is
        };
    }

    @Override
    public void write(long offset, int size, long value) {
        if (offset >= CONFIG) {
            session.writeConfig(offset - CONFIG, size, value);
        } else if (offset == INTERRUPT_ACK && size == REGISTER) {
            interrupt.acknowledge((int) value);
        } else if (size == REGISTER && offset >= 0) {
            writeRegister((int) offset, (int) value);
        }
    }

    private synchronized void writeRegister(int register, int value) {
        switch (register) {
            case DEVICE_FEATURES_SEL -> deviceFeaturesSel = value;
            case DRIVER_FEATURES -> session.driverFeatures(driverFeaturesSel, value);
            case DRIVER_FEATURES_SEL -> driverFeaturesSel = value;
            case QUEUE_SEL -> queueSel = value;
            case QUEUE_SIZE -> session.queueSize(queueSel, value);
            case QUEUE_READY -> ready(value);
            case QUEUE_NOTIFY -> kicks.signal(value);
            case STATUS -> status(value);
            case QUEUE_DESC, QUEUE_DESC + HIGH, QUEUE_DRIVER, QUEUE_DRIVER + HIGH, QUEUE_DEVICE, QUEUE_DEVICE + HIGH ->
                session.address(queueSel, area(register), (register & HIGH) != 0, value);
            case SHM_SEL -> shmSel = value;
            case QUEUE_RESET -> {
                if (value == 1 && (session.driverFeatures() & VirtioFeatures.VIRTIO_F_RING_RESET) != 0) {
                    session.reset(queueSel);
                }
            }
            default -> {}
        }
    }

    private static QueueArea area(int register) {
        return switch (register & ~HIGH) {
            case QUEUE_DESC -> QueueArea.DESCRIPTORS;
            case QUEUE_DRIVER -> QueueArea.DRIVER;
            default -> QueueArea.DEVICE;
        };
    }

    private void ready(int value) {
        if (value == 1) {
            session.enable(queueSel);
        } else if (value == 0) {
            session.disable(queueSel);
        }
    }

    private void status(int value) {
        session.status(value & 0xff);
        if ((value & 0xff) == 0) {
            interrupt.acknowledge(-1);
            select(SelectorsState.NONE);
        }
    }

    /** Of the selected region; all ones when there is none (virtio 1.3, 4.2.2). */
    private long sharedLength() {
        return shared().map(SharedMemoryRegion::length).orElse(-1L);
    }

    private long sharedBase() {
        return shared().map(region -> sharedMemory + lengthBefore(region)).orElse(-1L);
    }

    private Optional<SharedMemoryRegion> shared() {
        return traits.sharedMemory().stream()
                .filter(region -> region.id() == shmSel && sharedMemory != NO_SHARED_MEMORY)
                .findFirst();
    }

    private long lengthBefore(SharedMemoryRegion region) {
        return traits.sharedMemory().stream()
                .takeWhile(other -> other.id() != region.id())
                .mapToLong(SharedMemoryRegion::length)
                .sum();
    }

    /** Stops the queues; the driver's registers stay. */
    @Override
    public void suspend() {
        session.suspend();
    }

    @Override
    public void resume() {
        session.resume();
    }

    @Override
    public synchronized TransportState state() {
        SelectorsState selectors = new SelectorsState(deviceFeaturesSel, driverFeaturesSel, queueSel, shmSel);
        SessionState agreed = session.state(); // before the interrupt: a change in between is told, not lost
        return new TransportState(selectors, interrupt.status(), Optional.empty(), agreed);
    }

    @Override
    public void requireSame(TransportState state) {
        if (state.vectors().isPresent()) {
            throw new VmmException("the saved device is a PCI function, this one is not");
        }
        session.requireSame(state.session());
    }

    @Override
    public synchronized void restore(TransportState state) {
        requireSame(state);
        interrupt.restore(state.interruptStatus());
        select(state.selectors());
        session.restore(state.session()); // may interrupt
    }

    private void select(SelectorsState selectors) {
        deviceFeaturesSel = selectors.deviceFeatures();
        driverFeaturesSel = selectors.driverFeatures();
        queueSel = selectors.queue();
        shmSel = selectors.sharedMemory();
    }

    @Override
    public void close() {
        kicks.remove();
        session.close();
        interrupt.close();
    }
}

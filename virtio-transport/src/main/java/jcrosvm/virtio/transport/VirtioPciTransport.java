package jcrosvm.virtio.transport;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jcrosvm.base.VmmException;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.pci.Msix;
import jcrosvm.bus.pci.PciBar;
import jcrosvm.bus.pci.PciConfigSpace;
import jcrosvm.bus.pci.PciFunction;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.DeviceTraits.SharedMemoryRegion;
import jcrosvm.virtio.VirtioDevice;

/**
 * A virtio device as a PCI function (virtio 1.3, 4.1), modern only. All structures are in one memory BAR; a second one
 * holds shared memory where the device has any. Queues are kicked through events, on the places where they are mapped.
 */
public final class VirtioPciTransport implements PciFunction, VirtioTransport {
    private static final int BAR_SIZE = 0x8000;
    private static final int COMMON = 0;
    private static final int ISR = 0x1000;
    private static final int DEVICE = 0x2000;
    private static final int DEVICE_SIZE = 0x1000;
    private static final int NOTIFY = 0x3000;
    private static final int NOTIFY_STRIDE = 4;
    private static final int MSIX_TABLE = 0x6000;
    private static final int MSIX_PENDING = 0x7000;
    private static final int SHARED_BAR = 2;

    private static final int CAP_VENDOR = 9;
    private static final int CAP_POWER = 1;
    private static final int PM_VERSION = 3;
    private static final int PM_NO_SOFT_RESET = 8;
    private static final int KICK_SIZE = 2;

    private final String name;
    private final boolean intx;
    private final DeviceSession session;
    private final PciInterrupt interrupt;
    private final Msix msix;
    private final PciConfigSpace config;
    private final List<PciBar> bars = new ArrayList<>();
    private final PciCommonConfig common;
    private final Kicks kicks;
    private final int window; // offset of the capability that leads to the BAR through configuration space

    /**
     * @param name for messages: {@code block0}
     * @param intx whether it has an interrupt pin, for drivers that do not use MSI-X
     */
    public VirtioPciTransport(String name, VirtioDevice device, TransportHost host, boolean intx) {
        this.intx = intx;
        this.name = name;
        DeviceTraits traits = device.traits();
        int id = PciSpec.FIRST_DEVICE + traits.type();
        config = new PciConfigSpace(new PciConfigSpace.Identity(
                PciSpec.VENDOR, id, PciSpec.classCode(traits.type()), PciSpec.REVISION, PciSpec.VENDOR, id));
        int queues = traits.queueSizes().size();
        capability(PciSpec.VIRTIO_PCI_CAP_COMMON_CFG, COMMON, PciSpec.COMMON_SIZE, new byte[0]);
        capability(PciSpec.VIRTIO_PCI_CAP_ISR_CFG, ISR, 1, new byte[0]);
        if (traits.configLength() > 0) {
            capability(PciSpec.VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE, DEVICE_SIZE, new byte[0]);
        }
        capability(PciSpec.VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY, (long) Math.max(1, queues) * NOTIFY_STRIDE, new byte[] {
            NOTIFY_STRIDE, 0, 0, 0
        });
        window = capability(PciSpec.VIRTIO_PCI_CAP_PCI_CFG, 0, 0, new byte[4]);
        config.allow(window + 4, 1, 0xff);
        config.allow(window + 8, 8, -1);
        config.allow(window + 16, 4, 0xffffffffL);
        msix = new Msix(config, queues + 1, 0, MSIX_TABLE, MSIX_PENDING, host::newMessage);
        int power = config.addCapability(CAP_POWER, new byte[] {PM_VERSION, 0, PM_NO_SOFT_RESET, 0, 0, 0});
        config.allow(power + 4, 1, 3);
        bars.add(PciBar.memory32(0, BAR_SIZE, new Registers()));
        sharedMemory(traits.sharedMemory());
        interrupt = new PciInterrupt(host, msix, queues);
        session = new DeviceSession(device, host.features(), host.memory(), interrupt);
        common = new PciCommonConfig(session, interrupt);
        kicks = new Kicks(host, session, NOTIFY_STRIDE, KICK_SIZE);
    }

    private int capability(int type, long offset, long length, byte[] more) {
        return capability(type, 0, 0, offset, length, more);
    }

    private int capability(int type, int bar, int id, long offset, long length, byte[] more) {
        byte[] body = new byte[14 + more.length];
        body[0] = (byte) (16 + more.length);
        body[1] = (byte) type;
        body[2] = (byte) bar;
        body[3] = (byte) id;
        for (int i = 0; i < 4; i++) {
            body[6 + i] = (byte) (offset >>> 8 * i);
            body[10 + i] = (byte) (length >>> 8 * i);
        }
        System.arraycopy(more, 0, body, 14, more.length);
        return config.addCapability(CAP_VENDOR, body);
    }

    private void sharedMemory(List<SharedMemoryRegion> regions) {
        long end = 0;
        for (SharedMemoryRegion region : regions) {
            byte[] high = new byte[8];
            for (int i = 0; i < 4; i++) {
                high[i] = (byte) (end >>> 32 + 8 * i);
                high[4 + i] = (byte) (region.length() >>> 32 + 8 * i);
            }
            capability(PciSpec.VIRTIO_PCI_CAP_SHARED_MEMORY_CFG, SHARED_BAR, region.id(), end, region.length(), high);
            end += region.length();
        }
        if (end > 0) {
            long size = Math.max(4096, Long.highestOneBit(2 * end - 1));
            bars.add(PciBar.memory64(SHARED_BAR, size, true, new Unmapped(name)));
        }
    }

    /** What is not mapped of a shared memory BAR. */
    private record Unmapped(String name) implements BusDevice {
        @Override
        public long read(long offset, int size) {
            return -1;
        }

        @Override
        public void write(long offset, int size, long value) {}
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
    public PciConfigSpace config() {
        return config;
    }

    @Override
    public List<PciBar> bars() {
        return bars;
    }

    @Override
    public boolean usesIntx() {
        return intx;
    }

    @Override
    public void connectIntx(IrqLine line) {
        interrupt.line(line);
    }

    @Override
    public void barMapped(PciBar bar, long address) {
        if (bar.index() == 0) {
            kicks.moveTo(address + NOTIFY);
        }
    }

    @Override
    public void barUnmapped(PciBar bar) {
        if (bar.index() == 0) {
            kicks.remove();
        }
    }

    @Override
    public void beforeConfigRead(int offset, int size) {
        int data = window + 16;
        if (offset < data + 4 && offset + size > data) {
            int length = config.get32(window + 12);
            long at = config.get32(window + 8) & 0xffffffffL;
            if (isWindow(at, length)) {
                config.set32(data, (int) registers().read(at, length));
            }
        }
    }

    @Override
    public void afterConfigWrite(int offset, int size) {
        boolean enabled = msix.enabled();
        msix.afterConfigWrite(offset, size);
        if (msix.enabled() != enabled) {
            interrupt.update();
        }
        int data = window + 16;
        if (offset < data + 4 && offset + size > data) {
            int length = config.get32(window + 12);
            long at = config.get32(window + 8) & 0xffffffffL;
            if (isWindow(at, length)) {
                registers().write(at, length, config.get32(data) & -1L >>> 64 - 8 * length);
            }
        }
    }

    private boolean isWindow(long at, int length) {
        return config.get8(window + 4) == 0
                && (length == 1 || length == 2 || length == 4)
                && at % length == 0
                && at < BAR_SIZE;
    }

    private BusDevice registers() {
        return bars.getFirst().device();
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
    public TransportState state() {
        SessionState agreed = session.state(); // before the interrupt: a change in between is told, not lost
        return new TransportState(common.selectors(), interrupt.status(), Optional.of(interrupt.vectors()), agreed);
    }

    @Override
    public void requireSame(TransportState state) {
        VectorsState vectors = state.vectors()
                .orElseThrow(() -> new VmmException("the saved device is not a PCI function, this one is"));
        msix.requireSame(vectors.msix());
        session.requireSame(state.session());
    }

    @Override
    public void restore(TransportState state) {
        requireSame(state);
        interrupt.restore(state.interruptStatus(), state.vectors().orElseThrow());
        common.select(state.selectors());
        session.restore(state.session()); // may interrupt
    }

    @Override
    public void close() {
        kicks.remove();
        session.close();
        interrupt.close();
    }

    /** BAR 0. */
    private final class Registers implements BusDevice {
        @Override
        public String name() {
            return name;
        }

        @Override
        public long read(long offset, int size) {
            int at = (int) offset;
            if (at < COMMON + PciSpec.COMMON_SIZE) {
                return common.read(at, size);
            }
            if (at == ISR) {
                return interrupt.acknowledge();
            }
            if (at >= DEVICE && at < DEVICE + DEVICE_SIZE) {
                return session.readConfig(at - DEVICE, size);
            }
            if (at >= MSIX_PENDING) {
                return msix.readPending(at - MSIX_PENDING, size);
            }
            return at >= MSIX_TABLE ? msix.readTable(at - MSIX_TABLE, size) : 0;
        }

        @Override
        public void write(long offset, int size, long value) {
            int at = (int) offset;
            if (at < COMMON + PciSpec.COMMON_SIZE) {
                common.write(at, size, value);
            } else if (at >= DEVICE && at < DEVICE + DEVICE_SIZE) {
                session.writeConfig(at - DEVICE, size, value);
            } else if (at >= NOTIFY && at < MSIX_TABLE) {
                kicks.signal((at - NOTIFY) / NOTIFY_STRIDE);
            } else if (at >= MSIX_TABLE && at < MSIX_PENDING) {
                msix.writeTable(at - MSIX_TABLE, size, value);
            }
        }
    }
}

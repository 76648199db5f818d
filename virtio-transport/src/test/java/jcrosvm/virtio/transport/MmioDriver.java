package jcrosvm.virtio.transport;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/**
 * A device for a {@code MockDriver} that is another device behind MMIO registers: does the driver's part of the dance
 * with them (virtio 1.3, 3.1 and 4.2.3), and on a thread of its own what an interrupt handler does.
 */
final class MmioDriver implements VirtioDevice {
    private final MmioMachine machine;
    private final Map<Integer, QueueResources> queues = new ConcurrentHashMap<>();
    private final Poller poller = new Poller();
    private final EventFd end = new EventFd();
    private final Object delivering = new Object();
    private final Thread cpu;
    private volatile DeviceHost host = DeviceHost.NONE;
    private volatile boolean ended;

    MmioDriver(MmioMachine machine) {
        this.machine = machine;
        poller.add(end.fd(), Poller.READABLE, events -> ended = true);
        poller.add(machine.line.fd(), Poller.READABLE, events -> {
            machine.line.drain();
            handleInterrupt();
        });
        cpu = Thread.ofPlatform().name("mmio driver").start(() -> {
            while (!ended) {
                poller.poll(-1);
            }
        });
    }

    private void handleInterrupt() {
        synchronized (machine) {
            for (int status = machine.read(0x60); status != 0; status = machine.read(0x60)) {
                machine.write(0x64, status);
                deliver(status);
            }
        }
    }

    private void deliver(int status) {
        synchronized (delivering) {
            for (QueueResources resources : queues.values()) {
                if ((status & 1) != 0) {
                    resources.interrupt().signal();
                }
            }
            if ((status & 2) != 0 && (machine.read(0x70) & 0x40) != 0) {
                host.failed();
            } else if ((status & 2) != 0) {
                host.configChanged();
            }
        }
    }

    @Override
    public DeviceTraits traits() {
        return new DeviceTraits(machine.read(8), 0, List.of(), 64);
    }

    @Override
    public void attach(DeviceHost newHost) {
        host = newHost;
    }

    @Override
    public void negotiated(long features) {
        if (!machine.negotiate(features)) {
            throw new AssertionError("the features were refused");
        }
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        queues.put(index, resources);
        machine.write(0x30, index);
        if (machine.read(0x44) != 0 || machine.read(0x34) < resources.layout().size()) {
            throw new AssertionError("queue " + index + " is not free or too small");
        }
        machine.write(0x38, resources.layout().size());
        address(0x80, resources.layout().descriptors());
        address(0x90, resources.layout().driver());
        address(0xa0, resources.layout().device());
        machine.write(0x44, 1);
        poller.add(resources.kick().fd(), Poller.READABLE, events -> {
            kicked(index, resources);
        });
        machine.write(0x70, 15);
    }

    private void kicked(int index, QueueResources resources) {
        synchronized (machine) {
            synchronized (delivering) {
                if (queues.get(index) == resources) {
                    resources.kick().drain();
                    machine.write(0x50, index);
                }
            }
        }
    }

    private void address(int register, long value) {
        machine.write(register, (int) value);
        machine.write(register + 4, (int) (value >>> 32));
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        QueueResources resources;
        synchronized (delivering) {
            resources = queues.remove(index); // what comes later comes too late
        }
        if (resources != null) {
            poller.remove(resources.kick().fd());
            machine.write(0x30, index);
            machine.write(0x44, 0);
        }
        return null;
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        for (int i = 0; i < into.length; i++) {
            into[i] = (byte) machine.transport.read(0x100 + offset + i, 1);
        }
    }

    @Override
    public void reset() {
        machine.write(0x70, 0);
    }

    @Override
    public byte[] saveState() {
        throw new UnsupportedOperationException("a driver");
    }

    @Override
    public void restoreState(byte[] state) {
        throw new UnsupportedOperationException("a driver");
    }

    @Override
    public void close() {
        end.signal();
        try {
            cpu.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        poller.close();
        end.close();
    }
}

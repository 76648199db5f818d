package jcrosvm.virtio.transport;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import jcrosvm.base.io.EventFd;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.MessageInterrupt;
import jcrosvm.bus.testing.Saved;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.VirtioDevice;

/** A machine with RAM, one MMIO device, kicks that go by events, and an interrupt line that wakes a thread. */
final class MmioMachine implements TransportHost, IrqLine, AutoCloseable {
    static final long ADDRESS = 0xd000_0000L;
    static final long SHARED = 0x1_0000_0000L;

    final GuestMemory memory = GuestMemory.ofSize(64 << 20);
    VirtioMmioTransport transport;
    final EventFd line = new EventFd();
    final Map<Long, EventFd> kicks = new ConcurrentHashMap<>();
    volatile boolean up;

    MmioMachine(VirtioDevice device) {
        transport = transport(device);
    }

    private VirtioMmioTransport transport(VirtioDevice device) {
        return new VirtioMmioTransport("echo0", device, this, ADDRESS, this, SHARED);
    }

    /** Saves the suspended device, and restores it around another one; its memory and its driver stay, which waits. */
    synchronized void move(VirtioDevice to) {
        transport.suspend();
        String saved = Saved.text(transport);
        boolean level = up;
        transport.close();
        transport = transport(to);
        transport.suspend();
        Saved.restore(transport, saved);
        if (!Saved.text(transport).equals(saved) || up != level) {
            throw new AssertionError("the restored device is not the saved one");
        }
    }

    @Override
    public void deviceLost(String reason) {
        throw new AssertionError(reason);
    }

    @Override
    public void set(boolean level) {
        up = level;
        if (level) {
            line.signal();
        }
    }

    int read(int register) {
        return (int) transport.read(register, 4);
    }

    void write(int register, int value) {
        EventFd kick = kicks.get(key(ADDRESS + register, value));
        if (kick != null) {
            kick.signal();
        } else {
            transport.write(register, 4, value & 0xffffffffL);
        }
    }

    /** The driver's steps up to FEATURES_OK (virtio 1.3, 3.1.1); whether that was accepted. */
    boolean negotiate(long features) {
        write(0x70, 0);
        write(0x70, 1);
        write(0x70, 3);
        write(0x24, 0);
        write(0x20, (int) features);
        write(0x24, 1);
        write(0x20, (int) (features >>> 32));
        write(0x70, 11);
        return (read(0x70) & 8) != 0;
    }

    private static long key(long address, long value) {
        return address << 16 | value & 0xffff;
    }

    @Override
    public GuestMemory memory() {
        return memory;
    }

    @Override
    public void registerKick(long address, int size, long value, boolean anyValue, EventFd event) {
        if (size != 4 || anyValue || kicks.put(key(address, value), event) != null) {
            throw new AssertionError("a bad kick");
        }
    }

    @Override
    public void unregisterKick(long address, int size, long value, boolean anyValue, EventFd event) {
        if (!kicks.remove(key(address, value), event)) {
            throw new AssertionError("a kick that was not registered");
        }
    }

    @Override
    public MessageInterrupt newMessage() {
        throw new AssertionError("no messages over MMIO");
    }

    @Override
    public void watch(EventFd event, Runnable action) {
        throw new AssertionError("nobody needs call events here");
    }

    @Override
    public void unwatch(EventFd event) {}

    @Override
    public void close() {
        transport.close();
        line.close();
    }
}

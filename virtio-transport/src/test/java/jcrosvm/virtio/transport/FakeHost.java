package jcrosvm.virtio.transport;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.base.io.EventFd;
import jcrosvm.bus.MessageInterrupt;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** A machine that only writes down what its transport asks for. */
final class FakeHost implements TransportHost, AutoCloseable {
    final GuestMemory memory = GuestMemory.ofSize(1 << 20);
    /** Where kicks are registered, by address. */
    final Map<Long, EventFd> kicks = new HashMap<>();
    /** Messages sent, as {@code address:data}. */
    final List<String> sent = new ArrayList<>();

    final Map<EventFd, Runnable> watched = new HashMap<>();
    /** Messages that events send, as {@code address:data}. */
    final Map<EventFd, String> connected = new HashMap<>();

    @Override
    public void deviceLost(String reason) {
        throw new AssertionError(reason);
    }

    @Override
    public GuestMemory memory() {
        return memory;
    }

    @Override
    public void registerKick(long address, int size, long value, boolean anyValue, EventFd event) {
        if (kicks.put(address, event) != null) {
            throw new AssertionError("kick registered twice");
        }
    }

    @Override
    public void unregisterKick(long address, int size, long value, boolean anyValue, EventFd event) {
        if (!kicks.remove(address, event)) {
            throw new AssertionError("kick was not registered");
        }
    }

    @Override
    public MessageInterrupt newMessage() {
        return new MessageInterrupt() {
            private String target = "";
            private @Nullable EventFd event;

            @Override
            public void route(long address, int data) {
                target = "%x:%x".formatted(address, data);
            }

            @Override
            public void signal() {
                synchronized (sent) {
                    sent.add(target);
                }
            }

            @Override
            public void connect(@Nullable EventFd newEvent) {
                connected.remove(event);
                event = newEvent;
                if (newEvent != null) {
                    connected.put(newEvent, target);
                }
            }

            @Override
            public void close() {
                connect(null);
            }
        };
    }

    @Override
    public void watch(EventFd event, Runnable action) {
        watched.put(event, action);
    }

    @Override
    public void unwatch(EventFd event) {
        watched.remove(event);
    }

    @Override
    public void close() {
        memory.close();
    }
}

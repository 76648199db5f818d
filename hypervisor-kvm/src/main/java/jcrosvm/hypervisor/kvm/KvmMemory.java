package jcrosvm.hypervisor.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import org.jspecify.annotations.Nullable;

/** The memory slots of a VM (KVM_SET_USER_MEMORY_REGION). */
final class KvmMemory {
    private record Slot(long address, MemorySegment host, boolean readOnly, boolean logDirty) {}

    private final Fd vm;
    private final Map<Integer, Slot> slots = new HashMap<>(); // guarded by itself
    private volatile @Nullable FutureTask<@Nullable Void> ram;

    KvmMemory(Fd vm) {
        this.vm = vm;
    }

    /**
     * Adds all RAM, in a thread of its own: KVM waits some milliseconds for every slot, in which the rest of the machine
     * can be made.
     */
    void addMeanwhile(GuestMemory memory) {
        FutureTask<@Nullable Void> task = new FutureTask<>(() -> addAll(memory), null);
        ThreadScope.current().start("kvm-memory", task);
        ram = task;
    }

    private void addAll(GuestMemory memory) {
        int slot = 0;
        for (MemoryRegion region : memory.regions()) {
            add(slot++, region.address(), memory.slice(region.address(), region.size()), false);
        }
    }

    /** Waits until the RAM is there, and throws if it could not be added. */
    void await() {
        FutureTask<@Nullable Void> task = ram;
        if (task == null) {
            return;
        }
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    task.get();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new AssertionError(e.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    void add(int number, long address, MemorySegment host, boolean readOnly) {
        Slot added = new Slot(address, host, readOnly, false);
        synchronized (slots) {
            if (slots.containsKey(number)) {
                throw new IllegalArgumentException("memory slot " + number + " is in use");
            }
            set(number, added, host.byteSize());
            slots.put(number, added);
        }
    }

    void remove(int number) {
        await();
        synchronized (slots) {
            set(number, slot(number), 0);
            slots.remove(number);
        }
    }

    void logDirty(int number, boolean on) {
        await();
        synchronized (slots) {
            Slot old = slot(number);
            Slot changed = new Slot(old.address, old.host, old.readOnly, on);
            set(number, changed, old.host.byteSize());
            slots.put(number, changed);
        }
    }

    long[] dirtyLog(int number) {
        await();
        synchronized (slots) {
            long pages = slot(number).host.byteSize() / 4096;
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment bitmap = arena.allocate((pages + 63) / 64 * 8, 8);
                MemorySegment request = arena.allocate(16, 8);
                request.set(ValueLayout.JAVA_INT, 0, number);
                request.set(ValueLayout.JAVA_LONG, 8, bitmap.address());
                vm.ioctl("KVM_GET_DIRTY_LOG", KvmSpec.KVM_GET_DIRTY_LOG, request);
                return bitmap.toArray(ValueLayout.JAVA_LONG);
            }
        }
    }

    private Slot slot(int number) {
        Slot slot = slots.get(number);
        if (slot == null) {
            throw new IllegalArgumentException("no memory slot " + number);
        }
        return slot;
    }

    private void set(int number, Slot slot, long size) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment region = arena.allocate(32, 8);
            int flags = (slot.logDirty ? KvmSpec.KVM_MEM_LOG_DIRTY_PAGES : 0)
                    | (slot.readOnly ? KvmSpec.KVM_MEM_READONLY : 0);
            region.set(ValueLayout.JAVA_INT, 0, number);
            region.set(ValueLayout.JAVA_INT, 4, flags);
            region.set(ValueLayout.JAVA_LONG, 8, slot.address);
            region.set(ValueLayout.JAVA_LONG, 16, size);
            region.set(ValueLayout.JAVA_LONG, 24, slot.host.address());
            vm.ioctl("KVM_SET_USER_MEMORY_REGION", KvmSpec.KVM_SET_USER_MEMORY_REGION, region);
        }
    }
}

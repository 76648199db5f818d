package jcrosvm.hypervisor.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.hypervisor.MemorySlot;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;

/** The memory slots of a VM (KVM_SET_USER_MEMORY_REGION). */
final class KvmMemory {
    private static final int PAGE = 4096;

    private final Fd vm;
    private final SlotNumbers numbers; // guarded by this, as all slots are
    private final Set<Slot> slots = new HashSet<>(); // keeps their memory reachable
    private boolean ended;
    private volatile CompletableFuture<List<MemorySlot>> ram = CompletableFuture.completedFuture(List.of());

    /** @param most slots that KVM allows */
    KvmMemory(Fd vm, int most) {
        this.vm = vm;
        numbers = new SlotNumbers(most);
    }

    /**
     * Adds all RAM, in a thread of its own: KVM waits some milliseconds for every slot, in which the rest of the machine
     * can be made.
     */
    void addMeanwhile(GuestMemory memory) {
        List<MemoryRegion> regions = memory.regions(); // of now: the caller may add others before the thread runs
        CompletableFuture<List<MemorySlot>> added = new CompletableFuture<>();
        ram = added;
        ThreadScope.current().start("kvm-memory", () -> {
            try {
                added.complete(regions.stream()
                        .map(region -> add(region.address(), memory.slice(region.address(), region.size()), false))
                        .toList());
            } catch (RuntimeException | Error e) {
                added.completeExceptionally(e);
            }
        });
    }

    /** The slots of the RAM: waits until they are there, and throws if they could not be added. */
    List<MemorySlot> ram() {
        try {
            return ram.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    synchronized MemorySlot add(long address, MemorySegment host, boolean readOnly) {
        if (((address | host.address() | host.byteSize()) & PAGE - 1) != 0 || host.byteSize() == 0) {
            throw new IllegalArgumentException("memory slot 0x%x+0x%x at 0x%x is not of whole pages"
                    .formatted(address, host.byteSize(), host.address()));
        }
        Slot added = new Slot(numbers.take(), address, host, readOnly);
        try {
            added.set(host.byteSize());
        } catch (RuntimeException e) {
            numbers.free(added.number);
            throw e;
        }
        slots.add(added);
        return added;
    }

    /** The VM's descriptor is about to go, and its slots with it. */
    synchronized void end() {
        ended = true;
    }

    /** All is guarded by the VM's memory. */
    private final class Slot implements MemorySlot {
        final int number;
        private final long address;
        private final MemorySegment host;
        private final boolean readOnly;
        private boolean isLogged;

        Slot(int number, long address, MemorySegment host, boolean readOnly) {
            this.number = number;
            this.address = address;
            this.host = host;
            this.readOnly = readOnly;
        }

        private void require() {
            if (ended || !slots.contains(this)) {
                throw new IllegalStateException("memory slot %s is closed".formatted(this));
            }
        }

        @Override
        public void logDirty(boolean on) {
            synchronized (KvmMemory.this) {
                require();
                boolean before = isLogged;
                isLogged = on;
                try {
                    set(host.byteSize());
                } catch (RuntimeException e) {
                    isLogged = before;
                    throw e;
                }
            }
        }

        @Override
        public long[] dirty() {
            synchronized (KvmMemory.this) {
                require();
                int words = (int) (host.byteSize() / PAGE + 63 >>> 6);
                if (!isLogged) {
                    return new long[words];
                }
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment bitmap = arena.allocate(8L * words, 8);
                    MemorySegment request = arena.allocate(16, 8);
                    request.set(ValueLayout.JAVA_INT, 0, number);
                    request.set(ValueLayout.JAVA_LONG, 8, bitmap.address());
                    vm.ioctl("KVM_GET_DIRTY_LOG", KvmSpec.KVM_GET_DIRTY_LOG, request);
                    return bitmap.toArray(ValueLayout.JAVA_LONG);
                }
            }
        }

        @Override
        public void close() {
            synchronized (KvmMemory.this) {
                if (!ended && slots.contains(this)) {
                    set(0);
                    slots.remove(this);
                    numbers.free(number);
                }
            }
        }

        /** @param size 0 removes the slot */
        private void set(long size) {
            int r;
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment region = arena.allocate(32, 8);
                int flags =
                        (isLogged ? KvmSpec.KVM_MEM_LOG_DIRTY_PAGES : 0) | (readOnly ? KvmSpec.KVM_MEM_READONLY : 0);
                region.set(ValueLayout.JAVA_INT, 0, number);
                region.set(ValueLayout.JAVA_INT, 4, flags);
                region.set(ValueLayout.JAVA_LONG, 8, address);
                region.set(ValueLayout.JAVA_LONG, 16, size);
                region.set(ValueLayout.JAVA_LONG, 24, host.address());
                r = vm.tryIoctl(KvmSpec.KVM_SET_USER_MEMORY_REGION, region);
            }
            if (r == -Errno.EEXIST) {
                throw new IllegalArgumentException("memory slot %s overlaps another".formatted(this));
            }
            if (r < 0) {
                throw new OsException("KVM_SET_USER_MEMORY_REGION for memory slot " + this, -r);
            }
        }

        @Override
        public String toString() {
            return "0x%x+0x%x".formatted(address, host.byteSize());
        }
    }
}

package jcrosvm.bus.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import jcrosvm.base.VmmException;

/**
 * Places BARs in the host bridge's windows at build time: those with the largest alignment first, so that alignment
 * wastes little. The BARs behind a bridge are placed together, in a window of the bridge's for each kind.
 */
final class PciBarAllocation {
    private final Cursor io;
    private final Cursor memory32;
    private final Cursor memory64;
    private final List<Request> requests = new ArrayList<>();

    PciBarAllocation(PciWindows windows) {
        io = new Cursor(windows.io());
        memory32 = new Cursor(windows.memory32());
        memory64 = new Cursor(windows.memory64());
    }

    /**
     * Addresses that are wanted.
     *
     * @param what for the message of a failure
     * @param kind where they may be
     * @param alignment a power of two
     * @param placed told where they are
     */
    private record Request(String what, PciBar.Kind kind, long size, long alignment, LongConsumer placed) {}

    /** Functions of bus 0. */
    void add(List<PciSlot> slots) {
        slots.forEach(slot -> slot.bars.forEach(bar -> requests.add(request(slot, bar))));
    }

    /** The functions behind a bridge. */
    void add(PciBridge bridge) {
        for (PciBridge.Window window : PciBridge.Window.values()) {
            List<Request> behind = new ArrayList<>();
            for (PciSlot slot : bridge.slots.present()) {
                slot.bars.stream()
                        .filter(bar -> PciBridge.Window.of(bar) == window)
                        .forEach(bar -> behind.add(request(slot, bar)));
            }
            if (!behind.isEmpty() || bridge.reserved(window) > 0) {
                requests.add(together(bridge, window, behind));
            }
        }
    }

    private static Request request(PciSlot slot, PciBar bar) {
        String what = "BAR %d of %s".formatted(bar.index(), slot.function.name());
        return new Request(what, bar.kind(), bar.size(), bar.size(), address -> slot.config.barAddress(bar, address));
    }

    private static Request together(PciBridge bridge, PciBridge.Window window, List<Request> behind) {
        sort(behind);
        Cursor relative = new Cursor(new PciWindows.Window(0, Long.MAX_VALUE));
        List<Long> offsets = new ArrayList<>();
        for (Request request : behind) {
            offsets.add(relative.take(request.size, request.alignment));
        }
        long size = Math.max(bridge.reserved(window), relative.next + window.unit - 1 & -window.unit);
        PciBar.Kind kind = switch (window) {
            case IO -> PciBar.Kind.IO;
            case MEMORY -> PciBar.Kind.MEMORY_32;
            case PREFETCHABLE -> PciBar.Kind.MEMORY_64;
        };
        long alignment = behind.isEmpty() ? window.unit : Math.max(window.unit, behind.getFirst().alignment);
        return new Request("the window of the " + bridge.name(), kind, size, alignment, base -> {
            bridge.place(window, base, size);
            for (int i = 0; i < offsets.size(); i++) {
                behind.get(i).placed.accept(base + offsets.get(i));
            }
        });
    }

    private static void sort(List<Request> requests) {
        requests.sort((a, b) -> Long.compare(b.alignment, a.alignment));
    }

    /** @throws VmmException when a window is too small */
    void assign() {
        sort(requests);
        requests.forEach(this::place);
    }

    private void place(Request request) {
        long size = request.size;
        long alignment = request.alignment;
        long address = switch (request.kind) {
            case IO -> io.take(size, alignment);
            case MEMORY_32 -> memory32.take(size, alignment);
            case MEMORY_64 -> {
                long high = memory64.take(size, alignment);
                yield high >= 0 ? high : memory32.take(size, alignment);
            }
        };
        if (address < 0) {
            throw new VmmException("no room for %s (0x%x bytes) in the PCI %s window"
                    .formatted(request.what, size, request.kind == PciBar.Kind.IO ? "I/O" : "memory"));
        }
        request.placed.accept(address);
    }

    private static final class Cursor {
        private long next;
        private final long end;

        Cursor(PciWindows.Window window) {
            next = window.base();
            end = window.base() + window.size();
        }

        long take(long size, long alignment) {
            long at = next + alignment - 1 & -alignment;
            if (at < 0 || end - at < size) {
                return -1;
            }
            next = at + size;
            return at;
        }
    }
}

package jcrosvm.bus.pci;

import java.util.List;
import jcrosvm.base.VmmException;

/** Places BARs in the host bridge's windows at build time: the largest first, so that alignment wastes nothing. */
final class PciBarAllocation {
    private final Cursor io;
    private final Cursor memory32;
    private final Cursor memory64;

    PciBarAllocation(PciWindows windows) {
        io = new Cursor(windows.io());
        memory32 = new Cursor(windows.memory32());
        memory64 = new Cursor(windows.memory64());
    }

    private record Request(PciSlot slot, PciBar bar) {}

    void assign(List<PciSlot> slots) {
        slots.stream()
                .flatMap(slot -> slot.bars.stream().map(bar -> new Request(slot, bar)))
                .sorted((a, b) -> Long.compare(b.bar.size(), a.bar.size()))
                .forEach(this::place);
    }

    private void place(Request request) {
        PciBar bar = request.bar;
        long address = switch (bar.kind()) {
            case IO -> io.take(bar.size());
            case MEMORY_32 -> memory32.take(bar.size());
            case MEMORY_64 -> {
                long high = memory64.take(bar.size());
                yield high >= 0 ? high : memory32.take(bar.size());
            }
        };
        if (address < 0) {
            throw new VmmException("no room for BAR %d of %s (0x%x bytes) in the PCI %s window"
                    .formatted(
                            bar.index(),
                            request.slot.function.name(),
                            bar.size(),
                            bar.kind() == PciBar.Kind.IO ? "I/O" : "memory"));
        }
        request.slot.config.barAddress(bar, address);
    }

    private static final class Cursor {
        private long next;
        private final long end;

        Cursor(PciWindows.Window window) {
            next = window.base();
            end = window.base() + window.size();
        }

        long take(long size) {
            long at = next + size - 1 & -size;
            if (at < 0 || end - at < size) {
                return -1;
            }
            next = at + size;
            return at;
        }
    }
}

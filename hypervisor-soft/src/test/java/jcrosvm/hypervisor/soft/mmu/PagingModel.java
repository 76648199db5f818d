package jcrosvm.hypervisor.soft.mmu;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongUnaryOperator;

/**
 * Paging once more, written as the manual's tables put it and with nothing in common with the walker: a list of levels
 * for each mode, of which a level knows its reserved bits one by one.
 */
final class PagingModel {
    static final int MAXPHYADDR = PhysicalMemory.ADDRESS_BITS;

    // Control register bits by number, from the manual.
    boolean pg;
    boolean wp;
    boolean pse;
    boolean pae;
    boolean pge;
    boolean smep;
    boolean nxe;
    boolean lma;
    long cr3;
    /** Reads an aligned quadword of physical memory; all ones where there is none. */
    final LongUnaryOperator memory;

    PagingModel(LongUnaryOperator memory) {
        this.memory = memory;
    }

    /** An entry's address and width, and what it will be afterwards. */
    record Update(long address, int width, long value) {}

    /** {@code error} is -1 for success, -2 for #GP(0), else the error code of #PF. */
    record Outcome(int error, long physical, int pageBits, boolean global, boolean dirty, List<Update> updates) {}

    private record Level(int lowBit, int bits, int width, int pageBitIfLeaf, String name) {}

    enum Access {
        READ,
        WRITE,
        FETCH
    }

    private static boolean bit(long value, int n) {
        return (value >>> n & 1) == 1;
    }

    private static long field(long value, int high, int low) {
        long up = value << 63 - high;
        return up >>> 63 - high + low;
    }

    private Outcome fault(boolean present, boolean reserved, Access access, boolean user) {
        int code = present ? 1 : 0;
        if (access == Access.WRITE) {
            code += 2;
        }
        if (user) {
            code += 4;
        }
        if (reserved) {
            code += 8;
        }
        if (access == Access.FETCH && (smep || pae && nxe)) {
            code += 16;
        }
        return new Outcome(code, 0, 0, false, false, List.of());
    }

    private long entry(long address, int width) {
        long quad = memory.applyAsLong(address & ~7L);
        return width == 8 ? quad : bit(address, 2) ? field(quad, 63, 32) : field(quad, 31, 0);
    }

    private boolean reservedBits(Level level, long entry, boolean leaf) {
        boolean bad = false;
        if (level.width == 8) {
            for (int b = MAXPHYADDR; b <= 51; b++) {
                bad |= bit(entry, b);
            }
            if (!lma) {
                for (int b = 52; b <= 62; b++) {
                    bad |= bit(entry, b);
                }
            }
            if (!nxe || level.name.equals("PAE PDPTE")) {
                bad |= bit(entry, 63);
            }
        }
        switch (level.name) {
            case "PML4E" -> bad |= bit(entry, 7) || bit(entry, 8);
            case "PDPTE" -> {
                if (leaf) {
                    for (int b = 13; b <= 29; b++) {
                        bad |= bit(entry, b);
                    }
                } else {
                    bad |= bit(entry, 8);
                }
            }
            case "PAE PDPTE" -> bad |= bit(entry, 1) || bit(entry, 2) || field(entry, 8, 5) != 0;
            case "PDE" -> {
                if (leaf) {
                    for (int b = 13; b <= 20; b++) {
                        bad |= bit(entry, b);
                    }
                }
            }
            case "PDE32" -> bad |= leaf && bit(entry, 21);
            default -> {}
        }
        return bad;
    }

    /** An access of a byte; {@code smapInForce} for a supervisor's that SMAP keeps from user pages. */
    Outcome access(long linearAddress, Access access, boolean user, boolean smapInForce) {
        long linear = linearAddress;
        if (!lma || !pg) {
            linear = field(linear, 31, 0);
        }
        if (!pg) {
            return new Outcome(-1, linear, 12, false, true, List.of());
        }
        List<Level> levels;
        long table;
        if (lma) {
            for (int b = 48; b <= 63; b++) {
                if (bit(linear, b) != bit(linear, 47)) {
                    return new Outcome(-2, 0, 0, false, false, List.of());
                }
            }
            levels = List.of(
                    new Level(39, 9, 8, -1, "PML4E"),
                    new Level(30, 9, 8, 7, "PDPTE"),
                    new Level(21, 9, 8, 7, "PDE"),
                    new Level(12, 9, 8, -1, "PTE"));
            table = field(cr3, MAXPHYADDR - 1, 12) << 12;
        } else if (pae) {
            levels = List.of(
                    new Level(30, 2, 8, -1, "PAE PDPTE"),
                    new Level(21, 9, 8, 7, "PDE"),
                    new Level(12, 9, 8, -1, "PTE"));
            table = field(cr3, 31, 5) << 5;
        } else {
            levels = List.of(new Level(22, 10, 4, pse ? 7 : -1, "PDE32"), new Level(12, 10, 4, -1, "PTE32"));
            table = field(cr3, 31, 12) << 12;
        }
        boolean userPage = true;
        boolean writable = true;
        boolean noExecute = false;
        List<Update> updates = new ArrayList<>();
        for (Level level : levels) {
            long index = field(linear, level.lowBit + level.bits - 1, level.lowBit);
            long address = table + index * level.width;
            long entry = entry(address, level.width);
            if (!bit(entry, 0)) {
                return fault(false, false, access, user);
            }
            boolean leaf = level.lowBit == 12 || level.pageBitIfLeaf >= 0 && bit(entry, level.pageBitIfLeaf);
            if (reservedBits(level, entry, leaf)) {
                return fault(true, true, access, user);
            }
            boolean pointer = level.name.equals("PAE PDPTE");
            if (!pointer) {
                writable = writable && bit(entry, 1);
                userPage = userPage && bit(entry, 2);
                noExecute = noExecute || level.width == 8 && bit(entry, 63) && nxe;
            }
            long updated = entry | 1 << 5;
            if (leaf && access == Access.WRITE) {
                updated |= 1 << 6;
            }
            if (!pointer && updated != entry) {
                updates.add(new Update(address, level.width, updated));
            }
            if (!leaf) {
                table = level.width == 8 ? field(entry, MAXPHYADDR - 1, 12) << 12 : field(entry, 31, 12) << 12;
                continue;
            }
            if (!permitted(access, user, smapInForce, userPage, writable, noExecute)) {
                return fault(true, false, access, user);
            }
            long frame = level.width == 8
                    ? field(entry, MAXPHYADDR - 1, level.lowBit) << level.lowBit
                    : field(entry, 31, level.lowBit) << level.lowBit;
            if (level.name.equals("PDE32")) {
                frame += field(entry, 20, 13) << 32;
            }
            long physical = frame + field(linear, level.lowBit - 1, 0);
            boolean global = pge && bit(entry, 8);
            return new Outcome(-1, physical, level.lowBit, global, bit(updated, 6), updates);
        }
        throw new AssertionError();
    }

    /** SDM volume 3, 4.6.1. */
    private boolean permitted(
            Access access, boolean user, boolean smapInForce, boolean userPage, boolean writable, boolean noExecute) {
        if (user) {
            return switch (access) {
                case READ -> userPage;
                case WRITE -> userPage && writable;
                case FETCH -> userPage && !noExecute;
            };
        }
        return switch (access) {
            case READ -> !(userPage && smapInForce);
            case WRITE -> {
                if (userPage && smapInForce) {
                    yield false;
                }
                yield wp ? writable : true;
            }
            case FETCH -> !(userPage && smep) && !noExecute;
        };
    }
}

package jcrosvm.boot.kernel;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The headers of an x86 ELF executable (System V ABI, chapters 4 and 5).
 *
 * @param wide ELF64
 * @param loads PT_LOAD segments that occupy memory, by ascending file position
 * @param notes PT_NOTE segments
 */
record ElfImage(boolean wide, long entry, List<Segment> loads, List<Segment> notes) {
    /** A program header. Sizes and position are not negative and do not wrap around; addresses are unchecked. */
    record Segment(long position, long virtual, long physical, long fileSize, long memorySize, long alignment) {
        /** Whether a physical address lies in what is loaded. */
        boolean holds(long address) {
            return address >= physical && address - physical < memorySize;
        }
    }

    /** Where headers are read from. */
    interface Source {
        /** Exactly {@code length} bytes, little-endian; fails if there are less. */
        ByteBuffer at(long position, int length);
    }

    static final int MAGIC = 0x464c_457f;

    private static final int CLASS = 4;
    private static final int DATA = 5;
    private static final int CLASS_32 = 1;
    private static final int CLASS_64 = 2;
    private static final int LITTLE_ENDIAN = 1;
    private static final int EM_386 = 3;
    private static final int EM_X86_64 = 62;
    private static final int HEADER_SIZE_32 = 52;
    private static final int HEADER_SIZE_64 = 64;
    private static final int ENTRY_SIZE_32 = 32;
    private static final int ENTRY_SIZE_64 = 56;
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;
    private static final int MAX_SEGMENTS = 256;

    /** Linux and its like run here and are loaded elsewhere. */
    private static final long UPPER_HALF = 0xffff_8000_0000_0000L;

    static boolean isElf(ByteBuffer head) {
        return head.remaining() >= HEADER_SIZE_32 && head.getInt(0) == MAGIC;
    }

    /** @param image for the messages */
    static ElfImage parse(ImageFile image, Source source) {
        ByteBuffer ident = source.at(0, HEADER_SIZE_32);
        int fileClass = ident.get(CLASS);
        if (ident.get(DATA) != LITTLE_ENDIAN || (fileClass != CLASS_32 && fileClass != CLASS_64)) {
            throw image.bad("not a little-endian ELF file");
        }
        boolean wide = fileClass == CLASS_64;
        ByteBuffer header = source.at(0, wide ? HEADER_SIZE_64 : HEADER_SIZE_32);
        int machine = header.getShort(18) & 0xffff;
        if (machine != EM_X86_64 && machine != EM_386) {
            throw image.bad("an ELF file for machine " + machine + ", not for x86");
        }
        long entry = wide ? header.getLong(24) : unsigned(header.getInt(24));
        long table = wide ? header.getLong(32) : unsigned(header.getInt(28));
        int entrySize = header.getShort(wide ? 54 : 42) & 0xffff;
        int count = header.getShort(wide ? 56 : 44) & 0xffff;
        int expected = wide ? ENTRY_SIZE_64 : ENTRY_SIZE_32;
        if (entrySize != expected || count == 0 || count > MAX_SEGMENTS || table < 0) {
            throw image.bad("bad ELF program headers: %d of size %d at 0x%x".formatted(count, entrySize, table));
        }
        return segments(image, wide, entry, source.at(table, count * entrySize), count);
    }

    private static ElfImage segments(ImageFile image, boolean wide, long entry, ByteBuffer table, int count) {
        List<Segment> loads = new ArrayList<>();
        List<Segment> notes = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int at = i * (wide ? ENTRY_SIZE_64 : ENTRY_SIZE_32);
            int type = table.getInt(at);
            if (type != PT_LOAD && type != PT_NOTE) {
                continue;
            }
            Segment segment = wide ? wide(table, at) : narrow(table, at);
            boolean sane = segment.position >= 0
                    && segment.fileSize >= 0
                    && segment.memorySize >= 0
                    && segment.position <= Long.MAX_VALUE - segment.fileSize;
            if (!sane || (type == PT_LOAD && segment.fileSize > segment.memorySize)) {
                throw image.bad("bad ELF segment %d: position 0x%x, 0x%x bytes in the file, 0x%x in memory"
                        .formatted(i, segment.position, segment.fileSize, segment.memorySize));
            }
            if (type == PT_NOTE) {
                notes.add(segment);
            } else if (segment.memorySize > 0) {
                loads.add(segment);
            }
        }
        if (loads.isEmpty()) {
            throw image.bad("an ELF file with nothing to load");
        }
        loads.sort((a, b) -> Long.compare(a.position(), b.position()));
        return new ElfImage(wide, entry, List.copyOf(loads), List.copyOf(notes));
    }

    private static Segment wide(ByteBuffer table, int at) {
        return new Segment(
                table.getLong(at + 8),
                table.getLong(at + 16),
                table.getLong(at + 24),
                table.getLong(at + 32),
                table.getLong(at + 40),
                table.getLong(at + 48));
    }

    private static Segment narrow(ByteBuffer table, int at) {
        return new Segment(
                unsigned(table.getInt(at + 4)),
                unsigned(table.getInt(at + 8)),
                unsigned(table.getInt(at + 12)),
                unsigned(table.getInt(at + 16)),
                unsigned(table.getInt(at + 20)),
                unsigned(table.getInt(at + 28)));
    }

    private static long unsigned(int value) {
        return value & 0xffff_ffffL;
    }

    /** Whether this is entered in the way of vmlinux: physically, though linked to the upper half. */
    boolean looksLikeLinux() {
        return wide
                && loads.stream()
                        .anyMatch(load -> load.holds(entry) && Long.compareUnsigned(load.virtual, UPPER_HALF) >= 0);
    }

    /** Whether a physical address lies in a loaded segment. */
    boolean holds(long address) {
        return loads.stream().anyMatch(load -> load.holds(address));
    }

    /** First address behind all segments; meaningful once they are known to lie in RAM. */
    long end() {
        return loads.stream()
                .mapToLong(load -> load.physical + load.memorySize)
                .max()
                .orElse(0);
    }
}

package jcrosvm.boot.kernel;

import java.nio.ByteBuffer;
import java.util.OptionalLong;

/** Finds the PVH entry point (Xen, public/elfnote.h). */
final class PvhNote {
    private static final int XEN_ELFNOTE_PHYS32_ENTRY = 18;
    private static final int NAME_SIZE = 4;
    private static final int NAME = 'X' | 'e' << 8 | 'n' << 16;
    private static final int HEADER = 12;
    private static final long MAX_NOTES = 1 << 20;

    private PvhNote() {}

    /**
     * The physical address of the 32-bit entry point, if a note tells one.
     *
     * @throws jcrosvm.base.VmmException if the notes are malformed or the address is not in a loaded segment
     */
    static OptionalLong entry(ImageFile image, ElfImage elf) {
        for (ElfImage.Segment segment : elf.notes()) {
            if (segment.fileSize() > MAX_NOTES) {
                throw image.bad("bad ELF notes: 0x%x bytes".formatted(segment.fileSize()));
            }
            ByteBuffer notes = image.buffer(segment.position(), (int) segment.fileSize());
            OptionalLong found = search(image, notes, segment.alignment() == 8 ? 8 : 4);
            if (found.isPresent()) {
                if (!elf.holds(found.getAsLong())) {
                    throw image.bad("bad PVH note: entry 0x%x is not in a loaded segment".formatted(found.getAsLong()));
                }
                return found;
            }
        }
        return OptionalLong.empty();
    }

    private static OptionalLong search(ImageFile image, ByteBuffer notes, int alignment) {
        long at = 0;
        while (at + HEADER <= notes.limit()) {
            int header = (int) at;
            long nameSize = notes.getInt(header) & 0xffff_ffffL;
            long size = notes.getInt(header + 4) & 0xffff_ffffL;
            int type = notes.getInt(header + 8);
            long content = align(at + HEADER + nameSize, alignment);
            if (content + size > notes.limit()) {
                throw image.bad("bad ELF note: name of 0x%x and content of 0x%x bytes, 0x%x are left"
                        .formatted(nameSize, size, notes.limit() - at));
            }
            if (type == XEN_ELFNOTE_PHYS32_ENTRY && nameSize == NAME_SIZE && notes.getInt(header + HEADER) == NAME) {
                if (size != 4 && size != 8) {
                    throw image.bad("bad PVH note: an entry of %d bytes".formatted(size));
                }
                return OptionalLong.of(notes.getInt((int) content) & 0xffff_ffffL);
            }
            at = align(content + size, alignment);
        }
        return OptionalLong.empty();
    }

    private static long align(long value, int alignment) {
        return value + alignment - 1 & -alignment;
    }
}

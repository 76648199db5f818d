package jcrosvm.boot.kernel;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcrosvm.memory.GuestMemory;

/** Puts ELF segments into guest RAM, from a file or as they come out of a decompressor. */
final class ElfLoader {
    /** ELF and program headers of any kernel fit. */
    private static final int HEAD = 64 << 10;

    private static final int CHUNK = 256 << 10;

    private ElfLoader() {}

    /** Loads from the file itself. */
    static void load(GuestMemory memory, ImageFile image, ElfImage elf, LoadArea area) {
        require(memory, image, elf, area);
        for (ElfImage.Segment segment : elf.loads()) {
            image.load(memory, segment.position(), segment.physical(), segment.fileSize());
            clearRest(memory, segment);
        }
    }

    /**
     * Loads from a stream that starts with the ELF header. Reads no further than the last segment, so what follows it
     * costs nothing, and no more than guest memory can hold.
     *
     * @return what was loaded
     * @throws IOException if the stream is damaged
     */
    static ElfImage load(GuestMemory memory, ImageFile image, InputStream stream) throws IOException {
        byte[] head = stream.readNBytes(HEAD);
        ElfImage elf = ElfImage.parse(image, (position, length) -> {
            if (length > head.length || position > head.length - length) {
                throw image.bad("the compressed kernel has its ELF headers too far behind or is truncated");
            }
            return ByteBuffer.wrap(head, (int) position, length).slice().order(ByteOrder.LITTLE_ENDIAN);
        });
        require(memory, image, elf, LoadArea.LINUX);
        byte[] chunk = new byte[CHUNK];
        long at = 0;
        for (ElfImage.Segment segment : elf.loads()) {
            if (segment.position() < at || segment.position() - at > memory.size()) {
                throw image.bad("the segments of the compressed kernel overlap or lie too far apart");
            }
            at = skip(image, head, stream, chunk, at, segment.position());
            long end = segment.position() + segment.fileSize();
            while (at < end) {
                int wanted = (int) Math.min(chunk.length, end - at);
                int n = read(image, head, stream, chunk, at, wanted);
                memory.write(segment.physical() + (at - segment.position()), chunk, 0, n);
                at += n;
            }
            clearRest(memory, segment);
        }
        return elf;
    }

    private static void require(GuestMemory memory, ImageFile image, ElfImage elf, LoadArea area) {
        for (ElfImage.Segment segment : elf.loads()) {
            area.require(memory, image, "an ELF segment", segment.physical(), segment.memorySize());
        }
    }

    /** The rest must be zero, also when the guest is started a second time. */
    private static void clearRest(GuestMemory memory, ElfImage.Segment segment) {
        memory.fill(segment.physical() + segment.fileSize(), segment.memorySize() - segment.fileSize(), (byte) 0);
    }

    private static long skip(ImageFile image, byte[] head, InputStream stream, byte[] chunk, long from, long to)
            throws IOException {
        long at = from;
        while (at < to) {
            at += read(image, head, stream, chunk, at, (int) Math.min(chunk.length, to - at));
        }
        return at;
    }

    private static int read(ImageFile image, byte[] head, InputStream stream, byte[] chunk, long at, int wanted)
            throws IOException {
        if (at < head.length) {
            int n = Math.min(wanted, head.length - (int) at);
            System.arraycopy(head, (int) at, chunk, 0, n);
            return n;
        }
        int n = stream.read(chunk, 0, wanted);
        if (n <= 0) {
            throw image.bad("the compressed kernel ends at 0x%x, before its last segment".formatted(at));
        }
        return n;
    }
}

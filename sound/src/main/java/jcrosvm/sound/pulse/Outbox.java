package jcrosvm.sound.pulse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;

/** What the server has not taken yet: frames of bounded number. */
final class Outbox {
    private static final ValueLayout.OfInt WORD = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    /** Samples of a frame at most: servers keep them in blocks of 64 KiB. */
    private static final int FRAME = 32 << 10;
    /** Room that samples leave to messages. */
    private static final int MESSAGES = 16 << 10;

    private final MemorySegment bytes;
    private final int frame; // samples of a frame at most, whole ones
    private final IoVec vec = new IoVec(1);
    private long start;
    private long end;

    /**
     * @param samples bytes of samples that wait at most
     * @param unit bytes that stay together
     */
    Outbox(Arena arena, long samples, int unit) {
        frame = FRAME - FRAME % unit;
        bytes = arena.allocate(samples + (samples / FRAME + 16) * Protocol.HEADER + MESSAGES, 8);
    }

    /** Forgets everything, for a new connection. */
    void reset() {
        start = 0;
        end = 0;
    }

    private boolean isRoom(long length, long spare) {
        if (bytes.byteSize() - end < length + spare && start > 0) {
            MemorySegment.copy(bytes, start, bytes, 0, end - start);
            end -= start;
            start = 0;
        }
        return bytes.byteSize() - end >= length + spare;
    }

    private void header(long length, int channel) {
        bytes.set(WORD, end, (int) length);
        bytes.set(WORD, end + 4, channel);
        bytes.set(WORD, end + 8, 0);
        bytes.set(WORD, end + 12, 0);
        bytes.set(WORD, end + 16, 0);
        end += Protocol.HEADER;
    }

    /** @throws PulseException when the server has not read for so long that nothing fits any more */
    void message(TagWriter message) {
        int length = message.length();
        if (!isRoom(Protocol.HEADER + (long) length, 0)) {
            throw new PulseException("the server does not read");
        }
        header(length, Protocol.MESSAGES);
        MemorySegment.copy(message.array(), 0, bytes, ValueLayout.JAVA_BYTE, end, length);
        end += length;
    }

    /**
     * Adds samples.
     *
     * @return whether they fit; otherwise none was added
     */
    boolean samples(int channel, IoVec from, long offset, long length) {
        long frames = Math.ceilDiv(length, frame);
        if (!isRoom(length + frames * Protocol.HEADER, MESSAGES)) {
            return false;
        }
        for (long done = 0; done < length; ) {
            long n = Math.min(frame, length - done);
            header(n, channel);
            from.copyOut(offset + done, bytes, end, n);
            end += n;
            done += n;
        }
        return true;
    }

    /**
     * Writes what the socket takes.
     *
     * @return whether nothing is left
     * @throws OsException when the connection is broken
     */
    boolean flush(Fd to) {
        while (start < end) {
            vec.clear();
            vec.add(bytes, start, end - start);
            long n = to.tryWritev(vec);
            if (n == -Errno.EAGAIN) {
                return false;
            }
            if (n < 0) {
                throw new OsException("write", (int) -n);
            }
            start += n;
        }
        start = 0;
        end = 0;
        return true;
    }
}

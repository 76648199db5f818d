package jcrosvm.sound.pulse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;

/** Takes the server's bytes apart into frames. */
final class Inbox {
    /** Longest message that is read; those that a client like this one gets have some hundred bytes. */
    static final int MOST_MESSAGE = 16 << 10;

    /** Longest frame of samples that a server may send. */
    static final int MOST_DATA = 16 << 20;

    private static final int READ = 64 << 10;
    /** Reads in a row before other descriptors have their turn. */
    private static final int READS = 16;

    /** What the frames are for. */
    interface Receiver {
        /** @param message positioned at its beginning */
        void message(TagReader message);

        /** Samples, which may be a part of a frame. */
        void data(int channel, MemorySegment from, long offset, long length);
    }

    private final Receiver receiver;
    private final MemorySegment bytes;
    private final IoVec vec = new IoVec(1);
    private final ByteBuffer read;
    private final ByteBuffer message = ByteBuffer.allocate(Protocol.HEADER + MOST_MESSAGE);
    private final TagReader reader = new TagReader(message);
    private boolean isBody; // of a message, or of samples
    private int channel;
    private int left; // bytes of the frame's samples

    Inbox(Arena arena, Receiver receiver) {
        bytes = arena.allocate(READ, 8);
        read = bytes.asByteBuffer();
        this.receiver = receiver;
        reset();
    }

    /** Forgets what has come of a frame, for a new connection. */
    void reset() {
        expectHeader();
    }

    private void expectHeader() {
        isBody = false;
        message.clear().limit(Protocol.HEADER);
    }

    /**
     * Reads what is there.
     *
     * @throws PulseException when the server broke the protocol, or closed the connection
     * @throws OsException when the connection is broken
     */
    void receive(Fd from) {
        for (int i = 0; i < READS && from.isOpen(); i++) { // what is done with a message may close it
            vec.clear();
            vec.add(bytes, 0, READ);
            long n = from.tryReadv(vec);
            if (n == -Errno.EAGAIN) {
                return;
            }
            if (n < 0) {
                throw new OsException("read", (int) -n);
            }
            if (n == 0) {
                throw new PulseException("the server closed the connection");
            }
            read.clear().limit((int) n);
            while (read.hasRemaining() && from.isOpen()) {
                step();
            }
            if (n < READ) {
                return;
            }
        }
    }

    private void step() {
        if (isBody && channel != Protocol.MESSAGES) {
            int n = Math.min(left, read.remaining());
            receiver.data(channel, bytes, read.position(), n);
            read.position(read.position() + n);
            left -= n;
            if (left == 0) {
                expectHeader();
            }
            return;
        }
        while (read.hasRemaining() && message.hasRemaining()) {
            message.put(read.get());
        }
        if (message.hasRemaining()) {
            return;
        }
        message.flip();
        if (isBody) {
            receiver.message(reader);
            expectHeader();
        } else {
            header();
        }
    }

    private void header() {
        int length = message.getInt(0);
        channel = message.getInt(4);
        int flags = message.getInt(16);
        // The high bits speak of shared memory, which was not agreed upon; the low byte is a seek mode.
        if ((flags & 0xffffff00) != 0) {
            throw new PulseException("a frame of the server has the flags 0x%x".formatted(flags));
        }
        boolean isMessage = channel == Protocol.MESSAGES;
        if (length <= 0 || length > (isMessage ? MOST_MESSAGE : MOST_DATA)) {
            throw new PulseException("a frame of the server has " + (length & 0xffffffffL) + " bytes");
        }
        isBody = true;
        left = length;
        message.clear().limit(isMessage ? length : 0);
    }
}

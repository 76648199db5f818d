package jcrosvm.devices.snd;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;

/** Stands between a front end and a backend, and writes down what either says. */
final class RecordingProxy {
    private final List<UnixSocket> front = UnixSocket.pair(UnixSocket.Type.STREAM);
    private final List<UnixSocket> back = UnixSocket.pair(UnixSocket.Type.STREAM);
    private final Side requests = new Side();
    private final Side replies = new Side();
    private final Thread thread = Thread.ofPlatform().daemon().unstarted(this::run);

    /** What one side has said: a line for each message. */
    private static final class Side {
        private final List<String> lines = new ArrayList<>();
        private byte[] rest = {};
        private int descriptors;

        private void add(UnixSocket.Message part) {
            ByteBuffer bytes = ByteBuffer.allocate(rest.length + part.data().length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .put(rest)
                    .put(part.data())
                    .flip();
            descriptors += part.fds().size();
            while (bytes.remaining() >= 12 && bytes.remaining() - 12 >= bytes.getInt(bytes.position() + 8)) {
                int number = bytes.getInt();
                int flags = bytes.getInt();
                byte[] payload = new byte[bytes.getInt()];
                bytes.get(payload);
                lines.add("%d flags %x, %d descriptors: %s"
                        .formatted(number, flags, descriptors, HexFormat.of().formatHex(payload)));
                descriptors = 0;
            }
            rest = new byte[bytes.remaining()];
            bytes.get(rest);
        }
    }

    /** The ends for the front end and the backend. */
    List<UnixSocket> start() {
        thread.start();
        return List.of(front.get(0), back.get(1));
    }

    private void run() {
        boolean[] isOver = {false};
        try (UnixSocket toFront = front.get(1);
                UnixSocket toBack = back.get(0);
                Poller poller = new Poller()) {
            poller.add(toFront.fd(), Poller.READABLE, events -> isOver[0] |= !pass(toFront, toBack, requests));
            poller.add(toBack.fd(), Poller.READABLE, events -> isOver[0] |= !pass(toBack, toFront, replies));
            while (!isOver[0]) {
                poller.poll(-1);
            }
        }
    }

    private static boolean pass(UnixSocket from, UnixSocket to, Side side) {
        UnixSocket.Message part = from.receive(4096);
        if (part == null || part.endOfStream()) {
            return false;
        }
        side.add(part);
        to.send(part.data(), part.fds());
        part.fds().forEach(Fd::close);
        return true;
    }

    /** Waits until either has closed its end: what the front end has said, then what the backend has. */
    List<List<String>> transcript() throws InterruptedException {
        thread.join();
        return List.of(requests.lines, replies.lines);
    }
}

package jcrosvm.devices.snd;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;

/** Stands between a front end and a backend, and writes down what either says. */
final class RecordingProxy {
    private final List<UnixSocket> front = UnixSocket.pair(UnixSocket.Type.STREAM);
    private final List<UnixSocket> back = UnixSocket.pair(UnixSocket.Type.STREAM);
    private final List<String> requests = new ArrayList<>();
    private final List<String> replies = new ArrayList<>();
    private final Thread thread = Thread.ofPlatform().daemon().unstarted(this::run);

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

    /** Passes one message on, with its descriptors where they were: at its beginning. */
    private static boolean pass(UnixSocket from, UnixSocket to, List<String> lines) {
        List<Fd> descriptors = new ArrayList<>();
        byte[] header = receive(from, 12, descriptors);
        if (header.length < 12) {
            return false;
        }
        ByteBuffer fields = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
        byte[] payload = receive(from, fields.getInt(8), descriptors);
        lines.add("%d flags %x, %d descriptors: %s"
                .formatted(
                        fields.getInt(0),
                        fields.getInt(4),
                        descriptors.size(),
                        HexFormat.of().formatHex(payload)));
        byte[] whole = Arrays.copyOf(header, header.length + payload.length);
        System.arraycopy(payload, 0, whole, header.length, payload.length);
        to.send(whole, descriptors);
        descriptors.forEach(Fd::close);
        return true;
    }

    /** So many bytes, or fewer at the end. */
    private static byte[] receive(UnixSocket from, int length, List<Fd> descriptors) {
        byte[] bytes = {};
        while (bytes.length < length) {
            UnixSocket.Message part = from.receive(length - bytes.length);
            if (part == null || part.endOfStream()) {
                break;
            }
            descriptors.addAll(part.fds());
            int before = bytes.length;
            bytes = Arrays.copyOf(bytes, before + part.data().length);
            System.arraycopy(part.data(), 0, bytes, before, part.data().length);
        }
        return bytes;
    }

    /** Waits until either has closed its end: what the front end has said, then what the backend has. */
    List<List<String>> transcript() throws InterruptedException {
        thread.join();
        return List.of(requests, replies);
    }
}

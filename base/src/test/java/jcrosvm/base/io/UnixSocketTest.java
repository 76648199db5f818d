package jcrosvm.base.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CyclicBarrier;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class UnixSocketTest {
    @TempDir
    Path dir;

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static UnixSocket.Message receive(UnixSocket socket) {
        return Objects.requireNonNull(socket.receive(1000));
    }

    @ParameterizedTest
    @EnumSource(
            value = UnixSocket.Type.class,
            names = {"STREAM", "SEQPACKET"})
    void descriptorsTravelWithTheBytes(UnixSocket.Type type) {
        List<UnixSocket> pair = UnixSocket.pair(type);
        try (SharedMemory memory = SharedMemory.create("passed", 4096);
                UnixSocket a = pair.get(0);
                UnixSocket b = pair.get(1)) {
            a.send(bytes("two"), List.of(memory.fd(), memory.fd()));
            UnixSocket.Message message = receive(b);
            assertThat(message.data()).isEqualTo(bytes("two"));
            assertThat(message.fds()).hasSize(2);
            Mapping theirs = Mapping.shared(message.fds().get(1), 0, 4096);
            theirs.segment().set(ValueLayout.JAVA_BYTE, 9, (byte) 3);
            assertThat(Mapping.shared(memory.fd(), 0, 4096).segment().get(ValueLayout.JAVA_BYTE, 9))
                    .isEqualTo((byte) 3);
            message.fds().forEach(Fd::close);
            a.close();
            assertThat(receive(b).endOfStream()).isTrue();
        }
    }

    @Test
    void packetsKeepTheirBordersAndSayWhenCut() {
        List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.SEQPACKET);
        try (UnixSocket a = pair.get(0);
                UnixSocket b = pair.get(1)) {
            a.send(bytes("one"));
            a.send(bytes("three"));
            assertThat(receive(b).data()).isEqualTo(bytes("one"));
            UnixSocket.Message cut = Objects.requireNonNull(b.receive(2));
            assertThat(cut.data()).isEqualTo(bytes("th"));
            assertThat(cut.truncated()).isTrue();
            b.fd().nonBlocking(true);
            assertThat(b.receive(10)).isNull();
        }
    }

    @Test
    void listensConnectsAndReplacesOnlyStaleSockets() throws Exception {
        Path path = dir.resolve("s");
        UnixSocket first = UnixSocket.listen(path, UnixSocket.Type.SEQPACKET);
        try (UnixSocket client = UnixSocket.connect(path, UnixSocket.Type.SEQPACKET);
                UnixSocket server = first.accept()) {
            client.send(bytes("x"));
            assertThat(receive(server).data()).isEqualTo(bytes("x"));
        }
        assertThatThrownBy(() -> UnixSocket.listen(path, UnixSocket.Type.SEQPACKET))
                .isInstanceOf(VmmException.class)
                .hasMessage("socket " + path + " is in use by another process");
        first.close(); // its path stays behind, as after kill -9
        assertThatThrownBy(() -> UnixSocket.connect(path, UnixSocket.Type.SEQPACKET))
                .isInstanceOf(OsException.class)
                .hasMessageContaining("ECONNREFUSED");
        UnixSocket.listen(path, UnixSocket.Type.SEQPACKET).close();
        UnixSocket.unlink(path);
        UnixSocket.unlink(path);
        assertThat(Files.exists(path)).isFalse();
    }

    @Test
    void removesItsOwnPathAndNobodyElses() throws Exception {
        Path path = dir.resolve("s");
        try (UnixSocket first = UnixSocket.listen(path, UnixSocket.Type.SEQPACKET)) {
            UnixSocket.unlink(path);
            try (UnixSocket second = UnixSocket.listen(path, UnixSocket.Type.SEQPACKET)) {
                first.unlink();
                assertThat(path).exists();
                second.unlink();
                assertThat(path).doesNotExist();
                second.unlink();
            }
            Files.writeString(path, "a file");
            first.unlink();
            assertThat(path).exists();
        }
    }

    @Test
    void ofStartersAtOnceOneGetsAStalePath() throws Exception {
        int starters = 4;
        for (int round = 0; round < 200; round++) {
            Path path = dir.resolve("s");
            UnixSocket.unlink(path);
            if (round % 4 != 0) {
                UnixSocket.listen(path, UnixSocket.Type.SEQPACKET).close();
            }
            List<UnixSocket> winners = Collections.synchronizedList(new ArrayList<>());
            List<String> refused = Collections.synchronizedList(new ArrayList<>());
            CyclicBarrier together = new CyclicBarrier(starters);
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < starters; i++) {
                threads.add(Thread.ofPlatform().start(() -> {
                    try {
                        together.await();
                        winners.add(UnixSocket.listen(path, UnixSocket.Type.SEQPACKET));
                    } catch (VmmException e) {
                        refused.add(e.getMessage());
                    } catch (Exception e) {
                        refused.add("unexpected " + e);
                    }
                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertThat(winners).as("round %d, others: %s", round, refused).hasSize(1);
            assertThat(refused).containsOnly("socket " + path + " is in use by another process");
            try (UnixSocket winner = winners.getFirst();
                    UnixSocket client = UnixSocket.connect(path, UnixSocket.Type.SEQPACKET)) {
                client.send(bytes("x"));
                byte[] received = new byte[0];
                while (received.length == 0) { // the others have looked whether somebody listens
                    try (UnixSocket server = winner.accept()) {
                        received = receive(server).data();
                    }
                }
                assertThat(received).isEqualTo(bytes("x"));
            }
        }
    }

    @Test
    void aDirectoryThatIsLockedForLongIsNoHindrance() throws Exception {
        Process holder = new ProcessBuilder("flock", dir.toString(), "sh", "-c", "echo locked; exec sleep 60")
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            assumeTrue(holder.inputReader().readLine() != null, "the flock program locks directories");
            UnixSocket.listen(dir.resolve("s"), UnixSocket.Type.SEQPACKET).close();
        } finally {
            holder.destroyForcibly().waitFor();
        }
    }

    @Test
    void connectsWithoutWaiting() {
        Path path = dir.resolve("full");
        List<UnixSocket> waiting = new ArrayList<>();
        try (UnixSocket listener = UnixSocket.listen(path, UnixSocket.Type.STREAM)) {
            assertThatThrownBy(() -> {
                        for (int i = 0; i < 100; i++) {
                            waiting.add(UnixSocket.connectNow(path, UnixSocket.Type.STREAM));
                        }
                    })
                    .isInstanceOf(OsException.class)
                    .hasMessageContaining("EAGAIN");
            assertThat(waiting).isNotEmpty();
            assertThat(waiting.getFirst().receive(1)).isNull();
        } finally {
            waiting.forEach(UnixSocket::close);
        }
    }

    @Test
    void neverDeletesWhatIsNotASocket() throws Exception {
        Path file = Files.writeString(dir.resolve("precious"), "data");
        assertThatThrownBy(() -> UnixSocket.listen(file, UnixSocket.Type.SEQPACKET))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("not a stale socket");
        assertThat(Files.readString(file)).isEqualTo("data");
        Path link = Files.createSymbolicLink(dir.resolve("link"), dir.resolve("nowhere"));
        assertThatThrownBy(() -> UnixSocket.listen(link, UnixSocket.Type.SEQPACKET))
                .isInstanceOf(VmmException.class);
        assertThat(Files.isSymbolicLink(link)).isTrue();
        assertThatThrownBy(() -> UnixSocket.listen(Path.of("/dev/null"), UnixSocket.Type.SEQPACKET))
                .isInstanceOf(VmmException.class);
        assertThat(Files.exists(Path.of("/dev/null"))).isTrue();
    }

    @Test
    void longPathsAreRefusedWithTheLimit() {
        assertThatThrownBy(() -> UnixSocket.listen(dir.resolve("x".repeat(120)), UnixSocket.Type.STREAM))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("the limit is 107");
    }
}

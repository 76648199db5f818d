package jcrosvm.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import jcrosvm.base.Errno;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.Value;
import jcrosvm.vmm.MachineVerb;
import jcrosvm.vmm.VmControl;
import jcrosvm.vmm.VmRequest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ControlSocketTest {
    /** Records what it is asked, and fails as it is told. */
    private static final class Recorder implements VmControl {
        final List<Fd> received = new CopyOnWriteArrayList<>();
        volatile Consumer<List<Fd>> onDescriptors = fds -> {};
        final BlockingQueue<CompletableFuture<Value>> late = new LinkedBlockingQueue<>();

        /** "Late" is answered when the test wants, "Echo" with its body. */
        @Override
        public CompletionStage<Value> performOnDevices(VmRequest request) {
            String verb = request.verb();
            Value body = request.body();
            received.addAll(request.descriptors());
            onDescriptors.accept(request.descriptors());
            if (failure != null) {
                throw failure;
            }
            return switch (verb) {
                case "Echo" -> CompletableFuture.completedFuture(Value.object(List.of(new Value.Entry("Echo", body))));
                case "Late" -> {
                    CompletableFuture<Value> reply = new CompletableFuture<>();
                    late.add(reply);
                    yield reply;
                }
                default -> throw new OsException(verb, Errno.ENOTSUP);
            };
        }

        final List<String> calls = Collections.synchronizedList(new ArrayList<>());
        final CountDownLatch stopped = new CountDownLatch(1);
        volatile RuntimeException failure;

        private void call(String name) {
            calls.add(name);
            if (failure != null) {
                throw failure;
            }
        }

        @Override
        public void stop() {
            call("stop");
            stopped.countDown();
        }

        @Override
        public void powerButton() {
            call("power");
        }

        @Override
        public void sleepButton() {
            call("sleep");
        }

        @Override
        public void suspend(boolean full) {
            call("suspend " + full);
        }

        @Override
        public void resume(boolean full) {
            call("resume " + full);
        }
    }

    @TempDir
    private Path folder;

    private final Recorder vm = new Recorder();
    private ControlServer server;

    @BeforeEach
    void start() {
        server = ControlServer.listen(folder.resolve("s"));
        server.serve(vm);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private String ask(UnixSocket client, String json) {
        return ask(client, json.getBytes(StandardCharsets.UTF_8));
    }

    private String ask(UnixSocket client, byte[] packet) {
        client.send(packet);
        return new String(client.receive(1 << 16).data(), StandardCharsets.UTF_8);
    }

    private UnixSocket connect() {
        return UnixSocket.connect(server.path(), UnixSocket.Type.SEQPACKET);
    }

    @Test
    void carriesOutEveryCommand() {
        try (ControlClient client = ControlClient.connect(server.path())) {
            for (MachineVerb verb : MachineVerb.ALL) {
                if (verb != MachineVerb.EXIT) {
                    assertThat(client.send(verb.request(), -1)).isEqualTo(new Reply.Ok());
                }
            }
        }
        assertThat(vm.calls)
                .containsExactly("power", "sleep", "suspend false", "resume false", "suspend true", "resume true");
    }

    @Test
    void answersBeforeItStops() throws Exception {
        try (UnixSocket client = connect()) {
            assertThat(ask(client, "\"Exit\"")).isEqualTo("\"Ok\"");
        }
        vm.stopped.await();
        assertThat(vm.calls).containsExactly("stop");
    }

    @Test
    void answersInCrosvmsForms() {
        try (UnixSocket client = connect()) {
            assertThat(ask(client, "\"Powerbtn\"")).isEqualTo("\"Ok\"");
            assertThat(ask(client, " \"Powerbtn\" ")).isEqualTo("\"Ok\"");
            assertThat(ask(client, "{\"Powerbtn\":null}")).isEqualTo("\"Ok\"");
            assertThat(ask(client, "{\"Gpe\":{\"gpe\":3,\"clear_evt\":null}}")).isEqualTo("{\"Err\":95}");
            assertThat(ask(client, "{\"BalloonCommand\":\"Stats\"}")).isEqualTo("{\"Err\":95}");
            assertThat(ask(client, "\"MakeRT\"")).isEqualTo("{\"Err\":95}");
            for (String bad : List.of(
                    "Powerbtn",
                    "\"powerbtn\"",
                    "{}",
                    "[]",
                    "5",
                    "null",
                    "\"\"",
                    "{\"Powerbtn\":{}}",
                    "{\"Exit\":1}",
                    "{\"Powerbtn\":null,\"Exit\":null}",
                    "\"Powerbtn\"x",
                    "\u0000",
                    "{\"a\":".repeat(1000))) {
                assertThat(ask(client, bad)).as(bad).isEqualTo("{\"Err\":22}");
            }
            assertThat(ask(client, new byte[] {(byte) 0xff})).isEqualTo("{\"Err\":22}");
            assertThat(ask(client, new byte[100_000])).isEqualTo("{\"Err\":22}");
            assertThat(ask(client, "\"Powerbtn\"")).isEqualTo("\"Ok\"");
        }
    }

    @Test
    void passesErrorsOn() {
        try (ControlClient client = ControlClient.connect(server.path())) {
            vm.failure = new OsException("power button", Errno.ENOTSUP);
            assertThat(client.send(MachineVerb.POWER_BUTTON.request(), -1)).isEqualTo(new Reply.Err(Errno.ENOTSUP));
            vm.failure = new VmmException("no");
            assertThat(client.send(MachineVerb.POWER_BUTTON.request(), -1)).isEqualTo(new Reply.Err(Errno.EIO));
            vm.failure = new IllegalStateException("defect");
            assertThat(client.send(MachineVerb.POWER_BUTTON.request(), -1)).isEqualTo(new Reply.Err(Errno.EIO));
            vm.failure = null;
            assertThat(client.send(MachineVerb.POWER_BUTTON.request(), -1)).isEqualTo(new Reply.Ok());
        }
    }

    /** Neither by coming back again and again nor by coming in numbers. */
    @Test
    void clientsCannotFillTheLog() {
        AtomicInteger lines = new AtomicInteger();
        Logger logger = Logger.getLogger("control");
        Handler counter = new Handler() {
            @Override
            public void publish(LogRecord line) {
                if (line.getLevel().intValue() >= Level.WARNING.intValue()) {
                    lines.incrementAndGet();
                }
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        logger.addHandler(counter);
        List<UnixSocket> crowd = new ArrayList<>();
        try {
            for (int i = 0; i < 50; i++) {
                try (UnixSocket client = connect()) {
                    assertThat(ask(client, "nonsense")).isEqualTo("{\"Err\":22}");
                }
            }
            for (int i = 0; i < 200; i++) {
                crowd.add(connect());
            }
            assertThat(ask(crowd.getFirst(), "\"Powerbtn\"")).isEqualTo("\"Ok\"");
        } finally {
            crowd.forEach(UnixSocket::close);
            logger.removeHandler(counter);
        }
        // One more for every minute that this takes.
        assertThat(lines.get()).isLessThanOrEqualTo(2 * LimitedLog.BURST);
    }

    private static String receive(UnixSocket client) {
        return new String(client.receive(1 << 16).data(), StandardCharsets.UTF_8);
    }

    private static void send(UnixSocket client, String json) {
        client.send(json.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void handsRequestsWithFieldsToDevices() {
        try (UnixSocket client = connect();
                ControlClient typed = ControlClient.connect(server.path())) {
            assertThat(ask(client, "{\"Echo\":{\"a\":[1,\"x\",null]}}")).isEqualTo("{\"Echo\":{\"a\":[1,\"x\",null]}}");
            assertThat(typed.send(new VmRequest("Echo", JsonReader.parse("{\"b\": true}")), -1))
                    .isEqualTo(new Reply.Answer(JsonReader.parse("{\"Echo\":{\"b\":true}}")));
            assertThat(ask(client, "{\"Other\":1}")).isEqualTo("{\"Err\":95}");
            assertThat(ask(client, "{\"No name\":1}")).isEqualTo("{\"Err\":22}");
            vm.failure = new OsException("x", Errno.EROFS);
            assertThat(ask(client, "{\"Echo\":1}")).isEqualTo("{\"Err\":30}");
            vm.failure = new ConfigException("x", 0);
            assertThat(ask(client, "{\"Echo\":1}")).isEqualTo("{\"Err\":22}");
            vm.failure = new IllegalStateException("defect");
            assertThat(ask(client, "{\"Echo\":1}")).isEqualTo("{\"Err\":5}");
        }
    }

    @Test
    void descriptorsComeWithARequest() throws Exception {
        try (UnixSocket client = connect();
                EventFd event = new EventFd()) {
            vm.onDescriptors = fds -> {
                assertThat(fds).hasSize(2);
                new EventFd(fds.getLast().duplicate()).signal();
            };
            client.send("{\"Echo\":1}".getBytes(StandardCharsets.UTF_8), List.of(event.fd(), event.fd()));
            assertThat(receive(client)).isEqualTo("{\"Echo\":1}");
            assertThat(Poller.await(event.fd(), Poller.READABLE, 0)).isNotZero();
            vm.onDescriptors = fds -> {};
            client.send("{\"Echo\":1}".getBytes(StandardCharsets.UTF_8), Collections.nCopies(9, event.fd()));
            assertThat(receive(client)).isEqualTo("{\"Err\":22}");
        }
        assertThat(vm.received).isNotEmpty().noneMatch(Fd::isOpen);
    }

    @Test
    void waitingRequestsHoldOnlySoManyDescriptors() throws Exception {
        try (UnixSocket client = connect();
                UnixSocket other = connect();
                EventFd event = new EventFd()) {
            byte[] late = "{\"Late\":1}".getBytes(StandardCharsets.UTF_8);
            List<CompletableFuture<Value>> waiting = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                client.send(late, Collections.nCopies(8, event.fd()));
                waiting.add(vm.late.take());
            }
            other.send("{\"Echo\":1}".getBytes(StandardCharsets.UTF_8), List.of(event.fd()));
            assertThat(receive(other)).isEqualTo("{\"Err\":22}");
            assertThat(ask(other, "{\"Echo\":1}")).isEqualTo("{\"Echo\":1}");
            waiting.forEach(reply -> reply.complete(Value.string("Ok")));
            for (int i = 0; i < 8; i++) {
                assertThat(receive(client)).isEqualTo("\"Ok\"");
            }
            other.send("{\"Echo\":1}".getBytes(StandardCharsets.UTF_8), List.of(event.fd()));
            assertThat(receive(other)).isEqualTo("{\"Echo\":1}");
        }
    }

    @Test
    void repliesThatComeLaterKeepTheirOrderAndHoldUpNobody() throws Exception {
        try (UnixSocket waiting = connect();
                UnixSocket other = connect()) {
            send(waiting, "{\"Late\":1}");
            send(waiting, "{\"Echo\":2}");
            send(waiting, "{\"Late\":3}");
            CompletableFuture<Value> first = vm.late.take();
            CompletableFuture<Value> second = vm.late.take();
            assertThat(ask(other, "\"Powerbtn\"")).isEqualTo("\"Ok\"");
            second.completeExceptionally(new OsException("late", Errno.ETIMEDOUT));
            assertThat(ask(other, "\"Powerbtn\"")).isEqualTo("\"Ok\"");
            first.complete(Value.string("Ok"));
            assertThat(receive(waiting)).isEqualTo("\"Ok\"");
            assertThat(receive(waiting)).isEqualTo("{\"Echo\":2}");
            assertThat(receive(waiting)).isEqualTo("{\"Err\":110}");
        }
    }

    @Test
    void takesOnlySoManyRequestsBeforeItHasAnswered() throws Exception {
        try (UnixSocket waiting = connect()) {
            for (int i = 0; i < 40; i++) {
                send(waiting, "{\"Late\":1}");
            }
            List<CompletableFuture<Value>> taken = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                taken.add(vm.late.take());
                if (i % 16 == 15) {
                    try (UnixSocket other = connect()) {
                        assertThat(ask(other, "\"Powerbtn\"")).isEqualTo("\"Ok\"");
                    }
                    assertThat(vm.late).isEmpty();
                    taken.forEach(reply -> reply.complete(Value.string("Ok")));
                }
            }
            taken.forEach(reply -> reply.complete(Value.string("Ok")));
            for (int i = 0; i < 40; i++) {
                assertThat(receive(waiting)).isEqualTo("\"Ok\"");
            }
        }
    }

    @Test
    void clientsThatLeaveBeforeTheirReplyDoNoHarm() throws Exception {
        for (int requests : new int[] {1, 20}) {
            UnixSocket leaving = connect();
            for (int i = 0; i < requests; i++) {
                send(leaving, "{\"Late\":1}");
            }
            CompletableFuture<Value> first = vm.late.take();
            leaving.close();
            try (UnixSocket other = connect()) {
                assertThat(ask(other, "\"Powerbtn\"")).isEqualTo("\"Ok\"");
                first.complete(Value.string("Ok"));
                vm.late.forEach(reply -> reply.complete(Value.string("Ok")));
                assertThat(ask(other, "\"Powerbtn\"")).isEqualTo("\"Ok\"");
            }
            vm.late.clear();
        }
        UnixSocket last = connect();
        send(last, "{\"Late\":1}");
        CompletableFuture<Value> reply = vm.late.take();
        server.close();
        reply.complete(Value.string("Ok"));
        last.close();
    }

    @Test
    void anEndAnswersWhatIsStillWaiting() throws Exception {
        try (UnixSocket client = connect()) {
            send(client, "{\"Late\":1}");
            send(client, "\"Exit\"");
            assertThat(receive(client)).isEqualTo("{\"Err\":125}");
            assertThat(receive(client)).isEqualTo("\"Ok\"");
            vm.stopped.await();
        }
    }

    @Test
    void survivesGarbageFromManyClients() {
        Random random = new Random(4);
        List<UnixSocket> clients = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            clients.add(connect());
        }
        String alphabet = "\"ExitPowbn{}[]:,\\ 0";
        for (int i = 0; i < 5_000; i++) {
            UnixSocket client = clients.get(random.nextInt(clients.size()));
            byte[] packet = new byte[1 + random.nextInt(12)];
            for (int j = 0; j < packet.length; j++) {
                packet[j] = (byte)
                        (random.nextInt(8) == 0
                                ? random.nextInt(256)
                                : alphabet.charAt(random.nextInt(alphabet.length())));
            }
            assertThat(ask(client, packet)).isIn("\"Ok\"", "{\"Err\":22}", "{\"Err\":95}");
        }
        clients.forEach(UnixSocket::close);
        try (UnixSocket client = connect()) {
            assertThat(ask(client, "\"Powerbtn\"")).isEqualTo("\"Ok\"");
        }
    }

    @Test
    void closesDescriptorsItIsSent() throws Exception {
        try (UnixSocket client = connect();
                EventFd sent = new EventFd()) {
            ask(client, "\"Powerbtn\"");
            long before = descriptors();
            for (int i = 0; i < 50; i++) {
                client.send("\"Powerbtn\"".getBytes(StandardCharsets.UTF_8), List.of(sent.fd(), sent.fd()));
                client.receive(100);
            }
            assertThat(descriptors()).isEqualTo(before);
        }
    }

    private static long descriptors() throws Exception {
        try (var list = Files.list(Path.of("/proc/self/fd"))) {
            return list.count();
        }
    }

    @Test
    void isNotHeldUpByAClientThatDoesNotRead() {
        try (UnixSocket lazy = connect();
                UnixSocket client = connect()) {
            lazy.fd().nonBlocking(true);
            try {
                for (int i = 0; i < 100_000; i++) {
                    lazy.send("\"Powerbtn\"".getBytes(StandardCharsets.UTF_8));
                }
            } catch (OsException e) {
                // Its queue is full, or the server has let it go: either is what is wanted.
                assertThat(e.errno()).isIn(Errno.EAGAIN, Errno.EPIPE, Errno.ECONNRESET);
            }
            assertThat(ask(client, "\"Powerbtn\"")).isEqualTo("\"Ok\"");
        }
    }

    @Test
    void endsAConnectionAtAnEmptyPacket() {
        try (UnixSocket client = connect()) {
            client.send(new byte[0]);
            assertThat(client.receive(100).endOfStream()).isTrue();
        }
    }

    @Test
    void namesItselfInADirectory() {
        try (ControlServer other = ControlServer.listen(folder)) {
            assertThat(other.path())
                    .isEqualTo(
                            folder.resolve("jcrosvm-" + ProcessHandle.current().pid() + ".sock"))
                    .exists();
        }
        assertThat(folder.resolve("jcrosvm-" + ProcessHandle.current().pid() + ".sock"))
                .doesNotExist();
    }

    @Test
    void removesItsSocketAndLeavesOthersAlone() throws Exception {
        assertThatThrownBy(() -> ControlServer.listen(server.path()))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("is in use");
        server.close();
        assertThat(server.path()).doesNotExist();
        server.close();
        Path stale = folder.resolve("stale");
        UnixSocket.listen(stale, UnixSocket.Type.SEQPACKET).close();
        assertThat(stale).exists();
        ControlServer.listen(stale).close();
        assertThat(stale).doesNotExist();
        Path file = Files.writeString(folder.resolve("file"), "x");
        assertThatThrownBy(() -> ControlServer.listen(file)).isInstanceOf(VmmException.class);
        assertThat(file).hasContent("x");
        Path stream = folder.resolve("stream");
        try (UnixSocket live = UnixSocket.listen(stream, UnixSocket.Type.STREAM)) {
            assertThatThrownBy(() -> ControlServer.listen(stream)).isInstanceOf(VmmException.class);
            assertThat(stream).exists();
        }
        assertThatThrownBy(() -> ControlServer.listen(folder.resolve("x".repeat(120))))
                .hasMessageContaining("the limit is 107");
    }

    @Test
    void tellsClientsWhatIsMissing() throws Exception {
        assertThatThrownBy(() -> ControlClient.connect(folder.resolve("none")))
                .hasMessageContaining("there is no such socket");
        Path stale = folder.resolve("stale");
        UnixSocket.listen(stale, UnixSocket.Type.SEQPACKET).close();
        assertThatThrownBy(() -> ControlClient.connect(stale)).hasMessageContaining("no VM listens on it");
        Path stream = folder.resolve("stream");
        try (UnixSocket live = UnixSocket.listen(stream, UnixSocket.Type.STREAM)) {
            assertThatThrownBy(() -> ControlClient.connect(stream)).hasMessageContaining("another kind");
        }
        Path silent = folder.resolve("silent");
        try (UnixSocket live = UnixSocket.listen(silent, UnixSocket.Type.SEQPACKET);
                ControlClient client = ControlClient.connect(silent)) {
            assertThatThrownBy(() -> client.send(MachineVerb.EXIT.request(), 1)).hasMessageContaining("did not answer");
            live.accept().close();
            assertThatThrownBy(() -> client.send(MachineVerb.EXIT.request(), -1))
                    .isInstanceOf(VmmException.class);
        }
    }

    @Test
    void readsReplies() {
        assertThat(Reply.decode("\"Ok\"".getBytes(StandardCharsets.UTF_8))).isEqualTo(new Reply.Ok());
        assertThat(Reply.decode("{\"Err\":22}".getBytes(StandardCharsets.UTF_8)).toString())
                .isEqualTo("error: Invalid argument (EINVAL)");
        for (String other :
                List.of("{\"Err\":\"x\"}", "{\"Err\":-1}", "{\"Err\":1,\"x\":2}", "{\"ErrString\":\"x\"}", "")) {
            assertThat(Reply.decode(other.getBytes(StandardCharsets.UTF_8))).satisfies(reply -> {
                assertThat(reply).isNotInstanceOfAny(Reply.Ok.class, Reply.Err.class);
                assertThat(reply).hasToString(other);
            });
        }
    }
}

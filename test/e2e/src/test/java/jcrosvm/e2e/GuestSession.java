package jcrosvm.e2e;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.boot.BootConfig;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;
import jcrosvm.serial.SerialConfig;
import jcrosvm.vmm.VirtualMachine;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.config.VmConfigBuilder;

/** A running test guest, with its console in the test's hands. */
final class GuestSession implements AutoCloseable {
    /** Far above what a boot takes even in emulation on a busy machine: only a hang meets it. */
    private static final long LIMIT_SECONDS = 240;

    private static final Guests GUESTS = Guests.ofUser(line -> {});

    private final VirtualMachine vm;
    private final UnixSocket console;
    private final CompletableFuture<VmExit> end = new CompletableFuture<>();
    private final Transcript transcript = new Transcript(LIMIT_SECONDS, () -> false);
    private final Thread reader;

    /**
     * Boots a script.
     *
     * @param directory for the initramfs and the console's socket
     * @param machine fills in everything but the image and the console
     */
    GuestSession(Path directory, DebianKernel kernel, String script, UnaryOperator<VmConfigBuilder> machine) {
        this(directory, kernel, script, UnaryOperator.identity(), machine);
    }

    /** @param content what else is in the guest */
    GuestSession(
            Path directory,
            DebianKernel kernel,
            String script,
            UnaryOperator<TestGuest> content,
            UnaryOperator<VmConfigBuilder> machine) {
        GuestImage image = content.apply(new TestGuest(GUESTS, kernel, script)).write(directory.resolve("initramfs"));
        Path path = directory.resolve("console");
        try (UnixSocket listener = UnixSocket.listen(path, UnixSocket.Type.STREAM)) {
            VmConfigBuilder builder = VmConfig.builder().kernel(image.kernel()).initrd(image.initramfs());
            BootConfig boot = machine.apply(builder).build().boot();
            builder.boot(boot.withParams(withImage(image, boot.params())));
            builder.serial(serial("type=unix-stream,input-unix-stream,num=1,path=" + path));
            vm = VirtualMachine.create(builder.build());
            console = listener.accept();
        } finally {
            UnixSocket.unlink(path);
        }
        reader = Thread.ofPlatform().daemon().start(this::read);
        Thread.ofPlatform().daemon().start(() -> {
            try {
                end.complete(vm.run());
            } catch (InterruptedException | RuntimeException | Error e) {
                end.completeExceptionally(e);
            }
            transcript.end();
        });
    }

    private static List<String> withImage(GuestImage image, List<String> more) {
        return java.util.stream.Stream.concat(java.util.stream.Stream.of(image.parameters()), more.stream())
                .toList();
    }

    static SerialConfig serial(String options) {
        return RecordBinder.bind(KeyValueParser.parse(options), SerialConfig.class);
    }

    private void read() {
        while (true) {
            UnixSocket.Message message = console.receive(4096);
            if (message == null || message.endOfStream()) {
                transcript.close();
                return;
            }
            transcript.append(message.data(), message.data().length);
        }
    }

    VirtualMachine vm() {
        return vm;
    }

    /** All that the guest has printed. */
    String output() {
        return transcript.text();
    }

    /** Waits for a line that starts with {@code "@@ " + marker}: its rest. */
    String awaitMarker(String marker) {
        return awaitMarker(marker, 1);
    }

    /** Waits for the marker's n-th line. */
    String awaitMarker(String marker, int n) {
        return transcript.awaitMarker(marker, n);
    }

    /** Waits until the output contains a text n times. */
    void awaitText(String text, int n) {
        transcript.awaitText(text, n);
    }

    /** Types a line. */
    void type(String line) {
        console.send((line + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** Waits for the VM's end. */
    VmExit awaitEnd() {
        try {
            return end.get(LIMIT_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new AssertionError("the VM does not end; it printed:\n" + output(), e);
        } catch (InterruptedException | ExecutionException e) {
            throw new AssertionError("output:\n" + output(), e);
        }
    }

    @Override
    public void close() throws InterruptedException {
        vm.close();
        reader.join();
        console.close();
    }
}

package jcrosvm.devices.snd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.SpawnedProcess.Ending;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Value;
import jcrosvm.sandbox.ProgramCommand;
import jcrosvm.testkit.DeviceChildMain;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.ProcessHost;
import jcrosvm.testkit.Quiet;
import jcrosvm.vhostuser.frontend.DeviceProcess;
import jcrosvm.vhostuser.frontend.DeviceThread;
import jcrosvm.vhostuser.frontend.SplitDevice;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.SharedMemoryWindow;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A card in a thread and a card in a process of its own. */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class SndPlacementTest {
    private static final int OK = 0x8000;
    private static final int PERIOD = 1920;
    private static final VmFacts FACTS = new VmFacts(1, 64 << 20);
    private static final SndModule MODULE = new SndModule();

    @BeforeEach
    void quiet() {
        Quiet.please();
    }

    private static SplitDevice split(RecordingProxy proxy) {
        return new SplitDevice("snd", "snd0", "[Card 0] ", proxy.start());
    }

    private static VirtioDevice inThread(RecordingProxy proxy) {
        return DeviceThread.start(
                split(proxy), () -> MODULE.create(SndConfig.defaults(), 0, new HostResources(), FACTS));
    }

    private static VirtioDevice inProcess(RecordingProxy proxy) {
        return ProcessHost.start(split(proxy), MODULE, SndConfig.defaults(), 0, FACTS)
                .device();
    }

    private static DeviceProcess process() {
        return ProcessHost.start(MODULE, SndConfig.defaults(), 0, FACTS);
    }

    /** What a driver and a snapshot do to a card; its state. */
    private static byte[] use(VirtioDevice device) {
        byte[] state;
        try (SndDriver driver = new SndDriver(SndDriver.Host.LOCAL, device)) {
            assertThat(driver.driver.config()).hasSize(16);
            assertThat(driver.setParameters(0, 4 * PERIOD, PERIOD, 0, 2, SndDriver.S16, SndDriver.HZ_48000))
                    .isEqualTo(OK);
            assertThat(driver.prepare(0)).isEqualTo(OK);
            driver.play(0, new byte[PERIOD]);
            assertThat(driver.start(0)).isEqualTo(OK);
            assertThat(driver.played(1)).containsExactly(OK);
            assertThat(driver.stop(0)).isEqualTo(OK);
            driver.queues().forEach(MockQueue::stop);
            state = driver.driver.device().saveState();
            driver.driver.device().restoreState(state);
            driver.queues().forEach(MockQueue::restart);
            assertThat(driver.release(0)).isEqualTo(OK);
            driver.driver.reset();
        }
        return state;
    }

    /** Nothing but the consumer of the backend's half differs: messages, answers, features, the bytes of a snapshot. */
    @Test
    void aFrontEndCannotTellAThreadFromAProcess() throws Exception {
        RecordingProxy thread = new RecordingProxy();
        RecordingProxy process = new RecordingProxy();
        VirtioDevice one = inThread(thread);
        VirtioDevice other = inProcess(process);
        assertThat(other.traits()).isEqualTo(one.traits());
        byte[] state = use(one);
        assertThat(new String(use(other), StandardCharsets.UTF_8)).isEqualTo(new String(state, StandardCharsets.UTF_8));
        List<List<String>> transcript = process.transcript();
        assertThat(transcript).isEqualTo(thread.transcript());
        assertThat(transcript.getFirst()).hasSizeGreaterThan(50);
        assertThat(transcript.getLast()).hasSizeGreaterThan(20);
    }

    @Test
    void theBackendsHalfIsTakenOnce() {
        SplitDevice split = new SplitDevice("snd", "snd0", "[Card 0] ");
        VirtioDevice device =
                DeviceThread.start(split, () -> MODULE.create(SndConfig.defaults(), 0, new HostResources(), FACTS));
        assertThatThrownBy(() -> DeviceThread.start(split, () -> device))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("[Card 0] the backend's half of snd0 was taken already");
        device.close();
    }

    private static Value mute(boolean on) {
        return JsonReader.parse("{\"MuteAll\":" + on + "}");
    }

    @Test
    void verbsReachTheProcessAndItsAnswersComeBack() throws Exception {
        DeviceProcess process = process();
        try (SndDriver driver = new SndDriver(SndDriver.Host.LOCAL, process.device())) {
            for (boolean on : new boolean[] {true, false, true}) {
                assertMuted(process, on);
            }
            assertThat(errno(process, "BalloonCommand", mute(true))).isEqualTo(Errno.ENOTSUP);
            assertThat(errno(process, "SndCommand", Value.string("x"))).isEqualTo(Errno.EINVAL);
            driver.queues().forEach(MockQueue::stop);
            assertThat(new String(process.device().saveState(), StandardCharsets.UTF_8))
                    .contains("\"muted\":true");
        }
        assertThatThrownBy(() -> process.device().command("SndCommand", mute(true)))
                .isInstanceOf(OsException.class);
    }

    private static void assertMuted(DeviceProcess process, boolean on) throws Exception {
        Value reply = process.device()
                .command("SndCommand", mute(on))
                .toCompletableFuture()
                .get(60, TimeUnit.SECONDS);
        assertThat(JsonWriter.compact(reply)).isEqualTo(JsonWriter.compact(ControlVerb.OK));
    }

    private static int errno(DeviceProcess process, String verb, Value body) throws Exception {
        try {
            Value reply =
                    process.device().command(verb, body).toCompletableFuture().get(60, TimeUnit.SECONDS);
            throw new AssertionError(reply);
        } catch (ExecutionException e) {
            return ((OsException) e.getCause()).errno();
        }
    }

    private static BlockingQueue<String> watch(VirtioDevice device) {
        BlockingQueue<String> lost = new LinkedBlockingQueue<>();
        device.attach(new DeviceHost() {
            @Override
            public void configChanged() {}

            @Override
            public void failed() {}

            @Override
            public void lost(String reason) {
                lost.add(reason);
            }

            @Override
            public SharedMemoryWindow sharedMemory(int id) {
                throw new IllegalStateException();
            }
        });
        return lost;
    }

    private static void signal(String name, DeviceProcess process) throws Exception {
        assertThat(new ProcessBuilder("kill", "-" + name, Integer.toString(process.pid()))
                        .start()
                        .waitFor())
                .isZero();
    }

    @Test
    void aProcessThatIsKilledIsALostDevice() throws Exception {
        DeviceProcess process = process();
        BlockingQueue<String> lost = watch(process.device());
        signal("KILL", process);
        assertThat(lost.poll(60, TimeUnit.SECONDS))
                .isEqualTo("vhost-user: [Card 0] the process of snd0 (pid %d) was ended by signal 9 (SIGKILL)"
                        .formatted(process.pid()));
        assertThat(process.ending()).isEqualTo(new Ending(true, 9));
        assertThatThrownBy(() -> process.device().command("SndCommand", mute(true)))
                .hasMessageContaining("the device has ended");
        process.device().close();
        assertThat(lost).isEmpty();
    }

    /** Of a terminal's Ctrl-C, or of a service manager that signals every process of a VM. */
    @Test
    void aProcessIgnoresSignalsThatAreForItsVm() throws Exception {
        DeviceProcess process = process();
        for (String name : List.of("INT", "TERM", "HUP")) {
            signal(name, process);
        }
        assertMuted(process, true);
        process.device().close();
        assertThat(process.ending()).isEqualTo(new Ending(false, 0));
    }

    @Test
    void aProcessThatDoesNotEndIsKilledInThreeSeconds() throws Exception {
        DeviceProcess process = process();
        DeviceProcess another = process();
        signal("STOP", process);
        signal("STOP", another);
        long before = System.nanoTime();
        process.requestEnd();
        another.requestEnd();
        process.device().close();
        another.device().close();
        // One time for both. Closing asks nothing of a backend, so it does not wait for the answer of one that is
        // stopped.
        assertThat(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - before)).isBetween(2900L, 6000L);
        assertThat(process.ending()).isEqualTo(new Ending(true, 9));
        assertThat(another.ending()).isEqualTo(new Ending(true, 9));
    }

    @Test
    void aProcessThatIsToldToEndIsNotLost() throws Exception {
        DeviceProcess process = process();
        BlockingQueue<String> lost = watch(process.device());
        process.requestEnd();
        while (process.ending() == null) {
            Thread.sleep(10);
        }
        assertThat(process.ending().isGood()).isTrue();
        assertThat(lost.poll(200, TimeUnit.MILLISECONDS)).isNull();
        process.device().close();
        assertThat(lost).isEmpty();
    }

    private static DeviceProcess start(SplitDevice split, Record config, HostResources resources) {
        ProgramCommand command = ProgramCommand.ofClass(DeviceChildMain.class);
        return DeviceProcess.start(split, command, new DeviceProcess.Task(config, 0, resources, FACTS));
    }

    @Test
    void aDeviceThatCannotBeMadeIsOneLine() {
        SplitDevice other = new SplitDevice("snd", "snd0", "[Card 0] ");
        assertThatThrownBy(() -> start(other, FACTS, new HostResources()))
                .isInstanceOf(VmmException.class)
                .hasMessageStartingWith("[Card 0] the VM sent what is no device: ");
        SplitDevice none = new SplitDevice("none", "none0", "");
        assertThatThrownBy(() -> start(none, SndConfig.defaults(), new HostResources()))
                .isInstanceOf(VmmException.class)
                .hasMessageMatching("its process \\(pid \\d+\\) has ended with exit code 1 before it was ready");
    }

    private static DeviceProcess hostile(String what) {
        return DeviceProcess.start(
                new SplitDevice(what, "snd0", ""),
                ProgramCommand.ofClass(HostileChildMain.class),
                new DeviceProcess.Task(SndConfig.defaults(), 0, new HostResources(), FACTS));
    }

    @ParameterizedTest
    @ValueSource(strings = {"repeats", "mumbles", "gives"})
    void aProcessThatBreaksTheRulesIsKilled(String what) throws Exception {
        DeviceProcess process = hostile(what);
        assertThat(watch(process.device()).poll(60, TimeUnit.SECONDS))
                .isEqualTo("vhost-user: the process of snd0 (pid %d) was ended by signal 9 (SIGKILL)"
                        .formatted(process.pid()));
        process.device().close();
    }

    @Test
    void aProcessThatIsNotReadyInOrderIsAnError() {
        assertThatThrownBy(() -> hostile("leaves"))
                .isInstanceOf(VmmException.class)
                .hasMessageMatching("its process \\(pid \\d+\\) has ended with exit code 0 before it was ready");
        assertThatThrownBy(() -> hostile("babbles"))
                .isInstanceOf(VmmException.class)
                .hasMessage("its process sent a message that does not belong there");
    }

    /** An answer that comes too late is for no request any more, so one that is not asked for is left alone. */
    @Test
    void requestsThatAreNotAnsweredEnd() throws Exception {
        DeviceProcess process = hostile("invents");
        List<CompletableFuture<Value>> asked = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            asked.add(process.device().command("SndCommand", mute(true)).toCompletableFuture());
        }
        assertThatThrownBy(() -> process.device().command("SndCommand", mute(true)))
                .isInstanceOfSatisfying(
                        OsException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EBUSY));
        for (CompletableFuture<Value> reply : asked) {
            assertThat(reply)
                    .failsWithin(60, TimeUnit.SECONDS)
                    .withThrowableOfType(ExecutionException.class)
                    .withMessageContaining("ETIMEDOUT");
        }
        process.device().close();
        assertThat(process.ending().isGood()).isTrue();
    }

    private static int openDescriptors(long pid) throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/" + pid + "/fd"))) {
            return (int) all.count();
        }
    }

    @Test
    void nothingIsLeftOpen() throws Exception {
        use(process().device());
        long own = ProcessHandle.current().pid();
        int before = openDescriptors(own);
        for (int i = 0; i < 3; i++) {
            DeviceProcess process = process();
            process.device().close();
            assertThat(process.ending()).isEqualTo(new Ending(false, 0));
            SplitDevice split = new SplitDevice("snd", "snd0", "");
            assertThatThrownBy(() -> start(split, FACTS, new HostResources()));
        }
        assertThat(openDescriptors(own)).isLessThanOrEqualTo(before);
    }

    /** What is mapped or signalled for one driver goes when the next begins, also over there. */
    @Test
    void aDriverThatBeginsAnewLeavesNothingOpenInTheProcess() throws Exception {
        DeviceProcess process = process();
        try (SndDriver driver = new SndDriver(SndDriver.Host.LOCAL, process.device())) {
            driver.driver.reset();
            new SndDriver(driver.driver);
            int before = openDescriptors(process.pid());
            for (int i = 0; i < 5; i++) {
                driver.driver.reset();
                new SndDriver(driver.driver);
            }
            assertThat(openDescriptors(process.pid())).isLessThanOrEqualTo(before);
        }
    }
}

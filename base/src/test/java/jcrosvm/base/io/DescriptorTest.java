package jcrosvm.base.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DescriptorTest {
    @TempDir
    Path dir;

    private static MemorySegment bytes(Arena arena, String text) {
        return arena.allocateFrom(ValueLayout.JAVA_BYTE, text.getBytes(StandardCharsets.UTF_8));
    }

    private static String text(MemorySegment segment, long length) {
        return new String(segment.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }

    @Test
    void positionalAndVectoredTransfersReachTheFile() throws Exception {
        Path file = dir.resolve("f");
        try (Arena arena = Arena.ofConfined();
                Fd fd = Fd.open(file, Fd.O_RDWR | Fd.O_CREAT, 0600)) {
            fd.writeFully("0123456789".getBytes(StandardCharsets.UTF_8));
            fd.pwrite(bytes(arena, "ab"), 2);
            assertThat(fd.pwritev(List.of(bytes(arena, "X"), bytes(arena, "YZ")), 5))
                    .isEqualTo(3);
            assertThat(Files.readString(file)).isEqualTo("01ab4XYZ89");
            MemorySegment one = arena.allocate(4);
            MemorySegment two = arena.allocate(20);
            assertThat(fd.preadv(List.of(one, two), 0)).isEqualTo(10);
            assertThat(text(one, 4) + text(two, 6)).isEqualTo("01ab4XYZ89");
            assertThat(fd.pread(one, 100)).isZero();
            assertThat(fd.size()).isEqualTo(10);
            fd.truncate(3);
            fd.sync(true);
            assertThat(Files.readString(file)).isEqualTo("01a");
        }
    }

    @Test
    void closedDescriptorIsRefusedNotReused() {
        Fd fd = Fd.open(Path.of("/dev/null"), Fd.O_RDWR);
        fd.close();
        fd.close();
        assertThat(fd.isOpen()).isFalse();
        assertThatThrownBy(fd::number).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(fd::release).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void fullDeviceIsReportedByName() {
        try (Fd fd = Fd.open(Path.of("/dev/full"), Fd.O_WRONLY)) {
            assertThatThrownBy(() -> fd.writeFully(new byte[10]))
                    .isInstanceOfSatisfying(
                            OsException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC));
        }
    }

    @Test
    void eventFdCountsUntilDrained() {
        try (EventFd event = new EventFd()) {
            assertThat(event.drain()).isZero();
            event.signal();
            event.signal();
            assertThat(Poller.await(event.fd(), Poller.READABLE, 0)).isEqualTo(Poller.READABLE);
            assertThat(event.drain()).isEqualTo(2);
            assertThat(Poller.await(event.fd(), Poller.READABLE, 0)).isZero();
        }
    }

    @Test
    void pollerRunsTheHandlersOfWhatIsReady() throws Exception {
        try (Poller poller = new Poller();
                EventFd a = new EventFd();
                EventFd b = new EventFd()) {
            List<String> ran = new ArrayList<>();
            poller.add(a.fd(), Poller.READABLE, events -> {
                a.drain();
                ran.add("a");
            });
            poller.add(b.fd(), Poller.READABLE, events -> ran.add("b" + b.drain()));
            assertThat(poller.poll(0)).isZero();
            CountDownLatch done = new CountDownLatch(1);
            Thread.ofPlatform().start(() -> {
                b.signal();
                done.countDown();
            });
            done.await();
            assertThat(poller.poll(10_000)).isEqualTo(1);
            poller.remove(b.fd());
            b.signal();
            a.signal();
            assertThat(poller.poll(10_000)).isEqualTo(1);
            assertThat(ran).containsExactly("b1", "a");
            poller.remove(b.fd()); // twice is harmless
        }
    }

    @Test
    void aPollerLeavesOutHandlersThatThrow() {
        try (Poller poller = new Poller();
                EventFd bad = new EventFd();
                EventFd good = new EventFd()) {
            List<String> ran = new ArrayList<>();
            poller.add(bad.fd(), Poller.READABLE, events -> {
                throw new IllegalStateException("no");
            });
            bad.signal();
            assertThatThrownBy(() -> poller.poll(1000)).isInstanceOf(IllegalStateException.class);
            assertThat(poller.poll(0)).isZero();
            poller.add(bad.fd(), Poller.READABLE, events -> ran.add("bad" + bad.drain()));
            poller.add(good.fd(), Poller.READABLE, events -> ran.add("good" + good.drain()));
            good.signal();
            assertThat(poller.poll(1000)).isEqualTo(2);
            assertThat(ran).containsExactlyInAnyOrder("bad1", "good1");
        }
    }

    @Test
    void timerExpiresAndStops() {
        try (TimerFd timer = new TimerFd()) {
            timer.arm(1, 0);
            assertThat(Poller.await(timer.fd(), Poller.READABLE, 10_000)).isNotZero();
            assertThat(timer.drain()).isEqualTo(1);
            timer.arm(3_600_000_000_000L, 0);
            assertThat(timer.drain()).isZero();
            timer.disarm();
        }
    }

    @Test
    void threadKickInterruptsABlockingCallAndNothingElse() throws Exception {
        try (EventFd never = new EventFd()) {
            List<ThreadKick> kick = new ArrayList<>();
            CountDownLatch ready = new CountDownLatch(1);
            Thread thread = Thread.ofPlatform().start(() -> {
                kick.add(ThreadKick.forCurrentThread());
                ready.countDown();
                Poller.await(never.fd(), Poller.READABLE, -1); // returns 0 on EINTR
            });
            ready.await();
            while (thread.isAlive()) { // the signal may come before the call blocks
                kick.getFirst().send();
                thread.join(1);
            }
            kick.getFirst().send(); // a thread that is gone
        }
    }
}

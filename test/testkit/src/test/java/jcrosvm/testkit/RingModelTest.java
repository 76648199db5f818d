package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import jcrosvm.testkit.EchoDevice.Order;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.testkit.MockQueue.Completion;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.relay.RelayDevice;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Streams of random requests, where a map of what each should answer is the model. */
class RingModelTest {
    private static final int REQUESTS = 1000;

    static Stream<Arguments> rings() {
        return Stream.of(Rings.values())
                .flatMap(rings -> Stream.of(Order.values())
                        .flatMap(order -> rings.sizes().stream().map(size -> Arguments.of(rings, order, size))));
    }

    @ParameterizedTest
    @MethodSource("rings")
    void everyRequestIsAnsweredOnce(Rings rings, Order order, int size) {
        run(rings, order, size, false);
    }

    @ParameterizedTest
    @MethodSource("rings")
    void alsoWhenTheQueueStopsAndStarts(Rings rings, Order order, int size) {
        run(rings, order, size, true);
    }

    @ParameterizedTest
    @MethodSource("rings")
    void alsoBehindARelay(Rings rings, Order order, int size) {
        run(rings, order, size, true, true);
    }

    private void run(Rings rings, Order order, int size, boolean stops) {
        run(rings, order, size, stops, false);
    }

    private void run(Rings rings, Order order, int size, boolean stops, boolean relay) {
        long seed = 31L * rings.ordinal() + 7L * order.ordinal() + size;
        EchoDevice device = new EchoDevice(order, List.of(256), VirtioFeatures.VIRTIO_F_RING_PACKED);
        try (MockDriver driver = new MockDriver(relay ? new RelayDevice("relay", device) : device, rings.features)) {
            Requests stream = new Requests(driver.start(0, size), new Random(seed), rings.indirect());
            while (stream.submitted < REQUESTS) {
                stream.step();
                if (stops && stream.random.nextInt(30) == 0) {
                    stream.queue.stop();
                    assertThat(device.settle()).isTrue();
                    stream.take(stream.queue.poll());
                    stream.submitSome();
                    stream.queue.restart();
                }
            }
            while (!stream.expected.isEmpty()) {
                stream.take(stream.queue.await());
            }
            assertThat(stream.queue.poll()).isEmpty();
            assertThat(stream.queue.room()).isEqualTo(size);
            assertThat(device.unexpected()).isNull();
            assertThat(driver.failed()).isFalse();
        }
    }

    /** The driver's side of one test. */
    private static final class Requests {
        final MockQueue queue;
        final Random random;
        final boolean indirect;
        final Map<Integer, byte[]> expected = new HashMap<>();
        int submitted;

        Requests(MockQueue queue, Random random, boolean indirect) {
            this.queue = queue;
            this.random = random;
            this.indirect = indirect;
        }

        void step() {
            if (random.nextInt(4) == 0) {
                queue.disableInterrupts();
            }
            submitSome();
            queue.kickIfWanted();
            if (random.nextInt(3) == 0 || queue.room() == 0) {
                if (!expected.isEmpty()) {
                    take(queue.await());
                }
            } else {
                take(queue.poll());
            }
        }

        void submitSome() {
            for (int n = random.nextInt(5) == 0 ? queue.room() : random.nextInt(4); n > 0 && queue.room() > 0; n--) {
                submit();
            }
        }

        private int length() {
            return switch (random.nextInt(6)) {
                case 0 -> 0;
                case 1 -> random.nextInt(3000);
                default -> random.nextInt(40);
            };
        }

        private void submit() {
            boolean table = indirect && random.nextBoolean();
            int most = table ? 20 : queue.room();
            int readable = random.nextInt(Math.min(most, 5) + 1);
            int writable = random.nextInt(Math.min(most - readable, 5) + 1);
            if (readable + writable == 0) {
                writable = 1;
            }
            List<Buffer> buffers = new ArrayList<>();
            ByteArrayOutputStream in = new ByteArrayOutputStream();
            for (int i = 0; i < readable; i++) {
                byte[] bytes = new byte[length()];
                random.nextBytes(bytes);
                in.writeBytes(bytes);
                buffers.add(queue.readable(bytes));
            }
            int room = 0;
            for (int i = 0; i < writable; i++) {
                int length = length();
                room += length;
                buffers.add(queue.writable(length));
            }
            int written = Math.min(EchoDevice.MOST, Math.min(in.size(), room));
            Buffer[] all = buffers.toArray(Buffer[]::new);
            int id = table ? queue.submitIndirect(all) : queue.submit(all);
            assertThat(expected.put(id, Arrays.copyOf(in.toByteArray(), written)))
                    .isNull();
            submitted++;
        }

        void take(List<Completion> completions) {
            for (Completion completion : completions) {
                byte[] answer = expected.remove(completion.id());
                assertThat(answer).isNotNull();
                assertThat(completion.written()).isEqualTo(answer.length);
                ByteArrayOutputStream out = new ByteArrayOutputStream();
                for (Buffer buffer : completion.buffers()) {
                    if (buffer.writable()) {
                        out.writeBytes(queue.content(buffer));
                    }
                }
                assertThat(Arrays.copyOf(out.toByteArray(), answer.length)).isEqualTo(answer);
                queue.free(completion);
            }
        }
    }
}

package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.vhostuser.frontend.DeviceType;
import jcrosvm.vhostuser.frontend.VhostUserConfig;
import jcrosvm.vhostuser.frontend.VhostUserModule;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.VmFacts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Backends of rust-vmm that the stock guests cannot use: requests of a driver of ours, through the front end.
 *
 * <p>Debian's kernels have no SCMI on x86. The console loses the buffers of its queues when VIRTIO_F_EVENT_IDX is not
 * negotiated, which the relay of the software processor never does. The SCSI controller ends when Linux's driver writes to
 * its configuration space.
 */
class VhostDevicesRequestsTest {
    private static final int SIZE = 16;
    private static final int REPLY = 256;
    private static final long DEVICE_BITS = 0xff_ffff;
    private static final int SECTOR = 512;
    private static final int SCSI_CDB = 19;
    private static final int SCSI_REQUEST = SCSI_CDB + 32;
    private static final int SCSI_RESPONSE = 12 + 96;
    private static final int SCMI_BASE = 0x10;
    private static final int SCMI_SENSORS = 0x15;

    @TempDir
    private Path directory;

    private static MockDriver driver(DeviceType type, Peer peer) {
        VhostUserModule module = new VhostUserModule();
        VhostUserConfig config = peer.device(type);
        VmFacts facts = new VmFacts(1, 64 << 20);
        VirtioDevice device = module.create(config, 0, module.open(config, 0, facts), facts);
        long offered = device.traits().features() | device.traits().rings();
        return new MockDriver(device, offered & (VirtioFeatures.RINGS | DEVICE_BITS));
    }

    /** One command: its return values, behind the header and the status. */
    private static ByteBuffer scmi(MockQueue commands, int protocol, int message, int... parameters) {
        int header = message | protocol << 10;
        ByteBuffer request = ByteBuffer.allocate(4 + 4 * parameters.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(header);
        for (int parameter : parameters) {
            request.putInt(parameter);
        }
        MockQueue.Buffer reply = commands.writable(REPLY);
        MockQueue.Completion done = commands.perform(commands.readable(request.array()), reply);
        ByteBuffer values = ByteBuffer.wrap(commands.content(reply))
                .order(ByteOrder.LITTLE_ENDIAN)
                .limit(done.written());
        assertThat(values.getInt()).as("header").isEqualTo(header);
        assertThat(values.getInt()).as("status of message %d", message).isZero();
        return values;
    }

    /** The sensor counts its readings. */
    @Test
    void aSensorIsRead() throws Exception {
        try (Peer peer = VhostDevices.scmi(directory, "sensible");
                MockDriver driver = driver(DeviceType.SCMI, peer)) {
            MockQueue commands = driver.start(0, SIZE);
            driver.start(1, SIZE);
            assertThat(text(scmi(commands, SCMI_BASE, 3))).startsWith("rust-vmm");
            assertThat(scmi(commands, SCMI_SENSORS, 1).getShort()).as("sensors").isEqualTo((short) 1);
            assertThat(text(scmi(commands, SCMI_SENSORS, 3, 0))).contains("sensible");
            scmi(commands, SCMI_SENSORS, 10, 0, 1); // on
            for (int i = 0; i < 1000; i++) {
                ByteBuffer axes = scmi(commands, SCMI_SENSORS, 6, 0, 0);
                for (int axis = 0; axis < 3; axis++) {
                    assertThat(axes.getInt()).isEqualTo((i & 0xff) + 100 * axis);
                    axes.position(axes.position() + 12);
                }
            }
        }
    }

    private static String text(ByteBuffer bytes) {
        return StandardCharsets.ISO_8859_1.decode(bytes).toString();
    }

    /** Reads all of a disk, in pieces of many sizes. */
    @Test
    void aDiskIsReadThroughAScsiController() throws Exception {
        byte[] content = VirtioScenes.noise(14, 1 << 20);
        try (Peer peer = VhostDevices.scsi(directory, Files.write(directory.resolve("disk"), content));
                MockDriver driver = driver(DeviceType.SCSI, peer)) {
            assertThat(driver.config()).hasSize(36);
            driver.start(0, SIZE);
            driver.start(1, SIZE);
            MockQueue requests = driver.start(2, SIZE);
            ByteArrayOutputStream read = new ByteArrayOutputStream();
            int blocks = content.length / SECTOR;
            for (int block = 0, count = 1; block < blocks; block += count, count = count % 100 + 7) {
                count = Math.min(count, blocks - block);
                read.writeBytes(read(requests, block, count));
            }
            assertThat(read.toByteArray()).isEqualTo(content);
        }
    }

    /** READ (10) of LUN 0 of target 0, into two buffers. */
    private static byte[] read(MockQueue requests, int block, int count) {
        ByteBuffer request = ByteBuffer.allocate(SCSI_REQUEST);
        request.put(0, (byte) 1).put(2, (byte) 0x40); // single level LUN structure
        request.position(SCSI_CDB)
                .put((byte) 0x28)
                .put((byte) 0)
                .putInt(block)
                .put((byte) 0)
                .putShort((short) count);
        MockQueue.Buffer response = requests.writable(SCSI_RESPONSE);
        MockQueue.Buffer first = requests.writable(SECTOR / 2);
        MockQueue.Buffer rest = requests.writable(count * SECTOR - SECTOR / 2);
        MockQueue.Completion done = requests.perform(requests.readable(request.array()), response, first, rest);
        assertThat(requests.content(response)[10]).as("status").isZero();
        assertThat(requests.content(response)[11]).as("response").isZero();
        byte[] content = new byte[count * SECTOR];
        System.arraycopy(requests.content(first), 0, content, 0, SECTOR / 2);
        System.arraycopy(requests.content(rest), 0, content, SECTOR / 2, content.length - SECTOR / 2);
        requests.free(done);
        return content;
    }

    /** Control messages: the port appears, is a console and is open. Then bytes both ways. */
    @Test
    void aConsoleBothWays() throws Exception {
        int port = NetScenes.freePort();
        try (Peer peer = VhostDevices.console(directory, port);
                Socket terminal = new Socket("127.0.0.1", port);
                MockDriver driver = driver(DeviceType.CONSOLE, peer)) {
            terminal.setSoTimeout((int) TimeUnit.MINUTES.toMillis(1));
            assertThat(driver.config()).hasSize(12);
            List<MockQueue> queues = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                queues.add(driver.start(i, SIZE));
            }
            MockQueue input = queues.get(0);
            MockQueue output = queues.get(1);
            MockQueue events = queues.get(2);
            MockQueue control = queues.get(3);
            assertThat(tell(control, events, 0, 1)).containsExactly(1); // DEVICE_READY; PORT_ADD
            assertThat(tell(control, events, 3, 3)).containsExactly(4, 7, 6); // PORT_READY; CONSOLE_PORT, NAME, OPEN
            StringBuilder lines = new StringBuilder();
            for (int i = 0; i < 500; i++) {
                byte[] line = ("line " + i + "\n").getBytes(StandardCharsets.US_ASCII);
                lines.append("line ").append(i).append('\n');
                input.free(output.perform(output.readable(line)));
            }
            assertThat(new String(terminal.getInputStream().readNBytes(lines.length()), StandardCharsets.US_ASCII))
                    .isEqualTo(lines.toString());
            for (int c = 'a'; c <= 'z'; c++) {
                // This backend waits for ever when a buffer comes while it is about to end its work on the one before.
                TimeUnit.MILLISECONDS.sleep(30);
                MockQueue.Buffer one = input.writable(1);
                input.submit(one);
                input.kick();
                terminal.getOutputStream().write(c);
                assertThat(input.await().getFirst().written()).isEqualTo(1);
                assertThat(input.content(one)).containsExactly(c);
            }
        }
    }

    /** Sends a control message of port 0; the events that come back, in a buffer each. */
    private static List<Integer> tell(MockQueue control, MockQueue events, int event, int answers) {
        List<MockQueue.Buffer> buffers = new ArrayList<>();
        for (int i = 0; i < answers; i++) {
            buffers.add(events.writable(64));
            events.submit(buffers.getLast());
        }
        events.kick();
        control.perform(control.readable(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(0)
                .putShort((short) event)
                .putShort((short) 1)
                .array()));
        int back = 0;
        while (back < answers) {
            back += events.await().size();
        }
        return buffers.stream()
                .map(buffer -> ByteBuffer.wrap(events.content(buffer))
                                .order(ByteOrder.LITTLE_ENDIAN)
                                .getShort(4)
                        & 0xffff)
                .toList();
    }
}

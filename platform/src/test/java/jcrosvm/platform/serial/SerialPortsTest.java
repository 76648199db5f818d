package jcrosvm.platform.serial;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.bus.Bus;
import jcrosvm.bus.testing.Allocation;
import jcrosvm.bus.testing.FakeLine;
import jcrosvm.serial.Endpoints;
import jcrosvm.serial.SerialConfig;
import jcrosvm.serial.SerialConfig.Hardware;
import jcrosvm.serial.SerialConfig.Type;
import jcrosvm.serial.SerialOutput;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class SerialPortsTest {
    private static final int COM2 = 0x2f8;

    @TempDir
    Path dir;

    private final FakeLine irq4 = new FakeLine();
    private final FakeLine irq3 = new FakeLine();
    private final Bus bus = Bus.ports();

    private static SerialConfig com2(Type type, Path path, Path input, boolean stream, boolean timestamps) {
        return SerialConfig.sink(2).with(to -> {
            to.type = type;
            to.path = path;
            to.input = input;
            to.inputUnixStream = stream;
            to.console = true;
            to.outTimestamp = timestamps;
        });
    }

    private SerialPorts open(SerialConfig... configs) {
        SerialPorts ports = SerialPorts.open(SerialSetup.of(List.of(configs)), irq4, irq3);
        ports.attach(bus);
        return ports;
    }

    private void print(String text) {
        for (byte b : text.getBytes(StandardCharsets.US_ASCII)) {
            bus.write(COM2, 1, b);
        }
    }

    private String scan(int length) throws InterruptedException {
        StringBuilder text = new StringBuilder();
        while (text.length() < length) {
            if ((bus.read(COM2 + 5, 1) & 1) != 0) {
                text.append((char) bus.read(COM2, 1));
            } else {
                Thread.sleep(1);
            }
        }
        return text.toString();
    }

    @Test
    void writesAFile() throws Exception {
        Path file = dir.resolve("log");
        Files.writeString(file, "old\n");
        try (SerialPorts ports = open(com2(Type.FILE, file, null, false, false))) {
            print("hello\n".repeat(100_000));
        }
        assertThat(Files.readString(file)).isEqualTo("old\n" + "hello\n".repeat(100_000));
    }

    @Test
    void putsTimesBeforeLines() throws Exception {
        Path file = dir.resolve("log");
        try (SerialPorts ports = open(com2(Type.FILE, file, null, false, true))) {
            print("one\ntwo");
        }
        assertThat(Files.readString(file))
                .matches("\\[\\d{4}-\\d\\d-\\d\\d [\\d:.]{12}\\] one\n\\[\\d{4}-\\d\\d-\\d\\d [\\d:.]{12}\\] two");
    }

    @Test
    void survivesAFullDisk() {
        Path full = Path.of("/dev/full");
        assumeThat(Files.isWritable(full)).as("/dev/full").isTrue();
        try (SerialPorts ports = open(com2(Type.FILE, full, null, false, false))) {
            print("x".repeat(10_000));
        }
    }

    @Test
    void readsAFileToItsEnd() throws Exception {
        Path input = dir.resolve("in");
        Files.writeString(input, "0123456789".repeat(50));
        try (SerialPorts ports = open(com2(Type.SINK, null, input, false, false))) {
            bus.write(COM2 + 1, 1, 1);
            bus.write(COM2 + 4, 1, 8);
            ports.start();
            ports.start();
            assertThat(scan(500)).isEqualTo("0123456789".repeat(50));
            assertThat(irq3.edges()).isPositive();
            assertThat(irq4.edges()).isZero();
        }
    }

    @Test
    void talksOverAStreamSocket() throws Exception {
        Path path = dir.resolve("socket");
        try (UnixSocket server = UnixSocket.listen(path, UnixSocket.Type.STREAM);
                SerialPorts ports = open(com2(Type.UNIX_STREAM, path, null, true, false));
                UnixSocket peer = server.accept()) {
            ports.start();
            peer.send("question".getBytes(StandardCharsets.US_ASCII));
            assertThat(scan(8)).isEqualTo("question");
            print("answer");
            StringBuilder text = new StringBuilder();
            while (text.length() < 6) {
                text.append(new String(peer.receive(100).data(), StandardCharsets.US_ASCII));
            }
            assertThat(text).hasToString("answer");
            peer.close();
            print("nobody reads this".repeat(1000));
        }
    }

    @Test
    void sendsLinesAsDatagrams() throws Exception {
        Path path = dir.resolve("socket");
        try (UnixSocket server = UnixSocket.listen(path, UnixSocket.Type.DATAGRAM)) {
            try (SerialPorts ports = open(com2(Type.UNIX, path, null, false, false))) {
                print("one\ntwo\nthree");
            }
            assertThat(new String(server.receive(100).data(), StandardCharsets.US_ASCII))
                    .isEqualTo("one\n");
            assertThat(new String(server.receive(100).data(), StandardCharsets.US_ASCII))
                    .isEqualTo("two\n");
            assertThat(new String(server.receive(100).data(), StandardCharsets.US_ASCII))
                    .isEqualTo("three");
        }
    }

    @Test
    void aSlowReceiverLosesNothingAndMakesTheTransmitterBusy() throws Exception {
        Path path = dir.resolve("socket");
        try (UnixSocket server = UnixSocket.listen(path, UnixSocket.Type.STREAM);
                SerialPorts ports = open(com2(Type.UNIX_STREAM, path, null, false, false));
                UnixSocket peer = server.accept()) {
            bus.write(COM2 + 4, 1, 8);
            int sent = 0;
            while ((bus.read(COM2 + 5, 1) & 0x20) != 0) {
                bus.write(COM2, 1, sent++ & 0x7f);
            }
            bus.write(COM2 + 1, 1, 2);
            assertThat(bus.read(COM2 + 2, 1)).isEqualTo(1); // no interrupt while busy
            int received = 0;
            while (received < sent) {
                for (byte b : peer.receive(4096).data()) {
                    assertThat(b).isEqualTo((byte) (received++ & 0x7f));
                }
            }
            while (!irq3.isUp()) {
                Thread.sleep(1);
            }
            assertThat(bus.read(COM2 + 2, 1)).isEqualTo(2);
            assertThat(bus.read(COM2 + 5, 1)).isEqualTo(0x60);
        }
    }

    @Test
    void aReceiverThatHangsDoesNotHangTheEnd() throws Exception {
        Path path = dir.resolve("socket");
        try (UnixSocket server = UnixSocket.listen(path, UnixSocket.Type.STREAM)) {
            SerialPorts ports = open(com2(Type.UNIX_STREAM, path, null, false, false));
            try (UnixSocket peer = server.accept()) {
                while ((bus.read(COM2 + 5, 1) & 0x20) != 0) {
                    bus.write(COM2, 1, 'x');
                }
                ports.close();
            }
        }
    }

    @Test
    void holdsInputBackWhileSuspended() throws Exception {
        Path path = dir.resolve("socket");
        try (UnixSocket server = UnixSocket.listen(path, UnixSocket.Type.STREAM);
                SerialPorts ports = open(com2(Type.UNIX_STREAM, path, null, true, false));
                UnixSocket peer = server.accept()) {
            ports.suspend();
            ports.start();
            peer.send("late".getBytes(StandardCharsets.US_ASCII));
            Thread.sleep(20);
            assertThat(bus.read(COM2 + 5, 1) & 1).isZero();
            ports.resume();
            assertThat(scan(4)).isEqualTo("late");
        }
    }

    @Test
    void debugconWritesAndShowsItself() throws Exception {
        Path file = dir.resolve("log");
        SerialConfig config = SerialConfig.defaults().with(to -> {
            to.type = Type.FILE;
            to.hardware = Hardware.DEBUGCON;
            to.path = file;
            to.debugconPort = 0xe9;
        });
        try (SerialPorts ports = open(config, SerialConfig.defaults())) {
            assertThat(bus.read(0xe9, 1)).isEqualTo(0xe9);
            bus.write(0xe9, 1, 'x');
        }
        assertThat(Files.readString(file)).isEqualTo("x");
    }

    @Test
    void failuresNameThePort() {
        assertThatThrownBy(() -> open(com2(Type.FILE, Path.of("/nowhere/log"), null, false, false)))
                .isInstanceOf(VmmException.class)
                .hasMessage("serial 2: cannot open /nowhere/log: No such file or directory (ENOENT)");
        assertThatThrownBy(() -> open(com2(Type.UNIX_STREAM, dir.resolve("none"), null, false, false)))
                .isInstanceOf(VmmException.class)
                .hasMessageStartingWith("serial 2: cannot connect to ");
        assertThatThrownBy(() -> open(com2(Type.SINK, null, dir.resolve("none"), false, false)))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("ENOENT");
    }

    @Test
    void registersAreResetByANewMachineButFilesStayOpen() throws Exception {
        Path file = dir.resolve("log");
        try (SerialPorts ports = open(com2(Type.FILE, file, null, false, false))) {
            print("a");
            bus.write(COM2 + 7, 1, 5);
            Bus next = Bus.ports();
            ports.attach(next);
            assertThat(next.read(COM2 + 7, 1)).isZero();
            next.write(COM2, 1, 'b');
        }
        assertThat(Files.readString(file)).isEqualTo("ab");
    }

    @Test
    void writingAllocatesNothing() throws Exception {
        SerialOutput output = java.util.Objects.requireNonNull(
                Endpoints.open("null", com2(Type.FILE, Path.of("/dev/null"), null, false, false))
                        .output());
        Uart16550 uart = new Uart16550("test", irq4, output);
        for (int i = 0; i < SerialOutput.CONGESTED; i++) {
            uart.write(0, 1, 'x');
        }
        output.flush(10_000);
        long least = Allocation.leastOf(5, () -> {
            for (int i = 0; i < 10_000; i++) {
                uart.write(0, 1, 'x');
                uart.read(5, 1);
            }
        });
        output.close();
        assertThat(least).isLessThan(10_000);
    }
}

package jcrosvm.devices.snd;

import java.nio.charset.StandardCharsets;
import java.util.List;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.sandbox.BootstrapSocket;
import jcrosvm.testkit.EchoDevice;
import jcrosvm.testkit.Quiet;
import jcrosvm.vhostuser.backend.BackendHalf;
import jcrosvm.vhostuser.backend.DeviceWorker;
import jcrosvm.vhostuser.backend.GuestMemorySource;

/** The process of a device that a guest has taken over: it serves, and says what it should not. */
final class HostileChildMain {
    private static final String READY = "{\"ready\":{\"type\":42,\"features\":0,\"queue-sizes\":[64],"
            + "\"config-length\":64,\"unsavable\":\"\"}}";

    private HostileChildMain() {}

    /** @param words the second is what it does */
    public static void main(String[] words) throws Exception {
        Quiet.please();
        BootstrapSocket socket = new BootstrapSocket(UnixSocket.adopt(Fd.adopt(3)), "the VM");
        socket.receive(-1).close();
        BootstrapSocket.Message half = socket.receive(-1);
        String evil = words[1];
        if (evil.equals("leaves")) {
            System.exit(0);
        }
        if (evil.equals("babbles")) {
            say(socket, "{\"answer\":{\"id\":1,\"errno\":5,\"reply\":null}}");
            Thread.sleep(Long.MAX_VALUE);
        }
        say(socket, READY);
        DeviceWorker.run(
                new BackendHalf(
                        "echo",
                        "",
                        UnixSocket.adopt(half.descriptors().get(0)),
                        new EventFd(half.descriptors().get(1))),
                () -> new EchoDevice(EchoDevice.Order.STRICT, List.of(64), 0),
                GuestMemorySource.MAPPED,
                device -> Thread.ofPlatform().daemon().start(() -> {
                    try {
                        Thread.sleep(500); // for the front end to be there
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                    switch (evil) {
                        case "repeats" -> say(socket, READY);
                        case "mumbles" -> say(socket, "{\"answer\":");
                        case "gives" ->
                            socket.send(
                                    "{\"answer\":{\"id\":1,\"errno\":5,\"reply\":null}}"
                                            .getBytes(StandardCharsets.UTF_8),
                                    List.of(half.descriptors().get(1)));
                        case "invents" -> say(socket, "{\"answer\":{\"id\":77,\"errno\":5,\"reply\":null}}");
                        default -> {}
                    }
                }));
    }

    private static void say(BootstrapSocket socket, String text) {
        socket.send(text.getBytes(StandardCharsets.UTF_8), List.of());
    }
}

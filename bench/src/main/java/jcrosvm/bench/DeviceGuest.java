package jcrosvm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;

/**
 * Writes a guest that runs a script with Linux's virtio drivers and Debian's fio and iperf3 (below {@code /srv}), and
 * prints the path of its kernel: {@code DeviceGuest INITRAMFS SCRIPT}.
 */
final class DeviceGuest {
    private DeviceGuest() {}

    public static void main(String[] args) throws IOException {
        Guests guests = Guests.ofUser(System.err::println);
        GuestImage image = new TestGuest(guests, DebianKernel.CLOUD_6_12, Files.readString(Path.of(args[1])))
                .modules("virtio_pci", "virtio_blk", "virtio_net")
                .tree("/srv", guests.programs("bench", "bookworm", "amd64", List.of("fio", "iperf3")))
                .write(Path.of(args[0]));
        System.out.println(image.kernel());
    }
}

package jcrosvm.testkit;

import java.util.List;
import java.util.ServiceLoader;
import jcrosvm.vhostuser.backend.DeviceChild;
import jcrosvm.virtio.DeviceModule;

/** The process of a device, as the program itself is one. */
public final class DeviceChildMain {
    private DeviceChildMain() {}

    /** @param words {@code device KIND --bootstrap FD} */
    public static void main(String[] words) {
        DeviceModule<?> module = ServiceLoader.load(DeviceModule.class).stream()
                .map(ServiceLoader.Provider::get)
                .filter(one -> one.name().equals(words[1]))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(List.of(words).toString()));
        System.exit(DeviceChild.run(Integer.parseInt(words[3]), module, (log, file) -> Quiet.please()));
    }
}

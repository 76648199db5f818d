package jcrosvm.devices.console;

import jcrosvm.base.VmmException;
import jcrosvm.serial.SerialConfig;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.PciPlace;

/**
 * A virtio console.
 *
 * @param serial the {@code --serial} option that describes it
 */
public record ConsoleConfig(SerialConfig serial) implements DeviceConfig {
    public ConsoleConfig {
        PciPlace.check(serial.pciAddress());
    }

    @Override
    public void validate() {
        if (!serial.hardware().isVirtio()) {
            throw new VmmException("serial " + serial.hardware().word() + " " + serial.num()
                    + " is no virtio console: use hardware=virtio-console");
        }
        serial.validate();
    }
}

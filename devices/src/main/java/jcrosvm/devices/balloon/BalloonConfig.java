package jcrosvm.devices.balloon;

import jcrosvm.base.VmmException;
import jcrosvm.virtio.DeviceConfig;

/**
 * A balloon.
 *
 * @param pageReporting whether the guest shall report free pages, which the host takes back at once
 * @param initMemMib memory in MiB that the guest shall have at first, the rest being in the balloon; 0 for all
 */
public record BalloonConfig(boolean pageReporting, long initMemMib) implements DeviceConfig {
    private static final long MAX_MIB = 1L << 32;

    public static BalloonConfig defaults() {
        return new BalloonConfig(false, 0);
    }

    @Override
    public void validate() {
        if (initMemMib < 0 || initMemMib > MAX_MIB) {
            throw new VmmException("--init-mem: " + initMemMib + " MiB are not between 1 and the size of the memory");
        }
    }
}

package jcrosvm.platform;

import java.util.List;
import jcrosvm.base.LimitedLog;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.pci.PciBar;
import jcrosvm.bus.pci.PciConfigSpace;
import jcrosvm.bus.pci.PciFunction;

/**
 * pvpanic-pci: the guest's kernel reports that it panicked. Reads of its byte tell the driver which events it knows, a
 * write tells the machine which one happened.
 */
public final class PvPanic implements PciFunction {
    private static final PciConfigSpace.Identity IDENTITY =
            new PciConfigSpace.Identity(0x1b36, 0x0011, 0x088000, 1, 0x1af4, 0x1100);
    private static final int PANICKED = 1;
    private static final int CRASH_LOADED = 1 << 1;
    private static final int SIZE = 16;

    private static final LimitedLog LOG = LimitedLog.of(PvPanic.class);

    private final PowerControl power;
    private final PciConfigSpace config = new PciConfigSpace(IDENTITY);
    private final List<PciBar> bars = List.of(PciBar.memory32(0, SIZE, new Register()));

    public PvPanic(PowerControl power) {
        this.power = power;
    }

    @Override
    public String name() {
        return "pvpanic";
    }

    @Override
    public PciConfigSpace config() {
        return config;
    }

    @Override
    public List<PciBar> bars() {
        return bars;
    }

    private final class Register implements BusDevice {
        @Override
        public String name() {
            return "pvpanic";
        }

        @Override
        public long read(long offset, int size) {
            return offset == 0 ? PANICKED | CRASH_LOADED : 0;
        }

        @Override
        public void write(long offset, int size, long value) {
            if (offset != 0) {
                return;
            }
            if ((value & PANICKED) != 0) {
                power.guestPanicked();
            }
            if ((value & CRASH_LOADED) != 0) {
                LOG.log(System.Logger.Level.INFO, "the guest panicked and runs its crash kernel");
            }
        }
    }
}

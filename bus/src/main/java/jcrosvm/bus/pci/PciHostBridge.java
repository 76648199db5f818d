package jcrosvm.bus.pci;

/** The function that stands for the way from the processors to bus 0. */
final class PciHostBridge implements PciFunction {
    private static final PciConfigSpace.Identity IDENTITY =
            new PciConfigSpace.Identity(0x8086, 0x1237, 0x060000, 2, 0, 0);
    private static final int PCIEXBAR = 0x60;
    private static final int PCIEXBAR_ENABLE = 1;

    private final PciConfigSpace config = new PciConfigSpace(IDENTITY);

    @Override
    public String name() {
        return "host bridge";
    }

    @Override
    public PciConfigSpace config() {
        return config;
    }

    /** As {@link PciBus#publishEcam}. */
    void publishEcam(long base, long size) {
        int length = switch ((int) (size >>> 26)) {
            case 1 -> 2;
            case 2 -> 1;
            case 4 -> 0;
            default -> -1;
        };
        if (length < 0) {
            return;
        }
        config.set32(PCIEXBAR, (int) base | length << 1 | PCIEXBAR_ENABLE);
        config.set32(PCIEXBAR + 4, (int) (base >>> 32));
    }
}

package jcrosvm.bus.pci;

/** Where BARs may be placed at build time: the host bridge's windows, as the DSDT tells the guest. */
public record PciWindows(Window io, Window memory32, Window memory64) {
    /**
     * Addresses from {@code base} on.
     *
     * @param size 0 for none
     */
    public record Window(long base, long size) {}
}

package jcrosvm.bus.pci;

/** Bus, device and function numbers of one PCI function. */
public record PciAddress(int bus, int device, int function) {
    /** The form of lspci with a domain: {@code 0000:00:1f.0}. */
    @Override
    public String toString() {
        return "0000:%02x:%02x.%d".formatted(bus, device, function);
    }
}

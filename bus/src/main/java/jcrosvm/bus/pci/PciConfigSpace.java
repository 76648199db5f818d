package jcrosvm.bus.pci;

/** Configuration registers of a function. */
public final class PciConfigSpace {
    /** Header fields; {@code classCode} is base class, subclass and programming interface, such as 0x088000. */
    public record Identity(int vendor, int device, int classCode, int revision, int subsystemVendor, int subsystem) {}

    public PciConfigSpace(Identity identity) {}
}

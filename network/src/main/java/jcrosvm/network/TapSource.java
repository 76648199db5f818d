package jcrosvm.network;

/** Where a tap interface comes from. */
public sealed interface TapSource {
    /** One that exists. */
    record Named(String name) implements TapSource {}

    /** A descriptor that this process was started with. */
    record Inherited(int descriptor) implements TapSource {}

    /**
     * One to be made, which lives as long as the VM.
     *
     * @param address of the host on it, IPv4, the first byte highest
     * @param netmask in the same form
     */
    record Made(int address, int netmask) implements TapSource {}
}

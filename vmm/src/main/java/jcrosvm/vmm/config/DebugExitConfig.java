package jcrosvm.vmm.config;

/**
 * A port for tests: a guest's write of {@code v} ends the VM, and the process with exit code {@code v << 1 | 1}.
 *
 * @param port I/O port
 * @param testPorts whether the guest can also drive interrupt lines, one at each port from 0x2000, has four bytes of scratch
 *     at port 0xe0, and 64 KiB of memory that exits at 0xff000000: what guests that test a machine expect
 */
public record DebugExitConfig(int port, boolean testPorts) {
    public static DebugExitConfig defaults() {
        return new DebugExitConfig(0xf4, false);
    }
}

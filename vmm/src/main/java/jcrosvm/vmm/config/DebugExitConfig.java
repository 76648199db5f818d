package jcrosvm.vmm.config;

/**
 * A port for tests: a guest's write of {@code v} ends the VM, and the process with exit code {@code v << 1 | 1}.
 *
 * @param port I/O port
 */
public record DebugExitConfig(int port) {
    public static DebugExitConfig defaults() {
        return new DebugExitConfig(0xf4);
    }
}

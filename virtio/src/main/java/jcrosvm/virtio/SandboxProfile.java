package jcrosvm.virtio;

import java.nio.file.Path;
import java.util.List;

/**
 * What the process of a device may do beyond what every process of this program needs. Data only: the sandbox makes filters
 * and namespaces of it.
 *
 * @param systemCalls names of system calls of Linux, each of which may have arguments of any value
 * @param readable files of the host that it reads by their paths
 * @param network whether it connects to the host's network
 */
public record SandboxProfile(List<String> systemCalls, List<Path> readable, boolean network) {
    public SandboxProfile {
        systemCalls = List.copyOf(systemCalls);
        readable = List.copyOf(readable);
    }

    /** A device that needs some system calls, no files and no network. */
    public static SandboxProfile of(String... systemCalls) {
        return new SandboxProfile(List.of(systemCalls), List.of(), false);
    }
}

package jcrosvm.vmm.config;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Everything that describes a VM before it exists.
 *
 * @param name for people: process and thread names
 * @param socket control socket to listen on; a directory gets a socket named after the process
 * @param reboot what the guest's reset does
 * @param start whether vCPUs and devices run at once
 * @param debugExit a test's way out of the guest, or null
 */
public record VmConfig(
        @Nullable String name,
        CpuConfig cpus,
        MemoryConfig memory,
        HypervisorConfig hypervisor,
        PlatformConfig platform,
        PciConfig pci,
        @Nullable Path socket,
        RebootPolicy reboot,
        StartState start,
        @Nullable DebugExitConfig debugExit) {}

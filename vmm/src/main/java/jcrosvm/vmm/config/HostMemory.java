package jcrosvm.vmm.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.base.VmmException;

/**
 * What the host could back guest memory with.
 *
 * @param ramMib its RAM, used or not
 * @param swapMib its swap space
 * @param promisesAnything whether it hands out memory without counting (vm.overcommit_memory is 1)
 */
record HostMemory(long ramMib, long swapMib, boolean promisesAnything) {
    private static final Path MEMINFO = Path.of("/proc/meminfo");
    private static final Path OVERCOMMIT = Path.of("/proc/sys/vm/overcommit_memory");

    static HostMemory read() {
        try {
            String meminfo = Files.readString(MEMINFO);
            return new HostMemory(
                    mib(meminfo, "MemTotal:"),
                    mib(meminfo, "SwapTotal:"),
                    Files.readString(OVERCOMMIT).strip().equals("1"));
        } catch (IOException e) {
            throw new VmmException("cannot read the host's memory: " + e.getMessage(), e);
        }
    }

    /** The value of a line such as {@code MemTotal:  16384 kB}. */
    static long mib(String meminfo, String key) {
        int at = meminfo.indexOf(key);
        if (at < 0) {
            return 0;
        }
        long kib = 0;
        for (int i = at + key.length(); i < meminfo.length() && meminfo.charAt(i) != '\n'; i++) {
            int digit = Character.digit(meminfo.charAt(i), 10);
            if (digit >= 0) {
                kib = kib * 10 + digit;
            }
        }
        return kib >> 10;
    }

    /**
     * Guest memory is backed when it is used: more than is free may work, more than there is cannot.
     *
     * @throws VmmException when this host can never back so much
     */
    void check(MemoryConfig memory) {
        if (memory.locked() && memory.sizeMib() > ramMib) {
            throw new VmmException("--mem: " + memory.sizeMib() + " MiB cannot be locked, the host has " + ramMib
                    + " MiB of RAM: use less, or leave out --lock-guest-memory");
        }
        if (!promisesAnything && memory.sizeMib() > ramMib + swapMib) {
            throw new VmmException("--mem: " + memory.sizeMib() + " MiB are more than the host has: " + ramMib
                    + " MiB of RAM and " + swapMib + " MiB of swap");
        }
    }
}

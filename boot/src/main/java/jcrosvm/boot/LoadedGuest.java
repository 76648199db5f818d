package jcrosvm.boot;

import java.util.Optional;

/**
 * The outcome of loading.
 *
 * @param entry what the first vCPU starts with; absent: its reset state (16-bit, at 0xFFFFFFF0)
 * @param rom firmware for the hypervisor to map; present exactly when {@code entry} is absent
 * @param description for a log line: boot protocol, what was decompressed, where things lie
 */
public record LoadedGuest(Optional<EntryState> entry, Optional<Rom> rom, String description) {}

package jcrosvm.e2e;

import org.junit.jupiter.api.Tag;

/** Disks on the software processor. */
@Tag("soft")
class SoftDiskTest extends DiskScenes {
    @Override
    String hypervisor() {
        return "soft";
    }
}

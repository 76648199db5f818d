package jcrosvm.e2e;

import org.junit.jupiter.api.Tag;

/** Disks on KVM. */
@Tag("kvm")
class KvmDiskTest extends DiskScenes {
    @Override
    String hypervisor() {
        return "kvm";
    }
}

package jcrosvm.e2e;

import org.junit.jupiter.api.Tag;

/** Networks on KVM. */
@Tag("kvm")
class KvmNetTest extends NetScenes {
    @Override
    String hypervisor() {
        return "kvm";
    }
}

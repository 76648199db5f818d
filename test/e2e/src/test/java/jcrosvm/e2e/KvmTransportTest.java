package jcrosvm.e2e;

import org.junit.jupiter.api.Tag;

/** Virtio's transports on KVM. */
@Tag("kvm")
class KvmTransportTest extends TransportScenes {
    @Override
    String hypervisor() {
        return "kvm";
    }
}

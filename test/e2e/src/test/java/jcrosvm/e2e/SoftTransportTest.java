package jcrosvm.e2e;

import org.junit.jupiter.api.Tag;

/** Virtio's transports on the software processor. */
@Tag("soft")
class SoftTransportTest extends TransportScenes {
    @Override
    String hypervisor() {
        return "soft";
    }
}

package jcrosvm.e2e;

import org.junit.jupiter.api.Tag;

/** Networks on the software processor. */
@Tag("soft")
class SoftNetTest extends NetScenes {
    @Override
    String hypervisor() {
        return "soft";
    }
}

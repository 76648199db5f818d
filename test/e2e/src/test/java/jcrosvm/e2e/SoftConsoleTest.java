package jcrosvm.e2e;

import org.junit.jupiter.api.Tag;

/** Consoles on the software processor. */
@Tag("soft")
class SoftConsoleTest extends ConsoleScenes {
    @Override
    String hypervisor() {
        return "soft";
    }
}

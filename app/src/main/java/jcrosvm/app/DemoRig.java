package jcrosvm.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.app.log.Log;
import jcrosvm.base.VmmException;

/** The demo inside the test rig: an emulated machine that has a KVM of its own. */
final class DemoRig {
    /** Set by the launcher of a source tree to its folder. */
    private static final String HOME = "jcrosvm.home";
    /** Set inside the rig, which must not start another one. */
    private static final String INSIDE = "JCROSVM_DEMO_IN_RIG";

    private DemoRig() {}

    static boolean isInside() {
        return System.getenv(INSIDE) != null;
    }

    /**
     * Runs the demo there.
     *
     * @param obstacle why it cannot run here
     * @return its exit code
     */
    static int run(String obstacle) {
        String home = System.getProperty(HOME);
        Path rig = home == null ? Path.of("") : Path.of(home, "tools", "kvm-rig");
        if (home == null || !Files.isExecutable(rig) || isInside()) {
            throw new VmmException("the demo needs a hypervisor that runs guest code on the processor: " + obstacle);
        }
        Log.info("running the demo inside tools/kvm-rig, an emulated machine with a KVM of its own; this is slow");
        List<String> command = List.of(
                rig.toString(),
                "--env",
                INSIDE + "=1",
                "--env",
                "JCROSVM_BUILD=never",
                Path.of(home, "jcrosvm").toString(),
                "demo");
        try {
            return new ProcessBuilder(command).inheritIO().start().waitFor();
        } catch (IOException e) {
            throw new VmmException("cannot start " + rig + ": " + e.getMessage(), e);
        } catch (InterruptedException e) {
            throw new VmmException("the main thread was interrupted", e);
        }
    }
}

package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine of as many processors as there can be boots and shuts down on the heap that the launcher gives. */
@Tag("soft")
class SoftManyCpusTest {
    private static final int MOST_CPUS = 64;
    private static final int MEMORY_MIB = 1024;

    @TempDir
    private Path folder;

    @Test
    void everyProcessorWorks() throws Exception {
        String script = """
                mark CPUS $(nproc)
                for i in $(seq $(nproc)); do (i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); done; mark COUNTED $i) & done
                wait
                dmesg | grep -iE 'call trace|kernel BUG' && mark TROUBLE
                serve
                """;
        TestGuest guest = new TestGuest(Guests.ofUser(line -> {}), DebianKernel.CLOUD_6_1, script);
        try (LaunchedVm vm = new LaunchedVm(folder, guest.write(folder.resolve("initramfs")), MOST_CPUS, MEMORY_MIB)) {
            assertThat(vm.awaitMarker("CPUS")).isEqualTo(Integer.toString(MOST_CPUS));
            assertThat(vm.awaitMarker("COUNTED", MOST_CPUS)).isEqualTo("1000");
            vm.awaitMarker("SERVING");
            String work = vm.costs();
            vm.type("end");
            vm.awaitGoodEnd();
            System.out.printf("busybox on %d vCPUs: %s; ended after %.1f s%n", MOST_CPUS, work, vm.seconds());
            assertThat(vm.awaitMarker("DONE")).isEqualTo("0");
            assertThat(vm.output()).doesNotContain("TROUBLE");
        }
    }
}

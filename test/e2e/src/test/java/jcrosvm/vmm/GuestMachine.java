package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import jcrosvm.boot.CpuSpeed;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.guest.GuestImage;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.serial.SerialConfig;
import jcrosvm.vmm.board.Board;
import jcrosvm.vmm.board.SerialConsoles;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.StartState;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.jspecify.annotations.Nullable;

/** A machine of software processors with what a VM gives it, whose guest writes to a file. */
final class GuestMachine implements MachineEvents, AutoCloseable {
    private static final long LIMIT_SECONDS = 240;

    final Machine machine;
    final Devices devices;
    private final Path output;
    private final SerialConsoles consoles;
    private final Hypervisor hypervisor;
    private final BlockingQueue<VmExit> ends = new LinkedBlockingQueue<>();

    /** What boots a guest. */
    static VmConfigBuilder config(GuestImage image) {
        return VmConfig.builder()
                .kernel(image.kernel())
                .initrd(image.initramfs())
                .params(image.parameters())
                .memoryMib(192)
                .hypervisor(new HypervisorConfig("soft", null, null));
    }

    /** @param output what the guest writes to COM1 */
    GuestMachine(VmConfigBuilder builder, Path output, StartState state) {
        this.output = output;
        VmConfig config = builder.serial(
                        RecordBinder.bind(KeyValueParser.parse("type=file,num=1,path=" + output), SerialConfig.class))
                .build();
        consoles = new SerialConsoles(config.allSerial());
        devices = new Devices(config, true);
        hypervisor = HypervisorChoice.of(config.hypervisor()).open(config.hypervisor());
        machine = new Machine(config, hypervisor, consoles, devices, CpuSpeed.EMULATED, this, state);
    }

    /** What the guest has written. */
    String text() throws IOException {
        return Files.exists(output) ? Files.readString(output) : "";
    }

    /** Waits until the guest has written this. */
    void await(String text) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!text().contains(text)) {
            assertThat(System.nanoTime()).as(text()).isLessThan(deadline);
            VmExit end = ends.poll(50, TimeUnit.MILLISECONDS);
            if (end != null) { // all that it wrote is there
                ends.add(end);
                assertThat(text()).contains(text);
            }
        }
    }

    /** Waits for the end; null when it does not come. */
    @Nullable
    VmExit end() throws InterruptedException {
        return ends.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
    }

    /** The guest's memory. */
    List<MemorySegment> ram() throws ReflectiveOperationException {
        Field field = Machine.class.getDeclaredField("board");
        field.setAccessible(true);
        GuestMemory memory = ((Board) field.get(machine)).memory();
        List<MemorySegment> ram = new ArrayList<>();
        for (MemoryRegion region : memory.regions()) {
            ram.add(memory.slice(region.address(), region.size()));
        }
        return ram;
    }

    @Override
    public void ended(VmExit how) {
        ends.add(how);
    }

    @Override
    public void deviceLost(String reason) {
        throw new AssertionError(reason);
    }

    @Override
    public void guestPanicked() {
        ends.add(VmExit.GUEST_PANIC);
    }

    @Override
    public void debugExit(int value) {}

    @Override
    public boolean vcpuStopped(Vcpu vcpu, VcpuExit.Debug stop) {
        return true;
    }

    @Override
    public void vcpuEnded(Vcpu vcpu, VcpuExit exit) {
        ends.add(VmExit.CRASH);
    }

    @Override
    public void close() {
        machine.close();
        devices.close();
        consoles.close();
        hypervisor.close();
    }
}

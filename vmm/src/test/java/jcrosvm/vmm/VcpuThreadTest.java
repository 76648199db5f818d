package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.Vm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class VcpuThreadTest {
    private static final VcpuExit STEP =
            new VcpuExit.Debug(VcpuExit.Debug.Cause.STEP, 0x1000, VcpuExit.Debug.NO_BREAKPOINT);

    private static final VcpuExitHandler NOTHING = new VcpuExitHandler() {
        @Override
        public long portRead(int port, int size) {
            return 0;
        }

        @Override
        public void portWrite(int port, int size, long value) {}

        @Override
        public long mmioRead(long address, int size) {
            return 0;
        }

        @Override
        public void mmioWrite(long address, int size, long value) {}
    };

    /** A debugger that lets the vCPU go on by itself after every second stop. */
    private static final class Debugger implements MachineEvents {
        final BlockingQueue<String> seen = new LinkedBlockingQueue<>();
        final AtomicInteger stops = new AtomicInteger();

        @Override
        public void deviceLost(String reason) {}

        @Override
        public void ended(VmExit how) {}

        @Override
        public void guestPanicked() {}

        @Override
        public void debugExit(int value) {}

        @Override
        public boolean vcpuStopped(Vcpu vcpu, VcpuExit.Debug stop) {
            boolean goesOn = stops.incrementAndGet() % 2 == 0;
            seen.add(goesOn ? "goes on" : "stays");
            return goesOn;
        }

        @Override
        public void vcpuEnded(Vcpu vcpu, VcpuExit exit) {
            seen.add(exit.toString());
        }

        String next() throws InterruptedException {
            return seen.poll(30, TimeUnit.SECONDS);
        }
    }

    private static VcpuThread start(Vcpu vcpu, Debugger debugger) {
        ThreadScope scope = new ThreadScope((thread, error) -> debugger.seen.add(error.toString()));
        VcpuThread thread = scope.call(() -> new VcpuThread(vcpu, NOTHING, List.of(), debugger));
        thread.start(false);
        return thread;
    }

    @Test
    void goesOnAfterAStopWhenTheDebuggerSaysSo() throws Exception {
        AtomicInteger runs = new AtomicInteger();
        FakeHypervisor fake = new FakeHypervisor((id, machine) -> runs.incrementAndGet() < 4 ? STEP : VcpuExit.HALT);
        Debugger debugger = new Debugger();
        try (Vm vm = fake.createVm(null, IrqChipMode.SPLIT);
                Vcpu vcpu = vm.createVcpu(0)) {
            VcpuThread thread = start(vcpu, debugger);
            assertThat(debugger.next()).isEqualTo("stays");
            thread.awaitStill();
            thread.pause(); // to be suspended meanwhile does not end the stop, nor the other way round
            thread.resume();
            thread.awaitStill();
            assertThat(runs).hasValue(1);
            thread.goOn();
            assertThat(debugger.next()).isEqualTo("goes on");
            assertThat(debugger.next()).isEqualTo("stays");
            thread.awaitStill();
            assertThat(runs).hasValue(3);
            thread.goOn();
            assertThat(debugger.next()).isEqualTo(VcpuExit.HALT.toString());
            thread.join();
        }
        assertThat(fake.misuses).isEmpty();
    }

    @Test
    void canBeEndedWhileItIsStopped() throws Exception {
        FakeHypervisor fake = new FakeHypervisor((id, machine) -> STEP);
        Debugger debugger = new Debugger();
        try (Vm vm = fake.createVm(null, IrqChipMode.SPLIT);
                Vcpu vcpu = vm.createVcpu(0)) {
            VcpuThread thread = start(vcpu, debugger);
            assertThat(debugger.next()).isEqualTo("stays");
            thread.stop();
            thread.join();
        }
        assertThat(debugger.seen).isEmpty();
    }
}

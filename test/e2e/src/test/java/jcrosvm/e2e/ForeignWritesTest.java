package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ServiceLoader;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.hypervisor.HypervisorProvider;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.x86.CpuTopology;
import jcrosvm.hypervisor.x86.GuestCpuid;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.Segment;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import jcrosvm.hypervisor.x86.X86Vcpu;
import jcrosvm.hypervisor.x86.X86Vm;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.relay.RelayDevice;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest that runs code which a second process keeps changing through a virtqueue, on the software processor. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class ForeignWritesTest {
    private static final int ROUNDS = 2000;
    private static final int PROGRAM = 0x1000;
    private static final int STACK = 0x9000;
    private static final int PAGE_TABLES = 0x10000;
    private static final int DESCRIPTORS = 0x20000;
    private static final int AVAILABLE = 0x21000;
    private static final int USED = 0x22000;
    private static final int CODE = 0x30000;
    private static final int KICK_PORT = 0xf0;
    private static final int RESULT_PORT = 0x80;

    /** Makes the one buffer available, kicks, polls until it is used, calls what is in it, and shows AL. */
    private static final int[] LOOP = {
        0x66,
        0xff,
        0x03, // inc word [rbx]
        0xe6,
        KICK_PORT, // out KICK_PORT, al
        0x66,
        0x8b,
        0x06, // mov ax, [rsi]
        0x66,
        0x3b,
        0x03, // cmp ax, [rbx]
        0x75,
        0xf8, // jne -8
        0xff,
        0xd7, // call rdi
        0xe6,
        RESULT_PORT, // out RESULT_PORT, al
        0xeb,
        0xed // jmp -19
    };

    @TempDir
    private Path dir;

    private final GuestMemory memory = GuestMemory.ofSize(1 << 20);

    private final EventFd kick = new EventFd();
    private final EventFd call = new EventFd();

    private QueueResources driver() {
        memory.putLong(DESCRIPTORS, CODE);
        memory.putInt(DESCRIPTORS + 8, 3);
        memory.putInt(DESCRIPTORS + 12, 2); // VIRTQ_DESC_F_WRITE
        return new QueueResources(
                0,
                new QueueLayout(16, DESCRIPTORS, AVAILABLE, USED),
                QueueState.SPLIT,
                VirtioFeatures.VIRTIO_F_VERSION_1,
                memory,
                kick,
                new Interrupt() {
                    @Override
                    public void signal() {}

                    @Override
                    public void failed() {
                        throw new AssertionError("the queue has failed");
                    }

                    @Override
                    public EventFd callEvent() {
                        return call;
                    }
                });
    }

    /** Compares what the guest shows with the number of the round. */
    private final class Rounds implements VcpuExitHandler {
        Vcpu vcpu;
        int right;
        int wrong;

        @Override
        public long portRead(int port, int size) {
            return -1;
        }

        @Override
        public void portWrite(int port, int size, long value) {
            if (port == KICK_PORT) {
                kick.signal();
            } else if ((int) (value & 0xff) == (right + wrong + 1 & 0xff)) {
                right++;
            } else {
                wrong++;
            }
            if (right + wrong == ROUNDS || wrong > 0) {
                vcpu.kick();
            }
        }

        @Override
        public long mmioRead(long address, int size) {
            return -1;
        }

        @Override
        public void mmioWrite(long address, int size, long value) {}
    }

    private Rounds run(boolean relay) throws IOException, InterruptedException {
        Rounds rounds = new Rounds();
        Path path = dir.resolve("backend");
        UnixSocket listener = UnixSocket.listen(path, UnixSocket.Type.SEQPACKET);
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        ForeignBackend.class.getName(),
                        path.toString())
                .inheritIO()
                .start();
        try (listener) {
            VirtioDevice front = new ForeignBackend.FrontEnd(listener.accept());
            VirtioDevice device = relay ? new RelayDevice("relay", front) : front;
            try (device;
                    X86Vm vm = soft().createVm(memory, IrqChipMode.SPLIT);
                    X86Vcpu vcpu = prepare(vm)) {
                device.startQueue(0, driver());
                rounds.vcpu = vcpu;
                assertThat(vcpu.run(rounds)).isInstanceOf(VcpuExit.Interrupted.class);
                QueueState state = device.stopQueue(0);
                int done = rounds.right + rounds.wrong;
                assertThat(state).isEqualTo(new QueueState(done, done));
            }
            assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isZero();
        } finally {
            process.destroyForcibly();
            listener.unlink();
            memory.close();
        }
        return rounds;
    }

    private static X86Hypervisor soft() {
        return (X86Hypervisor) ServiceLoader.load(HypervisorProvider.class).stream()
                .map(ServiceLoader.Provider::get)
                .filter(provider -> provider.name().equals("soft"))
                .findFirst()
                .orElseThrow()
                .open(null);
    }

    /** Long mode, the first GiB mapped to itself. */
    private X86Vcpu prepare(X86Vm vm) {
        memory.putLong(PAGE_TABLES, PAGE_TABLES + 0x1003);
        memory.putLong(PAGE_TABLES + 0x1000, PAGE_TABLES + 0x2003);
        for (int i = 0; i < 512; i++) {
            memory.putLong(PAGE_TABLES + 0x2000 + 8L * i, (long) i << 21 | 0x83);
        }
        for (int i = 0; i < LOOP.length; i++) {
            memory.putByte(PROGRAM + i, (byte) LOOP[i]);
        }
        X86Vcpu vcpu = vm.createVcpu(0);
        vcpu.cpuid(GuestCpuid.forVcpu(soft().supportedCpuid(), CpuTopology.of(1, false), 0, true, false));
        SpecialRegisters reset = vcpu.specialRegisters();
        Segment data = Segment.flat(0x18, Segment.DATA, false);
        vcpu.specialRegisters(new SpecialRegisters(
                Segment.flat(0x10, Segment.CODE, true),
                data,
                data,
                data,
                data,
                data,
                reset.tr(),
                reset.ldt(),
                reset.gdt(),
                reset.idt(),
                SpecialRegisters.CR0_PE | SpecialRegisters.CR0_ET | SpecialRegisters.CR0_PG,
                0,
                PAGE_TABLES,
                SpecialRegisters.CR4_PAE,
                0,
                SpecialRegisters.EFER_LME | SpecialRegisters.EFER_LMA,
                reset.apicBase()));
        vcpu.registers(
                new Registers(0, AVAILABLE + 2, 0, 0, USED + 2, CODE, STACK, 0, 0, 0, 0, 0, 0, 0, 0, 0, PROGRAM, 2));
        return vcpu;
    }

    @Test
    void behindARelayTheGuestRunsWhatWasWritten() throws Exception {
        Rounds rounds = run(true);
        assertThat(rounds.wrong).isZero();
        assertThat(rounds.right).isEqualTo(ROUNDS);
    }

    /** What the relay is for: when this fails, it is needed no more. */
    @Test
    void withoutOneItRunsWhatWasThereBefore() throws Exception {
        assertThat(run(false).wrong).isPositive();
    }
}

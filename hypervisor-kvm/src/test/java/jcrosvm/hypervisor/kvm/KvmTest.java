package jcrosvm.hypervisor.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.HypervisorProvider.Availability;
import jcrosvm.hypervisor.IoEventAddress;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.MemorySlot;
import jcrosvm.hypervisor.Msi;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.x86.CpuTopology;
import jcrosvm.hypervisor.x86.GuestCpuid;
import jcrosvm.hypervisor.x86.Msr;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.VcpuState;
import jcrosvm.memory.GuestMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tiny real-mode guests on the host's KVM: also on one that interprets them. */
class KvmTest {
    private static final long SIZE = 0x10_0000;

    private KvmHypervisor kvm;
    private GuestMemory memory;
    private MemorySlot slot;
    private final Recorder recorder = new Recorder();

    /** Keeps what the guest did outside memory. */
    private static final class Recorder implements VcpuExitHandler {
        final List<String> log = new ArrayList<>();
        final AtomicInteger exits = new AtomicInteger();
        long answer = 0x11223344_55667788L;

        @Override
        public long portRead(int port, int size) {
            log.add("in %x/%d".formatted(port, size));
            return answer;
        }

        @Override
        public void portWrite(int port, int size, long value) {
            exits.incrementAndGet();
            if (log.size() < 100) {
                log.add("out %x/%d=%x".formatted(port, size, value));
            }
        }

        @Override
        public long mmioRead(long address, int size) {
            log.add("load %x/%d".formatted(address, size));
            return answer;
        }

        @Override
        public void mmioWrite(long address, int size, long value) {
            log.add("store %x/%d=%x".formatted(address, size, value));
        }
    }

    @BeforeEach
    void open() {
        assumeTrue(Files.isReadable(Path.of("/dev/kvm")), "this host has no usable /dev/kvm");
        kvm = (KvmHypervisor) new KvmProvider().open(null);
        memory = GuestMemory.ofSize(SIZE);
    }

    @AfterEach
    void close() {
        if (kvm != null) {
            memory.close();
            kvm.close();
        }
    }

    private KvmVm vm(IrqChipMode mode, int... code) {
        for (int i = 0; i < code.length; i++) {
            memory.putByte(0x1000 + i, (byte) code[i]);
        }
        return (KvmVm) (mode == null ? bare() : kvm.createVm(memory, mode));
    }

    private KvmVm bare() {
        KvmVm vm = new KvmVm(kvm, kvm.createVmFd(), null);
        slot = vm.addMemory(0, memory.slice(0, SIZE), false);
        return vm;
    }

    private static KvmVcpu vcpu(KvmVm vm, int id) {
        KvmVcpu vcpu = vm.createVcpu(id);
        vcpu.specialRegisters(
                vcpu.specialRegisters().withCs(vcpu.specialRegisters().cs().withBase(0, 0)));
        vcpu.registers(Registers.entry(0x1000, 0x8000, 0));
        return vcpu;
    }

    @Test
    void portAndMemoryAccessesLeaveThroughTheHandler() {
        // mov al,5; out 80,al; in ax,81; mov [F0000000h..] impossible in real mode: use segment F000 above RAM? -> A20
        // area 10xxxx
        try (KvmVm vm = vm(
                        null, 0xB0, 5, 0xE6, 0x80, 0xE5, 0x81, 0xB9, 0xFF, 0xFF, 0x8E, 0xD9, 0xA2, 0x20, 0x00, 0xA1,
                        0x30, 0x00, 0xF4);
                KvmVcpu vcpu = vcpu(vm, 0)) {
            assertThat(vcpu.run(recorder)).isEqualTo(VcpuExit.HALT);
            assertThat(recorder.log).containsExactly("out 80/1=5", "in 81/2", "store 100010/1=88", "load 100020/2");
            assertThat(vcpu.registers().rax() & 0xFFFF).isEqualTo(0x7788);
        }
    }

    @Test
    void stringOutputArrivesValueByValue() {
        memory.write(0x2000, "hello".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        // mov si,2000h; mov cx,5; mov dx,3f8h; rep outsb; hlt
        try (KvmVm vm = vm(null, 0xBE, 0, 0x20, 0xB9, 5, 0, 0xBA, 0xF8, 3, 0xF3, 0x6E, 0xF4);
                KvmVcpu vcpu = vcpu(vm, 0)) {
            assertThat(vcpu.run(recorder)).isEqualTo(VcpuExit.HALT);
            assertThat(recorder.log)
                    .containsExactly("out 3f8/1=68", "out 3f8/1=65", "out 3f8/1=6c", "out 3f8/1=6c", "out 3f8/1=6f");
        }
    }

    @Test
    void readOnlyMemoryTurnsWritesIntoMmio() {
        assumeTrue(kvm.supports(jcrosvm.hypervisor.Hypervisor.Capability.READONLY_MEMORY), "no read-only slots");
        Mapping rom = Mapping.anonymous(4096);
        rom.segment().set(java.lang.foreign.ValueLayout.JAVA_BYTE, 0, (byte) 0x5A);
        // mov cx,ffffh; mov ds,cx; mov al,[10h]; mov [10h],al; hlt
        try (KvmVm vm = vm(null, 0xB9, 0xFF, 0xFF, 0x8E, 0xD9, 0xA0, 0x10, 0, 0xA2, 0x10, 0, 0xF4)) {
            vm.addMemory(SIZE, rom.segment(), true);
            try (KvmVcpu vcpu = vcpu(vm, 0)) {
                assertThat(vcpu.run(recorder)).isEqualTo(VcpuExit.HALT);
                assertThat(recorder.log).containsExactly("store 100000/1=5a");
            }
        }
    }

    @Test
    void writesAreInTheDirtyLog() {
        // mov byte [3000h],1; hlt
        try (KvmVm vm = vm(null, 0xC6, 0x06, 0x00, 0x30, 1, 0xF4);
                KvmVcpu vcpu = vcpu(vm, 0)) {
            slot.logDirty(true);
            assertThat(vcpu.run(recorder)).isEqualTo(VcpuExit.HALT);
            // KVM may count pages that it merely mapped writable, such as the code's.
            assertThat(slot.dirty()[0] & 1L << 3).isNotZero();
            assertThat(slot.dirty()[0]).isZero();
        }
    }

    @Test
    void ioEventsSwallowMatchingWrites() {
        // mov al,1; out 90,al; mov al,2; out 90,al; hlt
        try (KvmVm vm = vm(null, 0xB0, 1, 0xE6, 0x90, 0xB0, 2, 0xE6, 0x90, 0xF4);
                KvmVcpu vcpu = vcpu(vm, 0);
                EventFd event = new EventFd()) {
            vm.registerIoEvent(IoEventAddress.port(0x90, 1).matching(2), event);
            assertThat(vcpu.run(recorder)).isEqualTo(VcpuExit.HALT);
            assertThat(recorder.log).containsExactly("out 90/1=1");
            assertThat(event.drain()).isEqualTo(1);
            vm.unregisterIoEvent(IoEventAddress.port(0x90, 1).matching(2), event);
        }
    }

    @ParameterizedTest
    @EnumSource(IrqChipMode.class)
    void kicksAreNeverLost(IrqChipMode mode) throws InterruptedException {
        // l: out 80,al; jmp l
        try (KvmVm vm = vm(mode, 0xE6, 0x80, 0xEB, 0xFC);
                KvmVcpu vcpu = vcpu(vm, 0)) {
            AtomicInteger acknowledged = new AtomicInteger();
            CountDownLatch started = new CountDownLatch(1);
            int kicks = 300;
            Thread thread = Thread.ofPlatform().start(() -> {
                started.countDown();
                while (acknowledged.get() < kicks) {
                    if (vcpu.run(recorder) instanceof VcpuExit.Interrupted) {
                        acknowledged.incrementAndGet();
                    }
                }
            });
            started.await();
            SplittableRandom random = new SplittableRandom(1);
            for (int i = 0; i < kicks; i++) {
                long until = System.nanoTime() + random.nextLong(60_000);
                while (System.nanoTime() < until) {
                    Thread.onSpinWait();
                }
                vcpu.kick();
                long deadline = System.nanoTime() + 20_000_000_000L;
                while (acknowledged.get() <= i && System.nanoTime() < deadline) {
                    Thread.onSpinWait();
                }
                assertThat(acknowledged.get()).as("kick %d", i).isGreaterThan(i);
            }
            thread.join(20_000);
            assertThat(thread.isAlive()).isFalse();
        }
    }

    @Test
    void aKickBeforeRunningIsSeenAtOnce() {
        try (KvmVm vm = vm(null, 0xEB, 0xFE);
                KvmVcpu vcpu = vcpu(vm, 0)) {
            vcpu.kick();
            assertThat(vcpu.run(recorder)).isEqualTo(VcpuExit.INTERRUPTED);
        }
    }

    @Test
    void closedVcpuIgnoresKicks() {
        try (KvmVm vm = vm(null, 0xF4)) {
            KvmVcpu vcpu = vcpu(vm, 0);
            vcpu.close();
            vcpu.kick();
            vcpu.close();
        }
    }

    @Test
    void irqFdRaisesAnInterruptThroughThePic() {
        // The handler at 1100h writes to port 81h for ever.
        int[] code = {
            0xB0,
            0x11,
            0xE6,
            0x20,
            0xB0,
            0x20,
            0xE6,
            0x21,
            0xB0,
            4,
            0xE6,
            0x21,
            0xB0,
            1,
            0xE6,
            0x21, // ICW1-4
            0xB0,
            0xDF,
            0xE6,
            0x21, // unmask 5
            0xC7,
            0x06,
            0x94,
            0x00,
            0x00,
            0x11,
            0xC7,
            0x06,
            0x96,
            0x00,
            0x00,
            0x00, // IVT[25h] = 0:1100
            0xE6,
            0x80, // ready
            0xFB,
            0xF4,
            0xEB,
            0xFD // sti; l: hlt; jmp l
        };
        try (KvmVm vm = vm(IrqChipMode.KERNEL, code);
                EventFd trigger = new EventFd()) {
            memory.putByte(0x1100, (byte) 0xE6);
            memory.putByte(0x1101, (byte) 0x81);
            memory.putByte(0x1102, (byte) 0xEB);
            memory.putByte(0x1103, (byte) 0xFC);
            vm.irqChip().routes(vm.irqChip().defaultRoutes());
            vm.irqChip().registerIrqFd(5, trigger, null);
            try (KvmVcpu vcpu = vcpu(vm, 0)) {
                vcpu.localApic(virtualWire(vcpu.localApic()));
                VcpuExitHandler handler = new VcpuExitHandler() {
                    @Override
                    public long portRead(int port, int size) {
                        return 0;
                    }

                    @Override
                    public void portWrite(int port, int size, long value) {
                        recorder.portWrite(port, size, 0);
                        if (port == 0x80) {
                            trigger.signal();
                        } else {
                            vcpu.kick();
                        }
                    }

                    @Override
                    public long mmioRead(long address, int size) {
                        return 0;
                    }

                    @Override
                    public void mmioWrite(long address, int size, long value) {}
                };
                assertThat(vcpu.run(handler)).isEqualTo(VcpuExit.INTERRUPTED);
                assertThat(recorder.log).startsWith("out 80/1=0", "out 81/1=0");
            }
        }
    }

    private static byte[] virtualWire(byte[] apic) {
        apic[0xF0] = (byte) 0xFF;
        apic[0xF1] = 1;
        apic[0x350] = 0;
        apic[0x351] = 7; // LINT0: ExtINT, not masked
        apic[0x352] = 0;
        return apic;
    }

    @ParameterizedTest
    @EnumSource(IrqChipMode.class)
    void stateSurvivesARoundTrip(IrqChipMode mode) {
        try (KvmVm vm = vm(mode, 0xEB, 0xFE);
                KvmVcpu vcpu = vcpu(vm, 0)) {
            vcpu.cpuid(GuestCpuid.forVcpu(kvm.supportedCpuid(), CpuTopology.of(1, true), 0, true, false));
            vcpu.kick();
            vcpu.run(recorder);
            vcpu.writeMsrs(List.of(new Msr(Msr.LSTAR, 0x1234_5678L)));
            VcpuState first = vcpu.state();
            vcpu.registers(Registers.entry(0x77, 0x88, 0x99));
            vcpu.writeMsrs(List.of(new Msr(Msr.LSTAR, 0)));
            vcpu.restore(first);
            assertThat(vcpu.registers()).isEqualTo(first.registers());
            assertThat(vcpu.specialRegisters()).isEqualTo(first.specialRegisters());
            assertThat(vcpu.readMsrs(Msr.LSTAR)).containsExactly(new Msr(Msr.LSTAR, 0x1234_5678L));
            byte[] chip = vm.irqChip().state();
            vm.irqChip().restore(chip);
            // The PIT's load times, behind the three chips, are the kernel's clock at the restore.
            int compared = Math.min(chip.length, 3 * 520);
            assertThat(Arrays.copyOf(vm.irqChip().state(), compared)).isEqualTo(Arrays.copyOf(chip, compared));
        }
    }

    @Test
    void routesAndMessagesAreAccepted() {
        try (KvmVm vm = vm(IrqChipMode.SPLIT, 0xF4);
                KvmVcpu vcpu = vcpu(vm, 0)) {
            vm.irqChip().routes(List.of(new IrqRoute.Message(24, new Msi(0xFEE00000L, 0x41))));
            vm.irqChip().signal(new Msi(0xFEE00000L, 0x41));
            vm.irqChip().signal(new Msi(0xFEEFF000L, 0x41));
            assertThat(vcpu.readMsrs(0x7fff_0000, Msr.IA32_TSC))
                    .extracting(Msr::index)
                    .containsExactly(Msr.IA32_TSC);
        }
    }

    @Test
    void unknownMsrIsNamed() {
        try (KvmVm vm = vm(null, 0xF4);
                KvmVcpu vcpu = vcpu(vm, 0)) {
            assertThatThrownBy(() -> vcpu.writeMsrs(List.of(new Msr(0x7fff_0000, 5))))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("0x7fff0000");
        }
    }

    @Test
    void clockCanBeSet() {
        try (KvmVm vm = vm(IrqChipMode.KERNEL, 0xF4)) {
            vm.clock(5_000_000_000L);
            assertThat(vm.clock()).isBetween(5_000_000_000L, 60_000_000_000L);
        }
    }

    @Test
    void tooManyVcpusAreRefusedWithTheLimit() {
        try (KvmVm vm = vm(null, 0xF4)) {
            assertThatThrownBy(() -> vm.createVcpu(1 << 20))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("this host allows");
        }
    }

    @Test
    void missingDeviceAndWrongDeviceAreExplained() {
        assertThat(new KvmProvider().probe(Path.of("/dev/no-such-kvm")))
                .isEqualTo(
                        new Availability(
                                Availability.Level.MISSING,
                                "there is no /dev/no-such-kvm: load kvm_intel or kvm_amd, and enable virtualisation in the firmware"));
        assertThat(new KvmProvider().probe(Path.of("/dev/null")).reason()).contains("/dev/null is not a KVM device");
    }

    @Test
    void probeTellsInterpretersFromProcessors() {
        assertThat(new KvmProvider().probe(null).level()).isNotEqualTo(Availability.Level.MISSING);
    }
}

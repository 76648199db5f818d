package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.ServiceLoader;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Mapping;
import jcrosvm.base.io.SharedMemory;
import jcrosvm.hypervisor.DebugControl;
import jcrosvm.hypervisor.DebugControl.Breakpoint;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.HypervisorProvider;
import jcrosvm.hypervisor.HypervisorProvider.Availability;
import jcrosvm.hypervisor.IoEventAddress;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.MemorySlot;
import jcrosvm.hypervisor.Msi;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExit.Debug.Cause;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.x86.CpuTopology;
import jcrosvm.hypervisor.x86.GuestCpuid;
import jcrosvm.hypervisor.x86.Msr;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.Segment;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.hypervisor.x86.VcpuState;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import jcrosvm.hypervisor.x86.X86Vcpu;
import jcrosvm.hypervisor.x86.X86Vm;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.GuestMemoryException;
import jcrosvm.memory.MemoryRegion;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a machine relies on, asked of every hypervisor through its interfaces alone, by tiny real-mode guests. */
class HypervisorContractTest {
    private static final long SIZE = 0x10_0000;
    private static final int CODE = 0x1000;
    private static final int HANDLER = 0x1100;
    private static final int TABLES = 0x5000;
    /** A write here ends the run. */
    private static final int END = 0xf4;

    private static final int[] OUT_END = {0xE6, END, 0xF4};

    private final GuestMemory memory = GuestMemory.ofSize(SIZE);
    private Availability availability;
    private X86Hypervisor hypervisor;
    private X86Vm vm;
    private X86Vcpu vcpu;

    /** Keeps what the guest did outside memory. */
    private final class Recorder implements VcpuExitHandler {
        final List<String> log = new ArrayList<>();
        Runnable onPort80 = () -> {};

        @Override
        public long portRead(int port, int size) {
            log.add("in %x/%d".formatted(port, size));
            return 0x1122_3344;
        }

        @Override
        public void portWrite(int port, int size, long value) {
            if (port == END) {
                vcpu.kick();
                return;
            }
            if (log.size() < 100) {
                log.add("out %x/%d=%x".formatted(port, size, value));
            }
            if (port == 0x80) {
                onPort80.run();
            }
        }

        @Override
        public long mmioRead(long address, int size) {
            log.add("load %x/%d".formatted(address, size));
            return 0x1122_3344_5566_7788L;
        }

        @Override
        public void mmioWrite(long address, int size, long value) {
            log.add("store %x/%d=%x".formatted(address, size, value));
        }
    }

    private final Recorder recorder = new Recorder();

    private void open(String name, int[]... code) {
        HypervisorProvider provider = ServiceLoader.load(HypervisorProvider.class).stream()
                .map(ServiceLoader.Provider::get)
                .filter(p -> p.name().equals(name))
                .findFirst()
                .orElseThrow();
        availability = provider.probe(null);
        assumeTrue(availability.level() != Availability.Level.MISSING, name + ": " + availability.reason());
        hypervisor = (X86Hypervisor) provider.open(null);
        vm = hypervisor.createVm(memory, IrqChipMode.SPLIT);
        put(CODE, code);
        vcpu = vm.createVcpu(0);
        vcpu.cpuid(GuestCpuid.forVcpu(hypervisor.supportedCpuid(), CpuTopology.of(1, false), 0, true, false));
        vcpu.specialRegisters(
                vcpu.specialRegisters().withCs(vcpu.specialRegisters().cs().withBase(0, 0)));
        vcpu.registers(Registers.entry(CODE, 0x8000, 0));
    }

    private void put(int address, int[]... code) {
        int at = address;
        for (int[] part : code) {
            for (int b : part) {
                memory.putByte(at++, (byte) b);
            }
        }
    }

    private static int[] code(int... bytes) {
        return bytes;
    }

    @AfterEach
    void close() {
        if (vcpu != null) {
            vcpu.close();
            vm.close();
            hypervisor.close();
        }
        memory.close();
    }

    private void run() {
        assertThat(vcpu.run(recorder)).isEqualTo(VcpuExit.INTERRUPTED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void portAndMemoryAccessesLeaveThroughTheHandler(String name) {
        // mov al,5; out 80,al; in ax,81; mov cx,ffff; mov ds,cx; mov [20],al; mov ax,[30]
        open(
                name,
                code(0xB0, 5, 0xE6, 0x80, 0xE5, 0x81, 0xB9, 0xFF, 0xFF, 0x8E, 0xD9, 0xA2, 0x20, 0, 0xA1, 0x30, 0),
                OUT_END);
        run();
        assertThat(recorder.log).containsExactly("out 80/1=5", "in 81/2", "store 100010/1=44", "load 100020/2");
        assertThat(vcpu.registers().rax() & 0xFFFF).isEqualTo(0x7788);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void stringOutputArrivesValueByValue(String name) {
        // mov si,2000; mov cx,5; mov dx,3f8; rep outsb
        open(name, code(0xBE, 0, 0x20, 0xB9, 5, 0, 0xBA, 0xF8, 3, 0xF3, 0x6E), OUT_END);
        memory.write(0x2000, "hello".getBytes(StandardCharsets.US_ASCII));
        run();
        assertThat(recorder.log)
                .containsExactly("out 3f8/1=68", "out 3f8/1=65", "out 3f8/1=6c", "out 3f8/1=6c", "out 3f8/1=6f");
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void readOnlyMemoryTurnsWritesIntoMmio(String name) {
        // mov cx,ffff; mov ds,cx; mov al,[10]; mov [10],al
        open(name, code(0xB9, 0xFF, 0xFF, 0x8E, 0xD9, 0xA0, 0x10, 0, 0xA2, 0x10, 0), OUT_END);
        assumeTrue(hypervisor.supports(Hypervisor.Capability.READONLY_MEMORY), "no read-only slots");
        Mapping rom = Mapping.anonymous(4096);
        rom.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 0x5A);
        MemorySlot slot = vm.addMemory(SIZE, rom.segment(), true);
        run();
        assertThat(recorder.log).containsExactly("store 100000/1=5a");
        slot.close();
        vcpu.registers(Registers.entry(CODE, 0x8000, 0));
        run();
        assertThat(recorder.log).containsExactly("store 100000/1=5a", "load 100000/1", "store 100000/1=88");
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void writesAreInTheDirtyLog(String name) {
        // mov byte [3000],1
        open(name, code(0xC6, 6, 0, 0x30, 1), OUT_END);
        run();
        MemorySlot slot = vm.ram().getFirst();
        assertThat(slot.dirty()).hasSize(4).containsOnly(0);
        slot.logDirty(true);
        assertThat(slot.dirty()[0] & 1L << 3).isZero();
        vcpu.registers(Registers.entry(CODE, 0x8000, 0));
        run();
        assertThat(slot.dirty()[0] & 1L << 3).isNotZero();
        assertThat(slot.dirty()[0]).isZero();
        slot.logDirty(false);
        assertThat(slot.dirty()).hasSize(4).containsOnly(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void slotsComeAndGoAndAreOfWholePages(String name) {
        // mov cx,ffff; mov ds,cx; mov al,[10]; out 80,al
        open(name, code(0xB9, 0xFF, 0xFF, 0x8E, 0xD9, 0xA0, 0x10, 0, 0xE6, 0x80), OUT_END);
        Mapping host = Mapping.anonymous(8192);
        host.segment().fill((byte) 0x5A);
        assertThat(vm.ram()).hasSize(1);
        assertThatThrownBy(() -> vm.addMemory(SIZE - 4096, host.segment(), false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("0xff000+0x2000")
                .hasMessageContaining("overlaps");
        assertThatThrownBy(() -> vm.addMemory(SIZE + 1, host.segment(), false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("whole pages");
        assertThatThrownBy(() -> vm.addMemory(SIZE, host.segment().asSlice(0, 4097), false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("whole pages");
        for (int i = 0; i < 20; i++) {
            MemorySlot slot = vm.addMemory(SIZE, host.segment(), false);
            slot.close();
            slot.close();
            assertThatThrownBy(slot::dirty).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> slot.logDirty(true)).isInstanceOf(IllegalStateException.class);
        }
        MemorySlot slot = vm.addMemory(SIZE, host.segment(), false);
        run();
        assertThat(recorder.log).containsExactly("out 80/1=5a");
        vcpu.close();
        vm.close();
        slot.close();
    }

    /** As memory that another process made, and as memory that is plugged in. */
    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void regionsThatAreAddedLaterCanBeMapped(String name) {
        // mov cx,ffff; mov ds,cx; mov al,[10]; mov [11],al
        open(name, code(0xB9, 0xFF, 0xFF, 0x8E, 0xD9, 0xA0, 0x10, 0, 0xA2, 0x11, 0), OUT_END);
        SharedMemory file = SharedMemory.create("more", 8192);
        MemoryRegion region = new MemoryRegion(SIZE, 4096, file.fd(), 4096);
        memory.add(region);
        memory.putByte(SIZE, (byte) 0x77);
        MemorySlot slot = vm.addMemory(SIZE, memory.slice(SIZE, 4096), false);
        run();
        assertThat(recorder.log).isEmpty();
        assertThat(memory.getByte(SIZE + 1)).isEqualTo((byte) 0x77);
        slot.close();
        memory.remove(region);
        assertThatThrownBy(() -> memory.getByte(SIZE)).isInstanceOf(GuestMemoryException.class);
        vcpu.registers(Registers.entry(CODE, 0x8000, 0));
        run();
        assertThat(recorder.log).containsExactly("load 100000/1", "store 100001/1=88");
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void ioEventsSwallowMatchingWrites(String name) {
        // mov al,1; out 90,al; mov al,2; out 90,al
        open(name, code(0xB0, 1, 0xE6, 0x90, 0xB0, 2, 0xE6, 0x90), OUT_END);
        try (EventFd event = new EventFd()) {
            IoEventAddress address = IoEventAddress.port(0x90, 1).matching(2);
            vm.registerIoEvent(address, event);
            run();
            assertThat(recorder.log).containsExactly("out 90/1=1");
            assertThat(event.drain()).isEqualTo(1);
            vm.unregisterIoEvent(address, event);
            vcpu.registers(Registers.entry(CODE, 0x8000, 0));
            run();
            assertThat(recorder.log).containsExactly("out 90/1=1", "out 90/1=1", "out 90/1=2");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void memoryEventsOfAnySize(String name) {
        // mov cx,ffff; mov ds,cx; mov [20],al; mov [20],ax; mov [21],al
        open(name, code(0xB9, 0xFF, 0xFF, 0x8E, 0xD9, 0xA2, 0x20, 0, 0xA3, 0x20, 0, 0xA2, 0x21, 0), OUT_END);
        try (EventFd event = new EventFd()) {
            IoEventAddress address = IoEventAddress.mmio(0x10_0010, 0);
            vm.registerIoEvent(address, event);
            run();
            assertThat(recorder.log).containsExactly("store 100011/1=0");
            assertThat(event.drain()).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void kicksAreNeverLost(String name) throws InterruptedException {
        // l: out 80,al; jmp l
        open(name, code(0xE6, 0x80, 0xEB, 0xFC));
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

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void aKickBeforeRunningIsSeenAtOnceAndOneAfterTheEndIgnored(String name) {
        open(name, code(0xEB, 0xFE));
        vcpu.kick();
        run();
        vcpu.close();
        vcpu.kick();
    }

    /** sti; l: hlt; jmp l - and a handler of vector 41h that writes 81h and ends the run. */
    private void openForInterrupts(String name) {
        // mov word [104],1100; mov word [106],0; out 80,al; sti; l: hlt; jmp l
        open(name, code(0xC7, 6, 4, 1, 0, 0x11, 0xC7, 6, 6, 1, 0, 0, 0xE6, 0x80, 0xFB, 0xF4, 0xEB, 0xFD));
        put(HANDLER, code(0xE6, 0x81), OUT_END);
        byte[] apic = vcpu.localApic();
        apic[0xF0] = (byte) 0xFF;
        apic[0xF1] = 1; // enabled by software
        vcpu.localApic(apic);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void messagesWakeAHaltedProcessor(String name) {
        openForInterrupts(name);
        recorder.onPort80 = () -> Thread.ofPlatform().start(() -> vm.irqChip().signal(new Msi(0xFEE0_0000L, 0x41)));
        run();
        assertThat(recorder.log).containsExactly("out 80/1=0", "out 81/1=0");
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void irqFdsFollowTheRoutes(String name) {
        openForInterrupts(name);
        try (EventFd trigger = new EventFd()) {
            vm.irqChip().routes(List.of(new IrqRoute.Message(24, new Msi(0xFEE0_0000L, 0x41))));
            vm.irqChip().registerIrqFd(24, trigger, null);
            recorder.onPort80 = trigger::signal;
            run();
            assertThat(recorder.log).containsExactly("out 80/1=0", "out 81/1=0");
            vm.irqChip().unregisterIrqFd(24, trigger);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void stateSurvivesARoundTrip(String name) {
        open(name, code(0xEB, 0xFE));
        vcpu.kick();
        run();
        vcpu.writeMsrs(List.of(new Msr(Msr.LSTAR, 0x1234_5678L)));
        VcpuState first = vcpu.state();
        vcpu.registers(Registers.entry(0x77, 0x88, 0x99));
        vcpu.writeMsrs(List.of(new Msr(Msr.LSTAR, 0)));
        vcpu.restore(first);
        assertThat(vcpu.registers()).isEqualTo(first.registers());
        assertThat(vcpu.specialRegisters()).isEqualTo(first.specialRegisters());
        assertThat(vcpu.readMsrs(Msr.LSTAR)).containsExactly(new Msr(Msr.LSTAR, 0x1234_5678L));
        vm.irqChip().restore(vm.irqChip().state());
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void unknownMsrsAreLeftOutAndNamed(String name) {
        open(name, OUT_END);
        assertThat(vcpu.readMsrs(0x7fff_0000, Msr.IA32_TSC))
                .extracting(Msr::index)
                .containsExactly(Msr.IA32_TSC);
        assertThatThrownBy(() -> vcpu.writeMsrs(List.of(new Msr(0x7fff_0000, 5))))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("0x7fff0000");
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void theClockCanBeSet(String name) {
        open(name, OUT_END);
        vm.clock(5_000_000_000L);
        assertThat(vm.clock()).isBetween(5_000_000_000L, 60_000_000_000L);
    }

    private static void pass(long nanos) {
        long until = System.nanoTime() + nanos;
        while (System.nanoTime() < until) {
            Thread.onSpinWait();
        }
    }

    private long counter() {
        return vcpu.readMsrs(Msr.IA32_TSC).getFirst().value();
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void theClockAndTheCountersCanStop(String name) {
        open(name, OUT_END);
        long start = System.nanoTime();
        long first = counter();
        pass(1_000_000_000L);
        long clock = vm.clock();
        long counter = counter();
        double ticksPerNano = (double) (counter - first) / (System.nanoTime() - start);
        vm.clockRuns(false);
        vm.clockRuns(false);
        long still = System.nanoTime();
        pass(5_000_000_000L);
        long goes = System.nanoTime();
        vm.clockRuns(true);
        vm.clockRuns(true);
        long passed = vm.clock() - clock;
        double ticks = (counter() - counter) / ticksPerNano;
        double most = System.nanoTime() - start - (goes - still);
        assertThat(passed).as("clock").isBetween(0L, (long) most);
        // A kernel before 5.16 cannot turn the counter back, nor can kvm_pvm, which says that it has.
        assumeTrue(ticks < most, "this KVM cannot set a counter's offset: " + ticks + " ns passed, at most " + most);
        assertThat(ticks).as("counter").isGreaterThanOrEqualTo(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void tooManyProcessorsAreRefusedWithTheLimit(String name) {
        open(name, OUT_END);
        assertThatThrownBy(() -> vm.createVcpu(1 << 20))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("allows " + hypervisor.maxVcpus());
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void aTripleFaultShutsDown(String name) {
        // lidt [2000]; int 3
        open(name, code(0x0F, 0x01, 0x1E, 0, 0x20, 0xCC));
        assumeTrue(runsGuestCode(), "an interpreting KVM does not look at the limit of the vector table");
        assertThat(vcpu.run(recorder)).isInstanceOf(VcpuExit.Shutdown.class);
    }

    /** The same in 64-bit mode, where the first 2 MiB are mapped as they are, and again at 1 GiB. */
    private void openLong(String name, int[]... code) {
        open(name, code);
        memory.putLong(TABLES, TABLES + 0x1000 | 3);
        memory.putLong(TABLES + 0x1000, TABLES + 0x2000 | 3);
        memory.putLong(TABLES + 0x1008, TABLES + 0x2000 | 3);
        memory.putLong(TABLES + 0x2000, 0x83);
        SpecialRegisters s = vcpu.specialRegisters();
        Segment data = Segment.flat(0x10, Segment.DATA, false);
        vcpu.specialRegisters(new SpecialRegisters(
                Segment.flat(8, Segment.CODE, true),
                data,
                data,
                data,
                data,
                data,
                s.tr(),
                s.ldt(),
                s.gdt(),
                s.idt(),
                SpecialRegisters.CR0_PG | SpecialRegisters.CR0_ET | SpecialRegisters.CR0_PE,
                0,
                TABLES,
                SpecialRegisters.CR4_PAE,
                0,
                SpecialRegisters.EFER_LME | SpecialRegisters.EFER_LMA,
                s.apicBase()));
    }

    private void debug(DebugControl.Kind kind, long address, int length) {
        Breakpoint elsewhere = new Breakpoint(DebugControl.Kind.EXECUTE, 0x500, 1);
        vcpu.debug(new DebugControl(false, false, List.of(elsewhere, new Breakpoint(kind, address, length))));
    }

    private boolean runsGuestCode() {
        return availability.level() != Availability.Level.INTERPRETED;
    }

    private static VcpuExit stop(Cause cause, long address) {
        return new VcpuExit.Debug(cause, address, cause == Cause.BREAKPOINT ? 1 : VcpuExit.Debug.NO_BREAKPOINT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void goesStepByStep(String name) {
        // nop; mov al,5; jmp +1; nop; out 80,al
        open(name, code(0x90, 0xB0, 5, 0xEB, 1, 0x90, 0xE6, 0x80), OUT_END);
        vcpu.debug(DebugControl.STEP);
        for (int next : new int[] {1, 3, 6, 8}) {
            assertThat(vcpu.run(recorder)).isEqualTo(stop(Cause.STEP, CODE + next));
            assertThat(vcpu.registers().rip()).isEqualTo(CODE + next);
        }
        assertThat(vcpu.registers().rax() & 0xFF).isEqualTo(5);
        assertThat(recorder.log).containsExactly("out 80/1=5");
        vcpu.debug(DebugControl.OFF);
        run();
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void goesStepByStepIn64Bits(String name) {
        // l: inc eax; cmp eax,3; jne l; out 80,al
        openLong(name, code(0xFF, 0xC0, 0x83, 0xF8, 3, 0x75, 0xF9, 0xE6, 0x80), OUT_END);
        vcpu.debug(DebugControl.STEP);
        for (int round = 1; round <= 3; round++) {
            assertThat(vcpu.run(recorder)).isEqualTo(stop(Cause.STEP, CODE + 2));
            assertThat(vcpu.registers().rax()).isEqualTo(round);
            assertThat(vcpu.run(recorder)).isEqualTo(stop(Cause.STEP, CODE + 5));
            assertThat(vcpu.run(recorder)).isEqualTo(stop(Cause.STEP, round < 3 ? CODE : CODE + 7));
        }
        vcpu.debug(DebugControl.OFF);
        run();
        assertThat(recorder.log).containsExactly("out 80/1=3");
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void stopsBeforeAnInstruction(String name) {
        // mov al,5; out 80,al; out 81,al
        openLong(name, code(0xB0, 5, 0xE6, 0x80, 0xE6, 0x81), OUT_END);
        debug(DebugControl.Kind.EXECUTE, CODE + 4, 1);
        assertThat(vcpu.run(recorder)).isEqualTo(stop(Cause.BREAKPOINT, CODE + 4));
        assertThat(vcpu.run(recorder)).as("again").isEqualTo(stop(Cause.BREAKPOINT, CODE + 4));
        assertThat(recorder.log).containsExactly("out 80/1=5");
        vcpu.debug(DebugControl.STEP);
        assertThat(vcpu.run(recorder)).isEqualTo(stop(Cause.STEP, CODE + 6));
        vcpu.debug(DebugControl.OFF);
        run();
        assertThat(recorder.log).containsExactly("out 80/1=5", "out 81/1=5");
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void stopsBehindAWrite(String name) {
        // mov al,[3002]; mov byte [3002],1; out 80,al
        openLong(name, code(0x8A, 4, 0x25, 2, 0x30, 0, 0, 0xC6, 4, 0x25, 2, 0x30, 0, 0, 1, 0xE6, 0x80), OUT_END);
        assumeTrue(runsGuestCode(), "an interpreting KVM does not look at breakpoints on data");
        debug(DebugControl.Kind.WRITE, 0x3000, 4);
        assertThat(vcpu.run(recorder)).isEqualTo(stop(Cause.BREAKPOINT, CODE + 15));
        assertThat(memory.getByte(0x3002)).isEqualTo((byte) 1);
        run();
        vcpu.registers(Registers.entry(CODE, 0x8000, 0));
        debug(DebugControl.Kind.ACCESS, 0x3000, 4);
        assertThat(vcpu.run(recorder)).isEqualTo(stop(Cause.BREAKPOINT, CODE + 7));
        vcpu.debug(DebugControl.OFF);
        run();
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void stopsAtBreakpointInstructions(String name) {
        // out 80,al; int 3; out 81,al
        openLong(name, code(0xE6, 0x80, 0xCC, 0xE6, 0x81), OUT_END);
        assumeTrue(runsGuestCode(), "an interpreting KVM does not know the breakpoint instruction");
        vcpu.debug(new DebugControl(false, true, List.of()));
        assertThat(vcpu.run(recorder)).isEqualTo(stop(Cause.SOFTWARE_BREAKPOINT, CODE + 2));
        assertThat(vcpu.registers().rip()).isEqualTo(CODE + 2);
        memory.putByte(CODE + 2, (byte) 0x90);
        run();
        assertThat(recorder.log).containsExactly("out 80/1=0", "out 81/1=0");
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void breakpointsThatTheProcessorCannotHaveAreRefused(String name) {
        open(name, OUT_END);
        Breakpoint one = new Breakpoint(DebugControl.Kind.EXECUTE, CODE, 1);
        assertThatThrownBy(() -> vcpu.debug(new DebugControl(false, false, Collections.nCopies(5, one))))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("the processor has 4");
        assertThatThrownBy(() -> debug(DebugControl.Kind.WRITE, 0x3001, 2))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("WRITE of 2 bytes at 0x3001");
        assertThatThrownBy(() -> debug(DebugControl.Kind.ACCESS, 0x3000, 3)).isInstanceOf(VmmException.class);
        run();
    }

    @ParameterizedTest
    @ValueSource(strings = {"kvm", "soft"})
    void addressesAreTranslatedAsTheGuestDoes(String name) {
        open(name, OUT_END);
        assertThat(vcpu.translate(0x1234)).hasValue(0x1234);
        vcpu.close();
        vm.close();
        hypervisor.close();
        openLong(name, OUT_END);
        assertThat(vcpu.translate(0x1234)).hasValue(0x1234);
        assertThat(vcpu.translate(0x4001_2345L)).hasValue(0x1_2345);
        assertThat(vcpu.translate(0x4020_0000L)).isEmpty();
        assertThat(vcpu.translate(0x8000_0000L)).isEmpty();
        run();
    }
}

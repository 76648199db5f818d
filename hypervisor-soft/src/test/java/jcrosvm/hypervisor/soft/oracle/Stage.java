package jcrosvm.hypervisor.soft.oracle;

import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.Msr;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.Segment;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import jcrosvm.hypervisor.x86.X86Vcpu;
import jcrosvm.hypervisor.x86.X86Vm;
import jcrosvm.memory.GuestMemory;

/** A VM of one hypervisor on which scenes are played. */
final class Stage implements AutoCloseable {
    private static final int END_PORT = 0x80;
    private static final int MESSAGE = 1000;

    /** What a scene came to. */
    record Outcome(String end, Registers registers, SpecialRegisters special, byte[] memory) {
        /** What differs, or an empty string. */
        String difference(Outcome other) {
            StringBuilder text = new StringBuilder();
            if (!end.equals(other.end)) {
                text.append(" end: ").append(end).append(" but ").append(other.end);
            }
            compare(text, registers, other.registers);
            compare(text, special, other.special);
            int from = 0;
            while (text.length() < MESSAGE) {
                int at = Arrays.mismatch(memory, from, memory.length, other.memory, from, memory.length);
                if (at < 0) {
                    break;
                }
                from += at;
                text.append(" [%x] %02x but %02x".formatted(from, memory[from], other.memory[from]));
                from++;
            }
            return text.toString();
        }
    }

    private static <R extends Record> void compare(StringBuilder text, R one, R other) {
        try {
            for (RecordComponent c : one.getClass().getRecordComponents()) {
                Object a = c.getAccessor().invoke(one);
                Object b = c.getAccessor().invoke(other);
                if (!a.equals(b)) {
                    text.append(" %s %s but %s".formatted(c.getName(), shown(a), shown(b)));
                }
            }
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static Object shown(Object value) {
        return value instanceof Long number ? Long.toHexString(number) : value;
    }

    private final GuestMemory memory = GuestMemory.ofSize(Scene.SIZE);
    private final X86Vm vm;
    private final X86Vcpu vcpu;
    private final long apicBase;
    private final ScheduledExecutorService watch = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "watchdog");
        thread.setDaemon(true);
        return thread;
    });
    private boolean ended;

    Stage(X86Hypervisor hypervisor, CpuidTable cpuid) {
        vm = hypervisor.createVm(memory, IrqChipMode.SPLIT);
        vcpu = vm.createVcpu(0);
        vcpu.cpuid(cpuid);
        apicBase = vcpu.specialRegisters().apicBase();
    }

    private final VcpuExitHandler handler = new VcpuExitHandler() {
        @Override
        public long portRead(int port, int size) {
            return 0;
        }

        @Override
        public void portWrite(int port, int size, long value) {
            ended |= port == END_PORT;
            vcpu.kick();
        }

        @Override
        public long mmioRead(long address, int size) {
            return 0;
        }

        @Override
        public void mmioWrite(long address, int size, long value) {}
    };

    Outcome play(Scene scene, Msr... msrs) {
        scene.write(memory);
        vcpu.specialRegisters(scene.special(apicBase));
        vcpu.registers(scene.registers());
        if (msrs.length > 0) {
            vcpu.writeMsrs(List.of(msrs));
        }
        ended = false;
        ScheduledFuture<?> alarm = watch.schedule(vcpu::kick, 1, TimeUnit.SECONDS);
        VcpuExit exit = vcpu.run(handler);
        alarm.cancel(true);
        String end = exit instanceof VcpuExit.Interrupted ? ended ? "end" : "no end" : exit.toString();
        return new Outcome(end, vcpu.registers(), comparable(vcpu.specialRegisters()), memory.read(0, Scene.SIZE));
    }

    private static SpecialRegisters comparable(SpecialRegisters r) {
        return new SpecialRegisters(
                comparable(r.cs()),
                comparable(r.ds()),
                comparable(r.es()),
                comparable(r.fs()),
                comparable(r.gs()),
                // KVM's emulator has 64-bit code's null stack segment look like one of data.
                r.cs().longMode() && r.ss().selector() < 4 ? unusable(r.ss().selector()) : comparable(r.ss()),
                comparable(r.tr()),
                comparable(r.ldt()),
                r.gdt(),
                r.idt(),
                r.cr0(),
                r.cr2(),
                r.cr3(),
                r.cr4(),
                r.cr8(),
                r.efer(),
                r.apicBase());
    }

    /** What a segment register is without the parts that nothing shows. */
    private static Segment comparable(Segment s) {
        return s.unusable() || !s.present() ? unusable(s.selector()) : s;
    }

    private static Segment unusable(int selector) {
        return new Segment(selector, 0, 0, 0, false, 0, false, false, false, false, false, true);
    }

    @Override
    public void close() {
        watch.shutdownNow();
        vcpu.close();
        vm.close();
        memory.close();
    }
}

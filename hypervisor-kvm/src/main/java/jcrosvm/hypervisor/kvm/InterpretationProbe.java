package jcrosvm.hypervisor.kvm;

import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.memory.GuestMemory;

/**
 * Tells a KVM that runs guest code from one that interprets it, by timing a tiny loop.
 *
 * <p>Nested kvm_pvm offers a complete /dev/kvm but steps standard guests through its instruction emulator, at about a
 * million instructions a second: no operating system boots on that.
 */
final class InterpretationProbe {
    /** Any real processor, and KVM inside an emulator too, is far above this; an interpreter far below. */
    static final long NATIVE_RATE = 20_000_000;

    private static final int LOOPS = 500;
    private static final int LOOPS_IN_DOUBT = 20_000;

    /** Some interpreters do half of this, none more: twice as many rounds would only take time. */
    private static final long DOUBTFUL_RATE = 6_000_000;

    private static final int TRIES = 3;

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

    private InterpretationProbe() {}

    /**
     * Instructions a second, at least; a millisecond of measuring where KVM interprets, less where it does not.
     *
     * <p>The time of an empty run is taken off: entry and exit are dear where the host itself is emulated, the more so
     * while our own code is cold.
     */
    static long instructionsPerSecond(KvmHypervisor kvm) {
        try (GuestMemory memory = GuestMemory.ofSize(Mapping.PAGE);
                KvmVm vm = new KvmVm(kvm, kvm.createVmFd(), null)) {
            vm.addMemory(0, memory.slice(0, Mapping.PAGE), false);
            try (KvmVcpu vcpu = vm.createVcpu(0)) {
                vcpu.specialRegisters(atZero(vcpu.specialRegisters()));
                long empty = Long.MAX_VALUE;
                for (int i = 0; i < TRIES; i++) {
                    empty = Math.min(empty, time(vcpu, memory, 1));
                }
                long rate = rate(vcpu, memory, LOOPS, empty);
                return rate < NATIVE_RATE && rate > DOUBTFUL_RATE ? rate(vcpu, memory, LOOPS_IN_DOUBT, empty) : rate;
            }
        }
    }

    private static long rate(KvmVcpu vcpu, GuestMemory memory, int loops, long empty) {
        long best = Long.MAX_VALUE;
        for (int i = 0; i < TRIES; i++) {
            best = Math.min(best, Math.max(1, time(vcpu, memory, loops) - empty));
            if (2.0 * loops * 1e9 / best >= NATIVE_RATE) {
                break;
            }
        }
        return (long) (2.0 * loops * 1e9 / best);
    }

    /** Nanoseconds of so many rounds of two instructions; for ever if KVM cannot even run those. */
    private static long time(KvmVcpu vcpu, GuestMemory memory, int loops) {
        // mov cx, loops; dec cx; jnz -3; hlt
        byte[] code = {(byte) 0xB9, (byte) loops, (byte) (loops >> 8), 0x49, 0x75, (byte) 0xFD, (byte) 0xF4};
        memory.write(0, code);
        vcpu.registers(Registers.entry(0, 0, 0));
        long begin = System.nanoTime();
        VcpuExit exit = vcpu.run(NOTHING);
        return exit instanceof VcpuExit.Halt ? System.nanoTime() - begin : Long.MAX_VALUE / 2;
    }

    /** Real mode with CS at address 0. */
    private static SpecialRegisters atZero(SpecialRegisters reset) {
        return reset.withCs(reset.cs().withBase(0, 0));
    }
}

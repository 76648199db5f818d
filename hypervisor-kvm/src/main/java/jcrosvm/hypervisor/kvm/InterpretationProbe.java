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

    private static final int[] LOOPS = {2_000, 20_000};
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

    /** Instructions a second, at least; a few milliseconds of measuring at most. */
    static long instructionsPerSecond(KvmHypervisor kvm) {
        long rate = 0;
        for (int loops : LOOPS) {
            rate = Math.max(rate, measure(kvm, loops));
            // In doubt a longer loop decides; an interpreter leaves none, and the longer loop would take it long.
            if (rate >= NATIVE_RATE || rate < NATIVE_RATE / 10) {
                return rate;
            }
        }
        return rate;
    }

    private static long measure(KvmHypervisor kvm, int loops) {
        try (GuestMemory memory = GuestMemory.ofSize(Mapping.PAGE);
                KvmVm vm = new KvmVm(kvm, kvm.createVmFd(), null)) {
            vm.addMemory(0, 0, memory.slice(0, Mapping.PAGE), false);
            // mov cx, loops; dec cx; jnz -3; hlt
            byte[] code = {(byte) 0xB9, (byte) loops, (byte) (loops >> 8), 0x49, 0x75, (byte) 0xFD, (byte) 0xF4};
            memory.write(0, code);
            try (KvmVcpu vcpu = vm.createVcpu(0)) {
                vcpu.specialRegisters(atZero(vcpu.specialRegisters()));
                long best = Long.MAX_VALUE;
                for (int i = 0; i < 2; i++) {
                    vcpu.registers(Registers.entry(0, 0, 0));
                    long begin = System.nanoTime();
                    VcpuExit exit = vcpu.run(NOTHING);
                    if (!(exit instanceof VcpuExit.Halt)) {
                        return 0; // cannot even run this: no guest will do better
                    }
                    best = Math.min(best, System.nanoTime() - begin);
                }
                return (long) (2.0 * loops * 1e9 / Math.max(1, best));
            }
        }
    }

    /** Real mode with CS at address 0. */
    private static SpecialRegisters atZero(SpecialRegisters reset) {
        return reset.withCs(reset.cs().withBase(0, 0));
    }
}

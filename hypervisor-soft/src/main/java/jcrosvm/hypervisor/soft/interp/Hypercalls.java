package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;

/** VMCALL and VMMCALL: of KVM's hypercalls none is offered, which a guest that sees KVM's signature is told. */
final class Hypercalls {
    private static final int SIGNATURE_LEAF = 0x4000_0000;
    private static final int SIGNATURE = 0x4b4d_564b; // "KVMK"
    private static final long NO_SUCH_CALL = -1000;
    private static final long NOT_PERMITTED = -1;

    private final Cpu cpu;
    private final Msrs msrs;
    private final int[] answer = new int[4];

    Hypercalls(Cpu cpu, Msrs msrs) {
        this.cpu = cpu;
        this.msrs = msrs;
    }

    void call() {
        msrs.cpuid(SIGNATURE_LEAF, 0, answer);
        if (answer[1] != SIGNATURE) {
            throw cpu.ud();
        }
        long result = cpu.cpl == 0 ? NO_SUCH_CALL : NOT_PERMITTED;
        cpu.gpr(Cpu.RAX, cpu.codeSize() == 8 ? result : result & 0xffff_ffffL);
    }
}

package jcrosvm.hypervisor.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.OptionalLong;
import jcrosvm.base.io.Fd;
import jcrosvm.hypervisor.DebugControl;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.x86.HardwareBreakpoints;

/** A vCPU under a debugger (Linux, Documentation/virt/kvm/api.rst, 4.16 and 4.87). */
final class KvmDebug {
    private static final int BREAKPOINT_EXCEPTION = 3;

    private final Fd vcpu;
    private boolean stepping;

    KvmDebug(Fd vcpu) {
        this.vcpu = vcpu;
    }

    void control(DebugControl control) {
        long[] registers = HardwareBreakpoints.registers(control);
        int flags = (control.singleStep() ? KvmSpec.KVM_GUESTDBG_SINGLESTEP : 0)
                | (control.softwareBreakpoints() ? KvmSpec.KVM_GUESTDBG_USE_SW_BP : 0)
                | (control.breakpoints().isEmpty() ? 0 : KvmSpec.KVM_GUESTDBG_USE_HW_BP);
        try (Arena arena = Arena.ofConfined()) {
            // struct kvm_guest_debug: control at 0, DR0 to DR7 from 8 on
            MemorySegment request = arena.allocate(72, 8);
            request.set(ValueLayout.JAVA_INT, 0, flags == 0 ? 0 : flags | KvmSpec.KVM_GUESTDBG_ENABLE);
            MemorySegment.copy(registers, 0, request, ValueLayout.JAVA_LONG, 8, registers.length);
            vcpu.ioctl("KVM_SET_GUEST_DEBUG", KvmSpec.KVM_SET_GUEST_DEBUG, request);
        }
        stepping = control.singleStep();
    }

    boolean isStepping() {
        return stepping;
    }

    OptionalLong translate(long address) {
        try (Arena arena = Arena.ofConfined()) {
            // struct kvm_translation: linear address at 0, physical 8, whether it is valid 16
            MemorySegment request = arena.allocate(24, 8);
            request.set(ValueLayout.JAVA_LONG, 0, address);
            vcpu.ioctl("KVM_TRANSLATE", KvmSpec.KVM_TRANSLATE, request);
            return request.get(ValueLayout.JAVA_BYTE, 16) == 0
                    ? OptionalLong.empty()
                    : OptionalLong.of(request.get(ValueLayout.JAVA_LONG, 8));
        }
    }

    static VcpuExit step(long address) {
        return new VcpuExit.Debug(VcpuExit.Debug.Cause.STEP, address, VcpuExit.Debug.NO_BREAKPOINT);
    }

    static VcpuExit exit(MemorySegment page) {
        long address = page.get(ValueLayout.JAVA_LONG, KvmRunPage.DEBUG_PC);
        if (page.get(ValueLayout.JAVA_INT, KvmRunPage.DEBUG_EXCEPTION) == BREAKPOINT_EXCEPTION) {
            return new VcpuExit.Debug(VcpuExit.Debug.Cause.SOFTWARE_BREAKPOINT, address, VcpuExit.Debug.NO_BREAKPOINT);
        }
        long hits = page.get(ValueLayout.JAVA_LONG, KvmRunPage.DEBUG_DR6) & HardwareBreakpoints.DR6_HITS;
        return hits == 0
                ? step(address)
                : new VcpuExit.Debug(VcpuExit.Debug.Cause.BREAKPOINT, address, Long.numberOfTrailingZeros(hits));
    }
}

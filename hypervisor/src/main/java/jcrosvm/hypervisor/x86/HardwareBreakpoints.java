package jcrosvm.hypervisor.x86;

import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.hypervisor.DebugControl;
import jcrosvm.hypervisor.DebugControl.Breakpoint;

/** Breakpoints in the form of the debug registers (SDM volume 3, 19.2). */
public final class HardwareBreakpoints {
    private static final int MOST = 4;

    /** Bits of DR6 that say which breakpoints were met. */
    public static final long DR6_HITS = 0xf;

    private HardwareBreakpoints() {}

    /**
     * DR0 to DR7, with breakpoint n of the list in DRn; all but DR0 to DR3 and DR7 are 0.
     *
     * @throws VmmException when there are too many, or one that the processor cannot have
     */
    public static long[] registers(DebugControl control) {
        List<Breakpoint> breakpoints = control.breakpoints();
        if (breakpoints.size() > MOST) {
            throw new VmmException(breakpoints.size() + " hardware breakpoints: the processor has " + MOST);
        }
        long[] registers = new long[8];
        for (int n = 0; n < breakpoints.size(); n++) {
            Breakpoint one = breakpoints.get(n);
            registers[n] = one.address();
            registers[7] |= 2L << 2 * n | (long) (length(one) << 2 | type(one)) << 16 + 4 * n;
        }
        return registers;
    }

    private static int type(Breakpoint breakpoint) {
        return switch (breakpoint.kind()) {
            case EXECUTE -> 0;
            case WRITE -> 1;
            case ACCESS -> 3;
        };
    }

    private static int length(Breakpoint breakpoint) {
        int length = breakpoint.length();
        boolean possible = breakpoint.kind() == DebugControl.Kind.EXECUTE
                ? length == 1
                : length >= 1 && length <= 8 && Integer.bitCount(length) == 1;
        if (!possible || (breakpoint.address() & length - 1) != 0) {
            throw new VmmException("the processor has no hardware breakpoint for %s of %d bytes at 0x%x"
                    .formatted(breakpoint.kind(), length, breakpoint.address()));
        }
        return length == 8 ? 2 : length - 1;
    }
}

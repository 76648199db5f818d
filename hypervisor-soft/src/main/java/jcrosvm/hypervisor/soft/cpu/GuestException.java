package jcrosvm.hypervisor.soft.cpu;

/**
 * A fault of the guest on its way to the processor's delivery. Each {@link Cpu} has one, used again and again: thrown
 * without a stack trace and without allocation. RIP and every register still have the values before the instruction.
 */
@SuppressWarnings("serial")
public final class GuestException extends RuntimeException {
    public static final int NO_ERROR_CODE = -1;

    public static final int DE = 0;
    public static final int DB = 1;
    public static final int NMI = 2;
    public static final int BP = 3;
    public static final int OF = 4;
    public static final int BR = 5;
    public static final int UD = 6;
    public static final int NM = 7;
    public static final int DF = 8;
    public static final int TS = 10;
    public static final int NP = 11;
    public static final int SS = 12;
    public static final int GP = 13;
    public static final int PF = 14;
    public static final int MF = 16;
    public static final int AC = 17;
    public static final int XM = 19;

    private int vector;
    private int errorCode;

    GuestException() {
        super(null, null, false, false);
    }

    GuestException set(int newVector, int newErrorCode) {
        vector = newVector;
        errorCode = newErrorCode;
        return this;
    }

    public int vector() {
        return vector;
    }

    /** Or {@link #NO_ERROR_CODE}. */
    public int errorCode() {
        return errorCode;
    }

    @Override
    public String getMessage() {
        return "vector " + vector + ", error code " + errorCode;
    }
}

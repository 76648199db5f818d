package jcrosvm.hypervisor.soft.interp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.SecureRandom;

/** The source of RDRAND and RDSEED: many numbers are taken from the system at once. */
final class RandomNumbers {
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BYTES = 4096;

    private final SecureRandom source = new SecureRandom();
    private final byte[] numbers = new byte[BYTES];
    private int at = BYTES;

    long next() {
        if (at == BYTES) {
            source.nextBytes(numbers);
            at = 0;
        }
        long number = (long) LONGS.get(numbers, at);
        LONGS.set(numbers, at, 0L); // no guest gets it twice
        at += Long.BYTES;
        return number;
    }
}

package jcrosvm.hypervisor.soft.apic;

import java.util.Arrays;

/** The registers of a local APIC by their offsets: 32 bits in every 16 bytes. Guarded by its APIC's lock. */
final class RegisterPage {
    private static final int STRIDE = 16;

    private final int[] values = new int[ApicRegister.PAGE_USED / STRIDE];

    int get(int offset) {
        return values[offset / STRIDE];
    }

    void set(int offset, int value) {
        values[offset / STRIDE] = value;
    }

    void clear() {
        Arrays.fill(values, 0);
    }

    byte[] toBytes() {
        byte[] bytes = new byte[ApicRegister.PAGE_USED];
        for (int n = 0; n < values.length; n++) {
            for (int i = 0; i < Integer.BYTES; i++) {
                bytes[n * STRIDE + i] = (byte) (values[n] >> (8 * i));
            }
        }
        return bytes;
    }

    void fromBytes(byte[] bytes) {
        for (int n = 0; n < values.length; n++) {
            int value = 0;
            for (int i = 0; i < Integer.BYTES; i++) {
                value |= (bytes[n * STRIDE + i] & 0xff) << (8 * i);
            }
            values[n] = value;
        }
    }
}

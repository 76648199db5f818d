package jcrosvm.e2e;

import java.util.HexFormat;

/** A firmware of a few instructions. */
final class Rom {
    private static final int SIZE = 64 << 10;
    private static final int CODE = 0xff00;
    private static final int RESET_VECTOR = 0xfff0;

    private Rom() {}

    /** Executes this from f000:ff00 on, in real mode. */
    static byte[] of(String hexadecimal) {
        byte[] rom = new byte[SIZE];
        byte[] code = HexFormat.of().parseHex(hexadecimal);
        System.arraycopy(code, 0, rom, CODE, code.length);
        rom[RESET_VECTOR] = (byte) 0xe9; // jmp to CODE
        int distance = CODE - (RESET_VECTOR + 3);
        rom[RESET_VECTOR + 1] = (byte) distance;
        rom[RESET_VECTOR + 2] = (byte) (distance >> 8);
        return rom;
    }
}

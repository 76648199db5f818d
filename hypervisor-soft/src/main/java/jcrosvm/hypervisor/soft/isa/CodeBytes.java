package jcrosvm.hypervisor.soft.isa;

/** Numbers in code. */
final class CodeBytes {
    private CodeBytes() {}

    /** A sign-extended number of 0, 1, 2, 4 or 8 bytes. */
    static long signed(byte[] code, int at, int size) {
        return switch (size) {
            case 0 -> 0;
            case 1 -> code[at];
            case 2 -> code[at] & 0xff | code[at + 1] << 8;
            case 4 -> word(code, at);
            default -> word(code, at) & 0xffff_ffffL | (long) word(code, at + 4) << 32;
        };
    }

    private static int word(byte[] code, int at) {
        return code[at] & 0xff | (code[at + 1] & 0xff) << 8 | (code[at + 2] & 0xff) << 16 | code[at + 3] << 24;
    }
}

package jcrosvm.hypervisor.soft.isa;

/** Memory operands by ModRM, SIB and displacement (SDM volume 2, 2.1.5 and 2.2.1.3). */
final class ModrmAddress {
    private ModrmAddress() {}

    /** Fills the memory operand of {@code into.modrm}; returns where it ends, or -1 when the code ends before. */
    static int decode(byte[] code, int after, int limit, boolean mode64, int extension, Insn into) {
        into.memory = true;
        int at = after;
        int mod = into.modrm >> 6;
        int rm = into.modrm & 7;
        int displacement = mod == 1 ? 1 : mod == 0 ? 0 : into.addressSize == 2 ? 2 : 4;
        if (into.addressSize == 2) {
            if (mod == 0 && rm == 6) {
                displacement = 2;
            } else {
                // BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX
                into.base = rm < 4 ? (rm < 2 ? 3 : 5) : rm < 6 ? rm + 2 : rm == 6 ? 5 : 3;
                into.index = rm < 4 ? 6 + (rm & 1) : Insn.NONE;
            }
        } else if (rm == 4) {
            if (at >= limit) {
                return -1;
            }
            int sib = code[at++] & 0xff;
            into.scale = sib >> 6;
            int index = sib >> 3 & 7 | ((extension & Decoder.REX_X) != 0 ? 8 : 0);
            into.index = index == 4 ? Insn.NONE : index;
            if ((sib & 7) == 5 && mod == 0) {
                displacement = 4;
            } else {
                into.base = sib & 7 | ((extension & Decoder.REX_B) != 0 ? 8 : 0);
            }
        } else if (rm == 5 && mod == 0) {
            displacement = 4;
            into.base = mode64 ? Insn.RIP : Insn.NONE;
        } else {
            into.base = rm | ((extension & Decoder.REX_B) != 0 ? 8 : 0);
        }
        if (at + displacement > limit) {
            return -1;
        }
        into.disp = CodeBytes.signed(code, at, displacement);
        return at + displacement;
    }
}

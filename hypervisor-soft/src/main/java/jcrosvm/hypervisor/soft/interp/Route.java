package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.isa.Op;

/** Which part of the interpreter executes an operation. Small numbers, for the interpreter's switch. */
@SuppressWarnings("EnumOrdinal") // a table by operation, looked at per instruction decoded
final class Route {
    static final int SYSTEM = 0;
    static final int MODIFY = 1;
    static final int COMPARE = 2;
    static final int SHIFT = 3;
    static final int MOVE = 4;
    static final int LEA = 5;
    static final int BRANCH = 6;
    static final int PUSH = 7;
    static final int POP = 8;
    static final int STACK = 9;
    static final int MULTIPLY = 10;
    static final int BITS = 11;
    static final int BIT_TEST = 12;
    static final int DECIMAL = 13;
    static final int EXCHANGE = 14;
    static final int FLAGS = 15;
    static final int STRING = 16;
    static final int PORT = 17;
    static final int NOTHING = 18;
    static final int FLOATING = 19;

    private static final byte[] OF = new byte[Op.values().length];

    static {
        for (Op op : Op.values()) {
            OF[op.ordinal()] = (byte) find(op);
        }
    }

    private Route() {}

    static int of(Op op) {
        return OF[op.ordinal()];
    }

    private static int find(Op op) {
        return switch (op) {
            case ADD, OR, ADC, SBB, AND, SUB, XOR, INC, DEC, NEG, NOT -> MODIFY;
            case CMP, TEST -> COMPARE;
            case ROL, ROR, RCL, RCR, SHL, SHR, SAR, SHLD, SHRD -> SHIFT;
            case MOV, MOVZX, MOVSX, MOVBE, MOVNTI, BSWAP, CBW, CWD, XLAT, CMOVCC, SETCC, RDRAND, RDSEED, RDPID, BOUND ->
                MOVE;
            case LEA -> LEA;
            case JMP, JMP_INDIRECT, CALL, CALL_INDIRECT, RET, JCC, JCXZ, LOOP, LOOPE, LOOPNE -> BRANCH;
            case PUSH -> PUSH;
            case POP -> POP;
            case PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE -> STACK;
            case MUL, IMUL1, IMUL2, IMUL3, DIV, IDIV -> MULTIPLY;
            case BT, BTS, BTR, BTC -> BIT_TEST;
            case BSF,
                    BSR,
                    LZCNT,
                    TZCNT,
                    POPCNT,
                    CRC32,
                    ANDN,
                    BEXTR,
                    BLSI,
                    BLSR,
                    BLSMSK,
                    BZHI,
                    PDEP,
                    PEXT,
                    RORX,
                    SARX,
                    SHLX,
                    SHRX,
                    MULX,
                    ADCX,
                    ADOX -> BITS;
            case AAA, AAS, AAM, AAD, DAA, DAS -> DECIMAL;
            case XCHG, XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B -> EXCHANGE;
            case LAHF, SAHF, SALC, CMC, CLC, STC, CLD, STD -> FLAGS;
            case MOVS, CMPS, STOS, LODS, SCAS -> STRING;
            case INS, OUTS, IN, OUT -> PORT;
            case NOP, FENCE, SERIALIZE, CACHE_HINT -> NOTHING;
            case X87, SIMD, EMMS, MASKMOV -> FLOATING;
            default -> SYSTEM;
        };
    }
}

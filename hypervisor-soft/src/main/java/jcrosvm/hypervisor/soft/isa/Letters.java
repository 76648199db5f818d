package jcrosvm.hypervisor.soft.isa;

/** The SDM's letters for operands (volume 2, A.2), as codes that {@link Decoder} works with. */
final class Letters {
    // Methods: where an operand is.
    static final int NOTHING = 0;
    static final int E = 1; // ModRM.rm: general register or memory
    static final int G = 2; // ModRM.reg
    static final int M = 3; // ModRM.rm: memory
    static final int R = 4; // ModRM.rm: general register
    static final int Z = 5; // low bits of the opcode
    static final int B = 6; // VEX.vvvv
    static final int C = 7; // control register by ModRM.reg
    static final int D = 8; // debug register
    static final int S = 9; // segment register
    static final int V = 10; // XMM by ModRM.reg
    static final int W = 11; // ModRM.rm: XMM or memory
    static final int U = 12; // ModRM.rm: XMM
    static final int P = 13; // MMX by ModRM.reg
    static final int Q = 14; // ModRM.rm: MMX or memory
    static final int N = 15; // ModRM.rm: MMX
    static final int IMMEDIATE = 16;
    static final int SIGNED = 17; // sign-extended
    static final int SECOND = 18;
    static final int J = 19;
    static final int A = 20;
    static final int O = 21;
    static final int STRING = 22; // X and Y: implicit
    static final int FIXED_GPR = 23; // from here on: the register is in the upper byte
    static final int FIXED_SEGMENT = 24;
    static final int FIXED_XMM = 25;
    static final int FIXED_ST = 26;
    static final int STI = 27;
    static final int CONSTANT_ONE = 28;

    // Sizes that depend; others are bytes.
    static final int SIZE_V = -1;
    static final int SIZE_Z = -2;
    static final int SIZE_Y = -3;
    static final int SIZE_N = -4;
    static final int SIZE_P = -5;
    static final int SIZE_S = -6;
    static final int SIZE_A = -7;
    static final int SIZE_E = -8;
    static final int SIZE_F = -9;

    private static final String METHODS = " EGMRZBCDSVWUPQN";

    private Letters() {}

    /** Method in bits 0 to 7, fixed register in bits 8 to 15, size in 16 to 31; that of memory in bits 32 to 47. */
    static long parse(String letters) {
        return switch (letters) {
            case "AL" -> code(FIXED_GPR, 0, 1, 1);
            case "CL" -> code(FIXED_GPR, 1, 1, 1);
            case "AX" -> code(FIXED_GPR, 0, 2, 2);
            case "DX" -> code(FIXED_GPR, 2, 2, 2);
            case "rAX" -> code(FIXED_GPR, 0, SIZE_V, SIZE_V);
            case "eAX" -> code(FIXED_GPR, 0, SIZE_Z, SIZE_Z);
            case "ES" -> code(FIXED_SEGMENT, 0, 2, 2);
            case "CS" -> code(FIXED_SEGMENT, 1, 2, 2);
            case "SS" -> code(FIXED_SEGMENT, 2, 2, 2);
            case "DS" -> code(FIXED_SEGMENT, 3, 2, 2);
            case "FS" -> code(FIXED_SEGMENT, 4, 2, 2);
            case "GS" -> code(FIXED_SEGMENT, 5, 2, 2);
            case "XMM0" -> code(FIXED_XMM, 0, 16, 16);
            case "ST0" -> code(FIXED_ST, 0, 10, 10);
            case "STi" -> code(STI, 0, 10, 10);
            case "1" -> code(CONSTANT_ONE, 0, 1, 1);
            case "I2" -> code(SECOND, 0, 1, 1);
            case "Is" -> code(SIGNED, 0, 1, SIZE_V);
            default -> general(letters);
        };
    }

    private static long general(String letters) {
        int slash = letters.indexOf('/');
        int size = size(letters, 1, slash < 0 ? letters.length() : slash);
        int memory = slash < 0 ? size : size(letters, slash + 1, letters.length());
        char letter = letters.charAt(0);
        int method = METHODS.indexOf(letter);
        return switch (letter) {
            case 'I' -> code(size == SIZE_Z ? SIGNED : IMMEDIATE, 0, size, size == SIZE_Z ? SIZE_V : size);
            case 'J' -> code(J, 0, size, size);
            case 'A' -> code(A, 0, size, size);
            case 'O' -> code(O, 0, size, size);
            case 'X', 'Y' -> code(STRING, 0, size, size);
            default -> {
                if (method <= 0) {
                    throw new IllegalArgumentException(letters);
                }
                yield code(method, 0, size, memory);
            }
        };
    }

    private static int size(String letters, int from, int to) {
        if (to - from == 0) {
            return 0;
        }
        if (to - from == 2) {
            return switch (letters.charAt(from + 1)) {
                case 'q' -> 16; // dq
                case 's' -> letters.charAt(from) == 'p' ? 16 : 4; // ps, ss
                default -> letters.charAt(from) == 'p' ? 16 : 8; // pd, sd
            };
        }
        return switch (letters.charAt(from)) {
            case 'b' -> 1;
            case 'w' -> 2;
            case 'd' -> 4;
            case 'q' -> 8;
            case 't' -> 10;
            case 'x' -> 512;
            case 'k' -> 576;
            case 'v' -> SIZE_V;
            case 'z' -> SIZE_Z;
            case 'y' -> SIZE_Y;
            case 'n' -> SIZE_N;
            case 'p' -> SIZE_P;
            case 's' -> SIZE_S;
            case 'a' -> SIZE_A;
            case 'e' -> SIZE_E;
            case 'f' -> SIZE_F;
            default -> throw new IllegalArgumentException(letters);
        };
    }

    private static long code(int method, int register, int size, int memorySize) {
        return method | register << 8 | (size & 0xffffL) << 16 | (memorySize & 0xffffL) << 32;
    }

    static int method(long code) {
        return (int) code & 0xff;
    }

    static int register(long code) {
        return (int) code >> 8 & 0xff;
    }

    /** Of a register, or the bytes of an immediate in the code. */
    static int size(long code) {
        return (short) (code >> 16);
    }

    /** Of memory, or what an immediate is extended to. */
    static int memorySize(long code) {
        return (short) (code >> 32);
    }

    /** Whether the method looks at the ModRM byte. */
    static boolean usesModrm(int method) {
        return method >= E && method <= N && method != Z && method != B || method == STI;
    }

    static boolean registerOnly(int method) {
        return method == U || method == N || method == R;
    }
}

package jcrosvm.hypervisor.soft.isa;

/** A row of the table on its way to {@link OperationTable}: a form and where it stands. */
final class Row {
    static final int TWIN_NONE = 0;
    /** Takes its twin's place under REX.W in 64-bit mode. */
    static final int TWIN_W = 1;
    /** Takes its twin's place under REX.B. */
    static final int TWIN_B = 2;
    /** Stands for its twin when the masked shift count is 0. */
    static final int TWIN_COUNT = 3;

    static final int COLUMN_NONE = 1;
    static final int COLUMN_66 = 2;
    static final int COLUMN_F3 = 4;
    static final int COLUMN_F2 = 8;

    /** Bit set of prefix columns, or 0: all that no other row takes. */
    final int columns;

    final int twin;
    final boolean vex;
    final int map;
    final int opcode;
    /** How many opcodes in a row. */
    final int count;
    /** ModRM.reg or -1. */
    final int reg;
    /** ModRM.rm, with mod 3, or -1. */
    final int rm;
    /** 'm', 'r', or 0 for both. */
    final char mod;
    /** By condition: a form for each opcode. */
    final boolean conditional;

    /** Reads the notation that the table's head explains. */
    Row(String encoding, boolean counted, boolean conditional) {
        int at = 0;
        int foundTwin = counted ? TWIN_COUNT : TWIN_NONE;
        int foundColumns = 0;
        boolean foundVex = false;
        for (int dot = encoding.indexOf('.'); dot >= 0; dot = encoding.indexOf('.', at)) {
            switch (encoding.substring(at, dot)) {
                case "w1" -> foundTwin = TWIN_W;
                case "b1" -> foundTwin = TWIN_B;
                case "vex" -> foundVex = true;
                case "np" -> foundColumns = COLUMN_NONE;
                case "n6" -> foundColumns = COLUMN_NONE | COLUMN_66;
                case "66" -> foundColumns = COLUMN_66;
                case "f3" -> foundColumns = COLUMN_F3;
                case "f2" -> foundColumns = COLUMN_F2;
                default -> throw new IllegalArgumentException(encoding);
            }
            at = dot + 1;
        }
        twin = foundTwin;
        columns = foundColumns;
        vex = foundVex;
        int end = at;
        while (end < encoding.length() && Character.digit(encoding.charAt(end), 16) >= 0) {
            end++;
        }
        opcode = Integer.parseInt(encoding, end - 2, end, 16);
        map = end - at == 2 ? 0 : end - at == 4 ? 1 : encoding.startsWith("0f38", at) ? 2 : 3;
        this.conditional = conditional;
        count = conditional ? 16 : encoding.startsWith("+r", end) ? 8 : 1;
        int foundReg = -1;
        int foundRm = -1;
        char foundMod = 0;
        if (end < encoding.length() && encoding.charAt(end) == '/') {
            for (int i = end + 1; i < encoding.length(); i++) {
                char c = encoding.charAt(i);
                if (c == 'm' || c == 'r') {
                    foundMod = c;
                } else {
                    foundReg = c - '0';
                }
            }
        } else if (end < encoding.length() && encoding.charAt(end) == ':') {
            int modrm = Integer.parseInt(encoding, end + 1, end + 3, 16);
            foundMod = 'r';
            foundReg = modrm >> 3 & 7;
            foundRm = modrm & 7;
        }
        reg = foundReg;
        rm = foundRm;
        mod = foundMod;
    }

    /** Whether ModRM takes part in the choice of the row. */
    boolean grouped() {
        return mod != 0 || reg >= 0;
    }

    /** Whether it shares its place with a row that has no condition on REX. */
    boolean besideAnother() {
        return twin == TWIN_W || twin == TWIN_B;
    }

    int prefix() {
        return switch (columns) {
            case COLUMN_66 -> 0x66;
            case COLUMN_F3 -> 0xf3;
            case COLUMN_F2 -> 0xf2;
            default -> 0;
        };
    }
}

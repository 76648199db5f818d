package jcrosvm.hypervisor.soft.isa;

import java.util.Random;

/** Random encodings of a form: operands, sizes and superfluous prefixes as they come. */
public final class RandomEncoder {
    private static final int[] IGNORED_SEGMENTS = {0x26, 0x2e, 0x36, 0x3e};
    private static final long[] IMMEDIATES = {0, 1, -1, 0x7f, 0x80, 0x7fffffffL, 0x80000000L, Long.MIN_VALUE};

    private final Random random;
    private final byte[] code = new byte[32];
    private int at;

    public RandomEncoder(Random random) {
        this.random = random;
    }

    /** Bytes of the last {@link #encode}. */
    public byte[] code() {
        return code;
    }

    /** Encodes the form for 64-bit mode and decodes it again; false when the dice fell badly: try again. */
    public boolean encode(int number, Insn into) {
        Form form = OperationTable.TABLE.forms[number];
        at = 0;
        boolean modrm = OperationTable.TABLE.modrm[number];
        boolean register = form.has(Form.REGISTER_ONLY) || !form.has(Form.MEMORY_ONLY) && random.nextBoolean();
        if (chance(30)) {
            put(IGNORED_SEGMENTS[random.nextInt(4)]);
        }
        boolean sized = form.prefix() == 0 && !form.vex() && form.feature().isEmpty()
                || form.operation() == Op.CRC32
                || form.operation() == Op.POPCNT
                || form.operation() == Op.TZCNT
                || form.operation() == Op.LZCNT
                || form.operation() == Op.MOVBE;
        if (sized && chance(5)) {
            put(0x66);
        }
        if (form.operation() == Op.LEA && chance(4)) {
            put(0x67);
        }
        if (form.has(Form.LOCKABLE) && !register && chance(3)) {
            put(0xf0);
        }
        if (form.has(Form.REP) && chance(2) || form.feature().isEmpty() && form.prefix() == 0 && chance(40)) {
            put(random.nextBoolean() ? 0xf2 : 0xf3);
        }
        if (!form.vex()) {
            if (form.prefix() != 0) {
                put(form.prefix());
            }
            if (random.nextBoolean()) {
                put(0x40 | random.nextInt(16));
            }
            if (form.map() > 0) {
                put(0x0f);
            }
            if (form.map() > 1) {
                put(form.map() == 2 ? 0x38 : 0x3a);
            }
        } else {
            put(0xc4);
            put(random.nextInt(8) << 5 | form.map());
            boolean usesVvvv = String.join(",", form.operands()).contains("B");
            int vvvv = usesVvvv ? random.nextInt(16) : 15;
            int pp = form.prefix() == 0 ? 0 : form.prefix() == 0x66 ? 1 : form.prefix() == 0xf3 ? 2 : 3;
            put(random.nextInt(2) << 7 | vvvv << 3 | pp);
        }
        boolean low = form.operands().length > 0 && form.operands()[0].startsWith("Z");
        int span = low && (form.opcode() & 7) == 0 ? 8 : 1;
        put(form.opcode() + random.nextInt(span));
        if (modrm) {
            modrm(form, register);
        }
        for (String operand : form.operands()) {
            long letters = Letters.parse(operand);
            int method = Letters.method(letters);
            if (method >= Letters.IMMEDIATE && method <= Letters.SECOND || method == Letters.O) {
                immediate();
                break;
            }
        }
        int length = Decoder.decode(code, 0, code.length, 8, into);
        return length > 0 && (into.form == form || into.form.flagsWritten() == 0 && same(into.form, form));
    }

    /** A shift by 0 has a form of its own. */
    private static boolean same(Form decoded, Form form) {
        return decoded.mnemonic().equals(form.mnemonic()) && decoded.opcode() == form.opcode();
    }

    private void modrm(Form form, boolean register) {
        int reg = form.group() >= 0 ? form.group() : random.nextInt(8);
        int mod = register ? 3 : random.nextInt(3);
        int rm = random.nextInt(8);
        put(mod << 6 | reg << 3 | rm);
        if (mod == 3) {
            return;
        }
        boolean absolute = mod == 0 && rm == 5;
        if (rm == 4) {
            int sib = random.nextInt(256);
            put(sib);
            absolute = mod == 0 && (sib & 7) == 5;
        }
        if (mod == 1) {
            put(random.nextInt());
        } else if (mod == 2 || absolute) {
            int disp = random.nextInt(65536) - 32768;
            for (int i = 0; i < 4; i++) {
                put(disp >> 8 * i);
            }
        }
    }

    private void immediate() {
        long value = chance(3) ? IMMEDIATES[random.nextInt(IMMEDIATES.length)] : random.nextLong();
        value = chance(3) ? random.nextInt(40) : value;
        for (int i = 0; i < 8; i++) {
            put((int) (value >> 8 * i));
        }
    }

    private boolean chance(int n) {
        return random.nextInt(n) == 0;
    }

    private void put(int b) {
        code[at++] = (byte) b;
    }

    /** Place of the displacement of 32 bits of a RIP-relative operand or the address of a moffs, counted from the end. */
    public static int displacementOffset(Insn insn) {
        int immediates = 0;
        int number = number(insn.form);
        for (int i = 0; i < 4; i++) {
            long letters = OperationTable.TABLE.letters[4 * number + i];
            int method = Letters.method(letters);
            if (method == Letters.IMMEDIATE || method == Letters.SIGNED || method == Letters.SECOND) {
                int size = Letters.size(letters);
                immediates +=
                        size > 0 ? size : size == Letters.SIZE_V ? insn.operandSize : Math.min(4, insn.operandSize);
            }
        }
        return insn.length - immediates - (insn.modrm < 0 ? 8 : 4);
    }

    public static int number(Form form) {
        Form[] forms = OperationTable.TABLE.forms;
        for (int i = 0; i < forms.length; i++) {
            if (forms[i] == form) {
                return i;
            }
        }
        throw new IllegalArgumentException(form.mnemonic());
    }
}

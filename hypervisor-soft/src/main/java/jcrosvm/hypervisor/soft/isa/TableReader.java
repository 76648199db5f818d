package jcrosvm.hypervisor.soft.isa;

import java.util.List;
import java.util.Locale;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import org.jspecify.annotations.Nullable;

/** Parses the lines of the operation table; its head explains them. */
final class TableReader {
    private static final int ALL_FLAGS = Rflags.ARITHMETIC
            | Rflags.TF
            | Rflags.IF
            | Rflags.DF
            | Rflags.IOPL
            | Rflags.NT
            | Rflags.RF
            | Rflags.VM
            | Rflags.AC
            | Rflags.VIF
            | Rflags.VIP
            | Rflags.ID;
    /** What Jcc, SETcc and CMOVcc look at, by the upper three bits of the condition (SDM volume 1, appendix B). */
    private static final int[] CONDITION_FLAGS = {
        Rflags.OF,
        Rflags.CF,
        Rflags.ZF,
        Rflags.CF | Rflags.ZF,
        Rflags.SF,
        Rflags.PF,
        Rflags.SF | Rflags.OF,
        Rflags.SF | Rflags.OF | Rflags.ZF
    };

    private static final String[] CONDITIONS = {
        "o", "no", "b", "nb", "z", "nz", "be", "nbe", "s", "ns", "p", "np", "l", "nl", "le", "nle"
    };
    private static final String[] REGISTERS = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"};

    private String line = "";
    private int at;

    // Words of the section, then of the row.
    private @Nullable Op operation;
    private int flagsRead;
    private int flagsWritten;
    private int flagsUndefined;
    private int registersRead;
    private int registersWritten;
    private int attributes;
    private boolean unaligned;
    private boolean counted;
    private boolean conditional;
    private String feature = "";

    void read(String text, List<Row> rows, List<Form> forms) {
        @Nullable Op sectionOperation = null;
        int sectionAttributes = 0;
        String sectionFeature = "";
        for (int from = 0, end; from < text.length(); from = end + 1) {
            end = text.indexOf('\n', from);
            if (end == from || text.charAt(from) == '#') {
                continue;
            }
            line = text.substring(from, end);
            at = 0;
            flagsRead = 0;
            flagsWritten = 0;
            flagsUndefined = 0;
            registersRead = 0;
            registersWritten = 0;
            unaligned = false;
            counted = false;
            conditional = false;
            String encoding = word();
            if (encoding.equals("section")) {
                operation = null;
                attributes = 0;
                feature = "";
                words();
                sectionOperation = operation;
                sectionAttributes = attributes;
                sectionFeature = feature;
                continue;
            }
            operation = sectionOperation;
            attributes = sectionAttributes;
            feature = sectionFeature;
            row(new RowText(encoding, word(), word()), rows, forms);
        }
    }

    private record RowText(String encoding, String mnemonic, String operands) {}

    private void row(RowText text, List<Row> rows, List<Form> forms) {
        words();
        Op op = operation;
        if (op == null) {
            op = Op.valueOf(text.mnemonic.toUpperCase(Locale.ROOT));
        }
        Row row = new Row(text.encoding, counted);
        int count = text.operands.isEmpty() || text.operands.equals("-") ? 0 : 1;
        for (int i = 0; i < text.operands.length(); i++) {
            count += text.operands.charAt(i) == ',' ? 1 : 0;
        }
        String[] operands = new String[count];
        int[] accesses = new int[count];
        for (int i = 0, from = 0; i < count; i++) {
            int comma = text.operands.indexOf(',', from);
            String operand = text.operands.substring(from, comma < 0 ? text.operands.length() : comma);
            from = comma + 1;
            int colon = operand.indexOf(':');
            operands[i] = colon < 0 ? operand : operand.substring(0, colon);
            accesses[i] = colon < 0 ? Form.READ : access(operand, colon + 1);
            int method = Letters.method(Letters.parse(operands[i]));
            if (Letters.registerOnly(method)) {
                attributes |= Form.REGISTER_ONLY;
            } else if (method == Letters.M) {
                attributes |= Form.MEMORY_ONLY;
            }
            boolean wide = Letters.memorySize(Letters.parse(operands[i])) == 16;
            if (op == Op.SIMD && wide && !unaligned && (method == Letters.W || method == Letters.M)) {
                attributes |= Form.ALIGNED_16;
            }
        }
        if (row.mod == 'r') {
            attributes |= Form.REGISTER_ONLY;
        } else if (row.mod == 'm') {
            attributes |= Form.MEMORY_ONLY;
        }
        rows.add(row);
        Form form = new Form(
                text.mnemonic,
                op,
                row.opcode,
                row.map,
                row.prefix(),
                row.vex,
                row.reg,
                operands,
                accesses,
                flagsRead,
                flagsWritten,
                flagsUndefined,
                registersRead,
                registersWritten,
                attributes,
                feature);
        forms.add(conditional ? conditional(form, 0) : form);
    }

    private int access(String operand, int from) {
        return switch (operand.substring(from)) {
            case "w" -> Form.WRITE;
            case "rw" -> Form.READ | Form.WRITE;
            case "n" -> 0;
            default -> throw new IllegalArgumentException(line);
        };
    }

    /** The form of another condition: row {@code cc} by {@code condition}. */
    static Form conditional(Form form, int condition) {
        String stem = switch (form.operation()) {
            case JCC -> "j";
            case SETCC -> "set";
            default -> "cmov";
        };
        return with(
                form,
                stem + CONDITIONS[condition],
                (form.opcode() & 0xf0) + condition,
                CONDITION_FLAGS[condition >> 1],
                form.flagsWritten(),
                form.flagsUndefined());
    }

    /** A shift whose count is 0. */
    static Form withoutFlags(Form form) {
        return with(form, form.mnemonic(), form.opcode(), 0, 0, 0);
    }

    private static Form with(Form form, String mnemonic, int opcode, int read, int written, int undefined) {
        return new Form(
                mnemonic,
                form.operation(),
                opcode,
                form.map(),
                form.prefix(),
                form.vex(),
                form.group(),
                form.operands(),
                form.accesses(),
                read,
                written,
                undefined,
                form.registersRead(),
                form.registersWritten(),
                form.attributes(),
                form.feature());
    }

    private String word() {
        while (at < line.length() && line.charAt(at) == ' ') {
            at++;
        }
        int from = at;
        while (at < line.length() && line.charAt(at) != ' ') {
            at++;
        }
        return line.substring(from, at);
    }

    private void words() {
        for (String word = word(); !word.isEmpty(); word = word()) {
            int equals = word.indexOf('=');
            if (equals >= 0) {
                assign(word.substring(0, equals), word.substring(equals + 1));
            } else if (word.charAt(0) == '+') {
                feature = word.substring(1);
            } else {
                attribute(word);
            }
        }
    }

    private void assign(String name, String value) {
        switch (name) {
            case "op" -> operation = Op.valueOf(value);
            case "r" -> {
                conditional = value.equals("cc");
                flagsRead = conditional ? 0 : flags(value);
            }
            case "w" -> flagsWritten |= flags(value);
            case "u" -> {
                flagsUndefined = flags(value);
                flagsWritten |= flagsUndefined;
            }
            case "in" -> registersRead = registers(value);
            case "out" -> registersWritten = registers(value);
            default -> throw new IllegalArgumentException(line);
        }
    }

    private void attribute(String word) {
        switch (word) {
            case "i64" -> attributes |= Form.NOT_IN_64;
            case "o64" -> attributes |= Form.ONLY_IN_64;
            case "d64" -> attributes |= Form.DEFAULT_64;
            case "f64" -> attributes |= Form.FORCE_64;
            case "lock" -> attributes |= Form.LOCKABLE;
            case "priv" -> attributes |= Form.PRIVILEGED | Form.MAY_FAULT;
            case "ends" -> attributes |= Form.ENDS_BLOCK;
            case "fault" -> attributes |= Form.MAY_FAULT;
            case "atomic" -> attributes |= Form.ATOMIC;
            case "a16" -> attributes |= Form.ALIGNED_16;
            case "rep" -> attributes |= Form.REP;
            case "xm" -> attributes |= Form.MXCSR;
            case "unaligned" -> unaligned = true;
            case "count" -> counted = true;
            default -> throw new IllegalArgumentException(line);
        }
    }

    private int flags(String letters) {
        int set = 0;
        for (int i = 0; i < letters.length(); i++) {
            set |= switch (letters.charAt(i)) {
                case 'o' -> Rflags.OF;
                case 'd' -> Rflags.DF;
                case 'i' -> Rflags.IF;
                case 't' -> Rflags.TF;
                case 's' -> Rflags.SF;
                case 'z' -> Rflags.ZF;
                case 'a' -> Rflags.AF;
                case 'p' -> Rflags.PF;
                case 'c' -> Rflags.CF;
                case 'A' -> Rflags.AC;
                case 'N' -> Rflags.NT;
                case '*' -> ALL_FLAGS;
                default -> throw new IllegalArgumentException(line);
            };
        }
        return set;
    }

    private int registers(String names) {
        int set = 0;
        for (int from = 0, end; from < names.length(); from = end + 1) {
            int comma = names.indexOf(',', from);
            end = comma < 0 ? names.length() : comma;
            String name = names.substring(from, end);
            int number = name.equals("r11") ? 11 : -1;
            for (int i = 0; i < REGISTERS.length; i++) {
                if (REGISTERS[i].equals(name)) {
                    number = i;
                }
            }
            if (number < 0) {
                throw new IllegalArgumentException(line);
            }
            set |= 1 << number;
        }
        return set;
    }
}
